package sim

import (
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// Steerer answers resolvers. It belongs to one simulation.
type Steerer interface {
	// Step is called once a second, before the questions of that second.
	Step(v *View)
	// Ask answers one resolver. The name server of the question is up.
	Ask(q Question) Answer
}

// Question is a resolver's.
type Question struct {
	// Now is the second of the simulation.
	Now int64
	// Asker is an index into the population's askers: a peer may keep under it what it knows of the client.
	Asker      int
	NameServer int
	Client     gslb.ClientSubnet
	// Direction is where the client network is, or the resolver that does not name one.
	Direction gslb.Direction
}

// Answer names the site that a resolver is sent to. It lives at least a second.
type Answer struct {
	// Site is an index into View.Sites; NoSite means: an empty answer or an error.
	Site int
	TTL  time.Duration
}

// NoSite is the site of an answer that names none. The resolver asks again a second later.
const NoSite = -1

// View is what can be seen from outside the sites at one second.
type View struct {
	Now int64
	// Time is Now as a point in time.
	Time  time.Time
	Sites []SiteView
	// HubDown says that no hub is running, BusDown that name servers, hub and sites cannot reach each other.
	HubDown, BusDown bool
	NameServers      []NameServerView
	sim              *Sim
}

// SiteView is what is known of a site without asking it.
type SiteView struct {
	Spec      *SiteSpec
	Direction gslb.Direction
	Drained   bool
	// Report is the newest that has arrived; nil: none ever.
	Report *Report
}

// NameServerView is the state of a name server. CutOff says that it reaches neither hub nor bus.
type NameServerView struct{ Down, CutOff bool }

// Probe says whether a probe from a name server to a site succeeds now.
func (v *View) Probe(nameServer, site int) bool {
	return !v.sim.sites[site].dead && !v.sim.blocked[pair{nameServer, site}]
}

// Sorted is the sites in the order of their distance from a direction.
func (v *View) Sorted(from gslb.Direction) []int {
	order, chord := make([]int, len(v.Sites)), make([]gslb.Chord, len(v.Sites))
	for i := range v.Sites {
		order[i], chord[i] = i, from.Chord(v.Sites[i].Direction)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case chord[a] < chord[b]:
			return -1
		case chord[a] > chord[b]:
			return 1
		}
		return 0
	})
	return order
}
