package loop

import (
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

// PolicyOf is what the owner of a service chose, for the loop.
func PolicyOf(s *plan.Steering, ttl time.Duration) Policy {
	p := Policy{TTL: ttl, CalmTTL: s.CalmTTL, ConnectionLife: s.ConnectionLife, MinSites: s.MinSites, Gain: float64(s.GainMicro) / plan.WholeGain}
	if w := s.Watermarks; w != (plan.Watermarks{}) {
		p.Marks = load.Marks{Low: load.Level(w.LowPercent) * load.Full / 100, High: load.Level(w.HighPercent) * load.Full / 100}
	}
	return p
}

// ClassesOf are the demand classes of a service with what its policy says of sites: their candidates' costs are the way, where
// the policy chooses what is near the same for all sites of a tier, and what a request costs there besides. Sites are those
// of plan.CompiledService.All, in the order of their names.
func ClassesOf(s *plan.CompiledService) []Class {
	policy, besides := &s.Spec.Steering, map[gslb.SiteID]solve.Cost{}
	for _, c := range policy.Costs {
		besides[c.Site] = solve.Cost(c.Milliseconds) * millisecond
	}
	var list []Class
	allowed := allowedBy(s)
	for _, d := range s.All.Classes.Demand().List {
		class := Class{Key: d.Key, Allowed: allowed(d.Residency)}
		for k, candidate := range d.Candidates {
			way := solve.Cost(d.CostMicros[k])
			if policy.Near != (plan.Near{}) {
				way = shortest(&d, candidate.Tier)
			}
			site := s.Endpoints[s.All.BySite[candidate.Site]].Site
			class.Candidates = append(class.Candidates, Candidate{Site: int(candidate.Site), Tier: candidate.Tier, Cost: way + besides[site],
				RTT: time.Duration(d.CostMicros[k]) * time.Microsecond})
		}
		list = append(list, class)
	}
	return list
}

// allowedBy makes the sites that each residency rule allows, each list once.
func allowedBy(s *plan.CompiledService) func(rule uint16) []bool {
	lists := map[uint16][]bool{plan.NoResidency: nil}
	return func(rule uint16) []bool {
		list, made := lists[rule]
		if !made {
			for _, endpoint := range s.All.BySite {
				list = append(list, s.Allows(rule, int(endpoint)))
			}
			lists[rule] = list
		}
		return list
	}
}

const millisecond solve.Cost = 1_000

// shortest is the way to the nearest site of a tier. Where one of them counts as near as the other, none may be preferred.
func shortest(d *plan.DemandClass, tier uint8) (way solve.Cost) {
	way = solve.MaxCost
	for k, candidate := range d.Candidates {
		if candidate.Tier == tier {
			way = min(way, solve.Cost(d.CostMicros[k]))
		}
	}
	return way
}
