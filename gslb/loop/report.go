package loop

import (
	"cmp"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// report writes what was decided: the classes that name servers would not serve so by themselves, now and when all sites are
// up, and the numbers.
func (t *turn) report() {
	offered := t.offered()
	for i, c := range t.in.Classes {
		if t.after[i] == nil {
			continue
		}
		if !slices.Equal(t.after[i], t.ownRule(c, t.usable)) || !slices.Equal(t.after[i], t.ownRule(c, offered)) {
			t.publish(c.Key, t.siteShares(c, t.after[i]))
		}
	}
	slices.SortFunc(t.out.Splits, func(a, b plan.Split) int { return cmp.Compare(a.Class, b.Class) })
	before, after := t.load(t.before), t.load(t.after)
	for i := range t.in.Sites {
		c := &t.capacity[i]
		t.out.Sites = append(t.out.Sites, SiteFigures{
			ID: t.in.Sites[i].ID, Counted: c.counted, Correction: c.correction, Drift: gslb.MilliRPS(t.drift[i]), Stray: gslb.MilliRPS(t.stray[i]), Saturation: c.level, By: c.by, Known: c.known, Silent: c.silent,
			Before: gslb.MilliRPS(before[i]), After: gslb.MilliRPS(after[i]),
		})
	}
	t.out.Demand, t.out.Shifts = t.estimate.rates(), t.through()
}

// next is what the next Step remembers.
func (t *turn) next() State {
	s := State{At: t.in.Now, Sites: map[gslb.SiteID]siteState{}, Classes: map[plan.ClassKey]classState{}, Heavy: t.heavy}
	dwell := 2 * t.policy.longestTTL()
	for i, site := range t.in.Sites {
		c, tide := &t.capacity[i], t.was.Sites[site.ID].Tide
		if c.known {
			tide = tide.Observe(c.level, t.policy.Marks, dwell, t.in.Now)
		}
		t.brief(i, tide)
		since := t.calmSince(i, tide)
		t.calm(i, since)
		s.Sites[site.ID] = siteState{Counted: c.counted, Correction: c.correction, Carried: c.carried, Heard: c.heard, Drained: site.Drained, Drift: t.drift[i], Tide: tide, CalmSince: since}
	}
	published := map[plan.ClassKey][]plan.SiteShare{}
	for _, split := range t.out.Splits {
		published[split.Class] = split.Shares
	}
	for i, c := range t.in.Classes {
		state := classState{Shares: published[c.Key], Served: t.siteShares(c, t.after[i]), Effective: t.effects(t.follows[i])}
		if t.shifted(i) {
			state.Unshifted = t.siteShares(c, t.unshifted[i])
		}
		s.Classes[c.Key] = state
	}
	t.remember(&s)
	return s
}
