package hub

import (
	"net/netip"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
)

// heavyResolvers are those that the next map names: of every service, what its last Step said. Before the first turn of this
// hub it is what another one found.
func (s *steering) heavyResolvers(served *plan.Map) (list []netip.Addr) {
	switch {
	case s.heavy == nil && served == nil:
		return nil
	case s.heavy == nil:
		return served.HeavyResolvers
	}
	for _, resolvers := range s.heavy {
		list = append(list, resolvers...)
	}
	slices.SortFunc(list, netip.Addr.Compare)
	list = slices.Compact(list)
	return list[:min(len(list), plan.MaxHeavyResolvers)]
}

// stateOf is what the next Step of a service begins with.
func (s *steering) stateOf(spec *plan.Service, served *plan.Map) loop.State {
	if state, known := s.states[spec.Name]; known {
		return state
	}
	return loop.Remembered(spec.Splits, s.rememberedHeavy(spec.Name, served))
}

// rememberedHeavy are the heavy resolvers of a service without a state: those of its last Step. In the first turn of this hub
// nobody knows whose those of the served map are, so that every service begins with all of them and keeps its own.
func (s *steering) rememberedHeavy(name gslb.Name, served *plan.Map) []netip.Addr {
	if s.heavy == nil {
		return served.HeavyResolvers
	}
	return s.heavy[name]
}
