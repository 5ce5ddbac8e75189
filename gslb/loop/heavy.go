package loop

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// heavyPart is how large a part of a demand class, or of a site, a resolver must carry to be heavy: one in so many. heavyFor
// is how long one stays so that carries less: it moves all of its clients each time that it comes or goes.
const (
	heavyPart = 32
	heavyFor  = 5 * time.Minute
)

// findHeavy finds the resolvers whose clients must be cut (plan.Map.HeavyResolvers), and what the heaviest of each class carries.
func (t *turn) findHeavy() {
	t.heavy, t.lump = map[netip.Addr]time.Time{}, make([]float64, len(t.in.Classes))
	for resolver, seen := range t.was.Heavy {
		if seen.IsZero() {
			seen = t.in.Now // of a map that was found
		}
		if t.in.Now.Sub(seen) < heavyFor {
			t.heavy[resolver] = seen
		}
	}
	for i := range t.estimate.rows {
		r := &t.estimate.rows[i]
		if carries := r.learnt * r.answers(); r.resolver.IsValid() && carries*heavyPart > t.beside(r.class) && carries > negligible {
			t.heavy[r.resolver] = t.in.Now
		}
	}
	for i := range t.estimate.rows {
		r := &t.estimate.rows[i]
		if _, heavy := t.heavy[r.resolver]; heavy {
			t.lump[r.class] = max(t.lump[r.class], r.learnt*r.answers())
		}
	}
	t.out.Heavy = sorted(t.heavy)
}

// beside is what a resolver of a class is large or small beside: the class, or the smallest site that it may be sent to.
func (t *turn) beside(class int) float64 {
	least := t.estimate.demand[class]
	for _, candidate := range t.in.Classes[class].Candidates {
		if t.usable[candidate.Site] {
			least = min(least, t.capacity[candidate.Site].effective())
		}
	}
	return least
}

func sorted(heavy map[netip.Addr]time.Time) []netip.Addr {
	return slices.SortedFunc(maps.Keys(heavy), netip.Addr.Compare)
}
