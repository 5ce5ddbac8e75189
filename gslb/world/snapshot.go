// Package world holds what a name server serves at one moment.
//
// A Snapshot joins a compiled map with what the name server itself knows: the addresses that its probes call down and, where
// nothing is left and the policy asks for it, what was the last to be up. It is immutable. One Builder, owned by one
// goroutine, makes snapshots; a Store hands the current one to every reader through an atomic pointer. Rule: a name server
// only takes away. Nothing here computes a weight.
//
// It is pure. gslb/node builds, gslb/steer decides on the result, the simulator does both.
package world

import (
	"net/netip"
	"sync/atomic"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/tally"
)

// Snapshot is what is served, whole. Readers load it once per query and use nothing else.
type Snapshot struct {
	// Generation is the map's; 0 while there is none.
	Generation uint64
	// Plan is nil while there is no map.
	Plan     *plan.Compiled
	services []*Service // parallel to Plan.Services
}

// Service returns the live state of a service by its index in the plan.
func (s *Snapshot) Service(index int) *Service { return s.services[index] }

// Gone lists the names that are served now and that next does not have: steered ones, then those of static records.
func (s *Snapshot) Gone(next *plan.Compiled) (names []gslb.Name) {
	if s.Plan == nil {
		return nil
	}
	kept := map[gslb.Name]bool{}
	for i := range next.Map.Zones {
		for _, owner := range next.Map.Zones[i].Owners() {
			kept[owner] = true
		}
	}
	for _, service := range s.Plan.Map.Services {
		for _, name := range append([]gslb.Name{service.Name}, service.Aliases...) {
			if _, served := next.Service(name); !served {
				names = append(names, name)
			}
		}
	}
	for i := range s.Plan.Map.Zones {
		for _, owner := range s.Plan.Map.Zones[i].Owners() {
			if _, steered := next.Service(owner); !steered && !kept[owner] {
				names = append(names, owner)
			}
		}
	}
	return names
}

// Service is the live state of one service, parallel to its compiled endpoints.
type Service struct {
	Endpoints []Endpoint
	// Tally counts the answers by demand class and endpoint; nil where the service has no demand classes. It is all that
	// ever changes in a snapshot, and is shared with the snapshots before and after as long as the numbers mean the same.
	Tally *tally.Service
	// ready has a bit for each endpoint, by family: those of a thousand lie in two cache lines.
	ready [plan.Families][]uint64
	// lastGood is, by family and residency rule, the service as it was; nil while an endpoint is ready.
	lastGood [plan.Families][]*Service
}

// LastGood is the service as it was in the last moment when an endpoint was ready for clients of the family that a residency
// rule holds for, if its policy asks for that and none is now; nil if not, or if the builder saw no such moment. It has no
// tally.
func (s *Service) LastGood(family plan.Family, rule uint16) *Service {
	if int(rule) >= len(s.lastGood[family]) {
		return nil
	}
	return s.lastGood[family][rule]
}

// Ready says whether an endpoint may take clients of the family.
func (s *Service) Ready(family plan.Family, endpoint int) bool {
	return s.ready[family][endpoint/wordBits]>>(endpoint%wordBits)&1 != 0
}

// seal notes which endpoints are ready, when all else is known of them.
func (s *Service) seal() {
	for family := range plan.Families {
		s.ready[family] = make([]uint64, (len(s.Endpoints)+wordBits-1)/wordBits)
		for i := range s.Endpoints {
			if s.Endpoints[i].Ready(family) {
				s.ready[family][i/wordBits] |= 1 << (i % wordBits)
			}
		}
	}
}

const wordBits = 64

// Endpoint is the live state of one endpoint.
type Endpoint struct {
	// Up is false once every address of the endpoint is down, by the probes. ForcedUp: an operator says otherwise, and
	// stands above them.
	Up, ForcedUp bool

	// Drained and Capacity are the map's, and so are Brief, answers should soon be asked for again, and Calm, they may live long.
	Drained, Brief, Calm bool
	Capacity             gslb.MilliRPS
	// alive and all hold the addresses by family and tag; the last group of a family has every tag's.
	alive, all [plan.Families][]group
}

// group is the addresses of one tag.
type group struct {
	tag   plan.TagID
	addrs []netip.Addr
}

// Addresses returns the addresses of a family for clients that match tags: those of the first tag that has any, and that
// tag; else all, and plan.NoTag. Addresses that are down are left out unless the caller asks for them. The result must not
// be changed.
func (e *Endpoint) Addresses(family plan.Family, tags []plan.TagID, evenDown bool) ([]netip.Addr, plan.TagID) {
	groups := e.alive[family]
	if evenDown {
		groups = e.all[family]
	}
	if len(groups) == 0 {
		return nil, plan.NoTag
	}
	last := len(groups) - 1
	for _, tag := range tags {
		for i := range groups[:last] {
			if groups[i].tag == tag {
				return groups[i].addrs, tag
			}
		}
	}
	return groups[last].addrs, plan.NoTag
}

// Has says whether the endpoint has an address of the family that is not down, or that is forced up.
func (e *Endpoint) Has(family plan.Family) bool { return len(e.alive[family]) > 0 }

// Ready says whether the endpoint may take clients of the family: up, not drained, with capacity.
func (e *Endpoint) Ready(family plan.Family) bool {
	return (e.Up || e.ForcedUp) && !e.Drained && e.Capacity > 0 && e.Has(family)
}

// Store holds the current snapshot. Any number of readers; one writer.
type Store struct {
	current atomic.Pointer[Snapshot]
}

// NewStore starts with an empty snapshot: no map, nothing to serve.
func NewStore() *Store {
	s := &Store{}
	s.current.Store(&Snapshot{})
	return s
}

// Load returns the current snapshot, never nil.
func (s *Store) Load() *Snapshot { return s.current.Load() }

// Swap makes a snapshot the current one.
func (s *Store) Swap(next *Snapshot) { s.current.Store(next) }
