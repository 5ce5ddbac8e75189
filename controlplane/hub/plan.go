package hub

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/cname"
	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/shift"
	"tidegate.dev/tidegate/gslb/signal"
)

// Times after which the hub stops waiting or believing.
const (
	// SilentAfter is how old a site's last report may be. A silent site is frozen: it keeps all it has.
	SilentAfter = 10 * time.Second
	// ServerLiveFor is how old a name server's last report may be, of one every 10 s.
	ServerLiveFor = 30 * time.Second
	// WarmUp is how long a new leader waits for sites that were known before.
	WarmUp = 10 * time.Second
)

// Inputs is everything that the hub observes. Plan does not change it.
type Inputs struct {
	Now time.Time
	// Since is when this hub began to lead.
	Since time.Time

	Deployments  []*appsv1.Deployment
	StatefulSets []*appsv1.StatefulSet
	Services     []*corev1.Service
	Placements   []*v1alpha1.EdgePlacement
	Policies     []*v1alpha1.SteeringPolicy
	Sites        []*v1alpha1.Site
	Zones        []*v1alpha1.Zone
	Exports      []*v1alpha1.DomainExport
	Shifts       []*v1alpha1.TrafficShift

	Reports map[gslb.SiteID]SiteObservation
	Servers map[string]ServerObservation
	// LeadsTo maps domains outside our zones to where their CNAME led when it was last looked up. One that was never
	// answered is missing.
	LeadsTo map[gslb.Name]gslb.Name

	// Geo is the table that lines of Sites are held against; nil while the hub has none.
	Geo *geodata.Table

	// Steered is what the last turn of the control loop decided, by service. One that is missing keeps the splits it has.
	Steered map[gslb.Name]loop.Output
	// HeavyResolvers are those that carry more than 1/32 of a demand class, sorted.
	HeavyResolvers []netip.Addr
	// Shifted is how far that turn let each of Shifts go. One that is missing is as far as its status says.
	Shifted map[types.UID]shift.State
	// Measured is what health was measured at each site. One that is missing was not judged yet.
	Measured map[gslb.SiteID]MeasuredHealth

	// Current is the map that Head names; nil and zero while nothing is published.
	Current *plan.Map
	Head    plan.Head
	State   State
	// Work is what the bus holds for each site; a site that it holds nothing for is missing.
	Work map[gslb.SiteID]SiteWork
	// Handout is what name servers shall know of that table; zero while there is none.
	Handout GeoHandout
}

// SiteObservation is a site's last report and when it came.
type SiteObservation struct {
	Report   signal.SiteReport
	Received time.Time
}

// ServerObservation is a name server's last report and when it came.
type ServerObservation struct {
	Report   signal.NameServerReport
	Received time.Time
}

// State is what the hub keeps beside the DomainExports: the highest generation that it ever used, why the maps of the last
// day took something away, and what the last geo table was made of.
type State struct {
	Generation uint64        `json:"generation"`
	Reasons    []DatedReason `json:"reasons,omitempty"`
	GeoFiles   string        `json:"geoFiles,omitempty"`
}

// DatedReason is a reason and when it arose.
type DatedReason struct {
	plan.Reason
	At time.Time `json:"at"`
}

// SiteWork is what the bus holds for a site.
type SiteWork struct {
	Inventory work.Inventory
	// Since maps each bundle's key to the revision that its present form came with, if that is known.
	Since map[string]uint64
	// Tried is an inventory that was not written, since one of its bundles could not be. It has taken its revision
	// already, and keeps it while it stays the same.
	Tried work.Inventory
}

// Outputs is everything that should be written; what is as it should be is left out.
type Outputs struct {
	// Hold is why nothing is written at all: the hub has not heard enough yet. Empty: it has.
	Hold string

	Exports      []ExportWrite
	Retired      []*v1alpha1.DomainExport
	Deployments  []*appsv1.Deployment
	StatefulSets []*appsv1.StatefulSet
	Services     []*corev1.Service
	Notes        []Note
	Sites        []*v1alpha1.Site
	Zones        []*v1alpha1.Zone
	Policies     []*v1alpha1.SteeringPolicy
	Shifts       []*v1alpha1.TrafficShift
	Events       []Event
	// Links are the CNAMEs that exports wait for or rely on; they are to be looked up.
	Links []cname.Link

	Work map[gslb.SiteID]WorkWrite

	// Map is what the name servers shall serve, and Publish that it is another than they have. Refused is why it must
	// not be published as it is: the guards that name servers apply would refuse it.
	Map     *plan.Map
	Publish bool
	Refused error
	// same: Map is what Head names already.
	same bool
	// State is to be kept before the map is published.
	State State
}

// ExportWrite is a DomainExport to write.
type ExportWrite struct {
	Object         *v1alpha1.DomainExport
	Spec, Status   bool // which part differs
	PreviousExists bool
}

// Note is the status annotation of an annotated object; an empty text removes it.
type Note struct {
	Kind, Namespace, Name string
	UID                   types.UID
	Text                  string
}

// Plan thinks once about everything.
func Plan(in Inputs) Outputs {
	if why := in.warmingUp(); why != "" {
		return Outputs{Hold: why, State: in.State}
	}
	sites := newSiteTable(in)
	zones := newZoneTable(in)
	policies := newPolicyTable(in)
	exports := newExports(in, sites, zones, policies)
	exports.place()
	exports.observe()

	out := Outputs{Retired: exports.retired, Zones: zones.writes(), Policies: policies.writes(), Work: exports.work()}
	out.Sites = sites.writes(out.Work)
	out.Map = worldMap(in, sites, zones, exports)
	out.State = State{Generation: in.State.Generation, Reasons: reasons(in, out.Map, exports), GeoFiles: cmp.Or(in.Handout.Files, in.State.GeoFiles)}
	out.publish(in)
	exports.report(&out)
	shifts, told := shiftWrites(in)
	out.Shifts = shifts
	out.Events = slices.Concat(sites.events, zones.events, policies.events, exports.events, told)
	return out
}

// publish decides whether the map is news for the name servers, and safe.
func (out *Outputs) publish(in Inputs) {
	if len(in.Zones) == 0 && in.Current == nil {
		return // a hub without a zone has nothing to publish yet
	}
	if out.Refused = out.Map.Validate(); out.Refused != nil {
		return
	}
	data, err := out.Map.Encode()
	if err != nil {
		out.Refused = err
		return
	}
	out.same = plan.DigestOf(data) == in.Head.Digest
	if out.same && in.geoNamed() && in.Head.Generation >= in.highestServed() {
		return
	}
	out.Refused = plan.Accept(in.Current, out.Map, out.State.Plain())
	out.Publish = out.Refused == nil
}

// Plain lists the reasons without their dates.
func (s State) Plain() []plan.Reason {
	var list []plan.Reason
	for _, r := range s.Reasons {
		list = append(list, r.Reason)
	}
	return list
}

// NextGeneration is above everything that was ever published, as far as anybody remembers.
func (in Inputs) NextGeneration() uint64 {
	return max(in.State.Generation, in.Head.Generation, in.highestServed()) + 1
}

// NextHead names a map, with the state that is kept before it is published.
func (in Inputs) NextHead(kept State, data []byte) plan.Head {
	return plan.Head{Generation: kept.Generation, Digest: plan.DigestOf(data), Previous: in.Head.Digest,
		GeoDigest: in.geoDigest(), Reasons: kept.Plain()}
}

func (in Inputs) highestServed() uint64 {
	highest := uint64(0)
	for _, s := range in.Servers {
		highest = max(highest, s.Report.Generation)
	}
	return highest
}

// warmingUp is why a new leader should wait: a site that reported to an earlier one has not reported to this one.
func (in Inputs) warmingUp() string {
	if in.Now.Sub(in.Since) >= WarmUp {
		return ""
	}
	for _, s := range in.Sites {
		if _, heard := in.Reports[gslb.SiteID(s.Name)]; !heard && s.Status.LastReport != nil {
			return "site " + s.Name + " has not reported yet"
		}
	}
	return ""
}

// liveServers lists the name servers that report, by name.
func (in Inputs) liveServers() []string {
	names := slices.Sorted(maps.Keys(in.Servers))
	return slices.DeleteFunc(names, func(name string) bool {
		return in.Now.Sub(in.Servers[name].Received) > ServerLiveFor
	})
}

// byName sorts objects by namespace and name, so that no pass depends on the order of a cache.
func byName[T interface {
	GetNamespace() string
	GetName() string
}](list []T) []T {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b T) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return sorted
}
