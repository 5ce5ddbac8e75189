package scheduler

import (
	"math"

	"tidegate.dev/tidegate/gslb"
)

// NoLimit is the room of a site whose operator set no limit.
const NoLimit = math.MaxInt

// Site is one site as a workload sees it.
type Site struct {
	ID           gslb.SiteID
	Region       string
	Lines        []gslb.Line
	Accelerators []string
	// Room is how many replicas of this workload fit, those that it already has here included.
	Room int
	// Cordoned: the operator wants nothing new here. What runs may stay.
	Cordoned bool
	// Silent: the site does not report. It keeps what it has, and gets nothing new.
	Silent bool
	// Excluded is why the caller rules the site out, such as a label that does not match; empty if it does not.
	Excluded string
}

// Workload is what shall run.
type Workload struct {
	// Name tells workloads apart, such as "shop/Deployment/chat". Among sites that are equally good it decides, so that
	// small workloads do not all land on the first site.
	Name     string
	Replicas int
	Policy   Policy
}

// Policy says which sites may run a workload. Empty lists allow every site.
type Policy struct {
	// Name is how the owner calls the policy: "spread", or the name of an EdgePlacement.
	Name    string
	Sites   []gslb.SiteID
	Regions []string
	// Lines: the site must have one of them. Accelerators likewise.
	Lines        []gslb.Line
	Accelerators []string
	// MinSites and MaxSites bound how many sites run replicas; 0 is no bound.
	MinSites int
	MaxSites int
}

// Placement is the number of replicas by site.
type Placement map[gslb.SiteID]int

// Decision is where a workload runs, and why.
type Decision struct {
	Workload Workload
	// Sites has one entry for each site of the snapshot, by ID.
	Sites []SiteDecision
	// Unschedulable is how many replicas found no site.
	Unschedulable int
	// Problem is what the owner should know: why replicas found no site, or which bound of the policy is not met.
	Problem string
}

// SiteDecision is one site's part of a Decision.
type SiteDecision struct {
	Site     gslb.SiteID
	Replicas int
	Previous int
	// Reason is why the site got that many.
	Reason string
}

// Placement is the decision without its reasons; sites without replicas are left out.
func (d Decision) Placement() Placement {
	p := Placement{}
	for _, s := range d.Sites {
		if s.Replicas > 0 {
			p[s.Site] = s.Replicas
		}
	}
	return p
}
