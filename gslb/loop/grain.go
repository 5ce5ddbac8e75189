package loop

import (
	"math"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

// How much of a site one slot of a heavy resolver may fill, and one unit of a class, without being dear, and by how many times
// as much they become dearer.
const (
	mostPerSlot = 0.1
	mostPerUnit = 0.05
	mostGrain   = 4
)

// unitsPerClass is into how many units a class is cut at least (plan.DemandClass.UnitBits).
const unitsPerClass = 32

// grain is what a request of a class costs beyond its way at a site that is small beside the class. Shares are kept by whole
// units, of which each is at one site, and by slots of heavy resolvers, which come and go together: what a small share of such
// a class brings to a small site is chance.
func (t *turn) grain(class, site int) solve.Cost {
	capacity := max(t.capacity[site].effective(), 1)
	slot := t.lump[class] * (1 - math.Exp(-plan.HeavySlot.Seconds()/t.policy.ConnectionLife.Seconds()))
	unit := t.estimate.demand[class] / unitsPerClass
	times := max(slot/(mostPerSlot*capacity), unit/(mostPerUnit*capacity))
	return solve.Cost(min(max(times-1, 0), mostGrain) * float64(fillCost))
}
