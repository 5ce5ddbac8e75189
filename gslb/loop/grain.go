package loop

import (
	"math"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

// mostPerSlot is the part of a site that one slot may fill without being dear.
const mostPerSlot = 0.1

// grain is what a request of a class costs beyond its way at a site that is small beside the class. Who is behind one
// resolver comes and goes together, slot by slot, and any class may be mostly one resolver: a small share of it is not a
// small load all the time, but the whole class for a short one.
func (t *turn) grain(class, site int) solve.Cost {
	room := mostPerSlot * t.capacity[site].effective()
	at := t.estimate.demand[class] * (1 - math.Exp(-plan.HeavySlot.Seconds()/t.policy.ConnectionLife.Seconds()))
	return solve.Cost(min(max(at/max(room, 1)-1, 0), 4) * float64(fillCost))
}
