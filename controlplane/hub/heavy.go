package hub

import (
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
)

// heavyResolvers brings to gslb/loop what name servers reported of single resolvers.
type heavyResolvers struct {
	found loop.Heavy
	// remembered says that a map was seen: the list of this hub begins with what another one found.
	remembered bool
}

func (h *heavyResolvers) hear(answers []signal.ServiceAnswers) {
	for _, s := range answers {
		for _, c := range s.Classes {
			seconds := int64(0)
			for _, n := range c.Seconds {
				seconds += n
			}
			h.found.HearClass(loop.DemandOf{Service: s.Service, Class: plan.ClassKey(c.Class)}, seconds)
		}
		for _, r := range s.Resolvers {
			h.found.HearResolver(loop.DemandOf{Service: s.Service, Class: plan.ClassKey(r.Class)}, r.Resolver, r.Seconds)
		}
	}
}

// heavyResolvers are those that the next map names. The list must not be changed.
func (h *heard) heavyResolvers(now time.Time, served *plan.Map) []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	if served != nil && !h.heavy.remembered {
		h.heavy.found.Remember(served.HeavyResolvers)
		h.heavy.remembered = true
	}
	return h.heavy.found.Look(now)
}
