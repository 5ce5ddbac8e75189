package loop

import (
	"math"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

// How much of a site one slot of a heavy resolver may fill, and a resolver that is just not heavy, without being dear, and by
// how many times as much they become dearer.
const (
	mostPerSlot = 0.1
	mostPerLump = 0.05
	mostGrain   = 4
)

// grain is what a request of a class costs beyond its way at a site that is small beside the class. Shares are kept by whole
// resolvers, of which each is at one site, and by slots of heavy ones, which come and go together: what a small share of such a
// class brings to a small site is chance.
func (t *turn) grain(class, site int) solve.Cost {
	capacity := max(t.capacity[site].effective(), 1)
	slot := t.lump[class] * (1 - math.Exp(-plan.HeavySlot.Seconds()/t.policy.ConnectionLife.Seconds()))
	lump := t.estimate.demand[class] / heavyPart
	times := max(slot/(mostPerSlot*capacity), lump/(mostPerLump*capacity))
	return solve.Cost(min(max(times-1, 0), mostGrain) * float64(fillCost))
}
