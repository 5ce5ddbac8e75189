package loop

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

// "Shedding checks where the water goes: never push a site over its high mark to relieve another" (rule 5). In random worlds
// where demand jumps about, no step plans more for a site than its high mark, than it had, or than it must have because all are
// full.
func TestNobodyIsFlooded(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := chain(t, random)
		for range 40 {
			w.classes[random.IntN(len(w.classes))].demand = 20 + 100*random.Float64()
			w.pass()
			if len(w.out.Notes) > 0 {
				continue // all are full, and that is said
			}
			for _, s := range w.out.Sites {
				high := float64(s.Counted)*s.Correction*0.9 - float64(s.Drift)
				if limit := max(high, float64(s.Before)); float64(s.After) > limit*1.002+1 {
					t.Fatalf("seed %d: %s is to have %v after %v, its high mark is at %v", seed, s.ID, s.After, s.Before, gslb.MilliRPS(high))
				}
			}
		}
	}
}

// chain is six sites in a row with a class at each, that may go two sites far.
func chain(t *testing.T, random *rand.Rand) *world {
	var sites []worldSite
	var classes []worldClass
	for i := range 6 {
		sites = append(sites, worldSite{id: gslb.SiteID(fmt.Sprint("site-", i)), claimed: 60 + 60*random.Float64()})
		c := worldClass{key: plan.ClassKey(fmt.Sprintf("%016x", i)), demand: 30 + 40*random.Float64(), answers: 40, costs: map[int]solve.Cost{}}
		for site := range 6 {
			if abs(site-i) <= 2 {
				c.costs[site] = solve.Cost(1000 + 15_000*abs(site-i))
			}
		}
		classes = append(classes, c)
	}
	return newWorld(t, sites, classes)
}

// Demand that grows is known an epoch later, though what sites measure has risen only by what has connected anew.
func TestGrowthIsSeenAhead(t *testing.T) {
	w := trio(t, 50, 40, 40)
	w.settle(20)
	w.classes[0].demand = 90
	w.pass()
	measured, estimated := w.sites[0].arrives, float64(w.out.Demand[0])/1000
	if measured > 80 || estimated < 87 || estimated > 93 {
		t.Errorf("%.1f requests/s measured, %.1f estimated of 90", measured, estimated)
	}
}

// A class of which no answer is heard may have clients all the same: it goes no faster than others.
func TestUnheardClassesRampToo(t *testing.T) {
	w := trio(t, 50, 40, 40, 30)
	w.classes[3].answers = 0
	w.settle(10)
	w.sites[0].down = true
	w.settle(10)
	w.sites[0].down = false
	for range 40 {
		before := w.shares(3)
		w.pass()
		for site, share := range w.shares(3) {
			if share-before[site] > 0.301 {
				t.Fatalf("%.2f after %.2f at %s", share, before[site], w.sites[site].id)
			}
		}
	}
	if back := w.shares(3)[0]; back < 0.99 {
		t.Errorf("%.2f came back", back)
	}
}
