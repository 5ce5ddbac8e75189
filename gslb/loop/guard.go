package loop

import (
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
)

// The ramp guard: how much of a class may change over in one Epoch, of healthy sites: 20 points in 10 s where a site needs
// relief, and a sixth of it where clients only return to where they would rather be.
const (
	relievePerEpoch gslb.Share = 3000
	returnPerEpoch  gslb.Share = 500
)

// guard goes from the published shares towards the target as far as it may. A class moves fast if a site that it is at needs
// relief; and since what moves fast lands where something else was to make room slowly, the sites that it would fill over
// their high mark need relief too, until none does.
func (t *turn) guard(target [][]gslb.Share) {
	needs := t.needRelief()
	for range len(t.in.Sites) + 1 {
		t.after = make([][]gslb.Share, len(target))
		for class := range target {
			t.after[class] = t.stepOf(class, target[class], needs)
		}
		if !t.addFlooded(needs) {
			break
		}
	}
	t.holdBack(target)
}

// holdBack lets no more come to a site than fits below its high mark, than was there, or than it is to have where all are full;
// a silent site has no part in that. Who cannot come stays, and then takes room where others wanted to go: so until nobody is
// held back.
func (t *turn) holdBack(target [][]gslb.Share) {
	limit, was, wanted := make([]float64, len(t.in.Sites)), t.load(t.before), t.load(target)
	for i := range limit {
		if limit[i] = max(t.high(i), was[i]); !t.capacity[i].silent {
			limit[i] = max(limit[i], wanted[i])
		}
	}
	for range len(t.in.Sites) + 1 {
		keep, any := t.fitting(limit)
		if !any {
			return
		}
		for class := range t.after {
			t.hold(class, keep)
		}
	}
}

// fitting is the part of what would come to each site that may.
func (t *turn) fitting(limit []float64) (keep []float64, any bool) {
	planned, comes := t.load(t.after), t.comes()
	keep = make([]float64, len(t.in.Sites))
	for i := range keep {
		keep[i] = 1
		if over := planned[i] - limit[i]; over > 0.001*planned[i] && comes[i] > 0 {
			keep[i], any = max(0, 1-over/comes[i]), true
		}
	}
	return keep, any
}

// comes is how much load each site gains from classes that gain there.
func (t *turn) comes() []float64 {
	comes := make([]float64, len(t.in.Sites))
	for class, c := range t.in.Classes {
		for k := range t.after[class] {
			if more := t.after[class][k] - t.before[class][k]; more > 0 {
				comes[c.Candidates[k].Site] += t.estimate.demand[class] * float64(more) / float64(gslb.WholeShare)
			}
		}
	}
	return comes
}

// hold scales what a class gains at each site; what it does not gain, it does not lose elsewhere.
func (t *turn) hold(class int, keep []float64) {
	before, after := t.before[class], t.after[class]
	gains, held := gslb.Share(0), gslb.Share(0)
	for k := range after {
		if more := after[k] - before[k]; more > 0 {
			stays := more - gslb.Share(float64(more)*keep[t.in.Classes[class].Candidates[k].Site])
			gains, held = gains+more, held+stays
		}
	}
	if held == 0 {
		return
	}
	shares, rest, most := slices.Clone(after), gslb.WholeShare, 0
	for k := range after {
		switch more := after[k] - before[k]; {
		case more > 0:
			shares[k] = before[k] + gslb.Share(float64(more)*keep[t.in.Classes[class].Candidates[k].Site])
		case more < 0:
			shares[k] = before[k] + more*(gains-held)/gains
		}
		rest -= shares[k]
		if before[k] > before[most] {
			most = k
		}
	}
	shares[most] += rest
	t.after[class] = shares
}

// needRelief are the sites that are over their high mark, by what they measure or by what their shares bring them.
func (t *turn) needRelief() []bool {
	needs, planned := make([]bool, len(t.in.Sites)), t.load(t.before)
	for i := range needs {
		c := &t.capacity[i]
		needs[i] = t.usable[i] && (planned[i] > t.high(i) || c.known && c.level > t.policy.Marks.High)
	}
	return needs
}

// high is the planned load that brings a site to its high mark.
func (t *turn) high(site int) float64 { return t.upTo(site, t.policy.Marks.High) }

// upTo is the planned load that brings a site to a level.
func (t *turn) upTo(site int, level load.Level) float64 {
	return t.capacity[site].effective()*float64(level)/float64(load.Full) - t.drift[site] - t.stray[site]
}

// addFlooded adds the sites that the shares so far would fill over their high mark, though they were not before. It says
// whether there are any.
func (t *turn) addFlooded(needs []bool) (any bool) {
	planned := t.load(t.after)
	for i := range needs {
		if t.usable[i] && !needs[i] && planned[i] > t.high(i)*1.001 {
			needs[i], any = true, true
		}
	}
	return any
}

// stepOf is the shares of a class one Epoch nearer to their target. That a few of it are at a site that needs relief lets not all
// of the others hurry.
func (t *turn) stepOf(class int, target []gslb.Share, needs []bool) []gslb.Share {
	before := t.before[class]
	if target == nil || before == nil {
		return target
	}
	limit, most := max(returnPerEpoch, t.displaced(class)), gslb.Share(0)
	relieves := false
	if t.estimate.demand[class] == 0 {
		limit = max(limit, relievePerEpoch) // nobody is heard of who could be too many
	}
	for k, candidate := range t.in.Classes[class].Candidates {
		change := target[k] - before[k]
		most = max(most, change, -change)
		if change <= -tinyShare && (needs[candidate.Site] || t.hurries(class, candidate.Site, target)) {
			limit, relieves = max(limit, relievePerEpoch), true
		}
	}
	switch {
	case most < leastShare && !relieves && !slices.Equal(target, t.ownRule(t.in.Classes[class], t.usable)):
		return before // noise moves nobody
	case most <= limit:
		return target
	}
	return between(before, target, limit, most)
}

// displaced is what of a class was served by sites that take nobody any more. Name servers have sent it elsewhere already,
// without asking where there is room, so that it may go straight to where it should be.
func (t *turn) displaced(class int) (part gslb.Share) {
	for _, s := range t.was.Classes[t.in.Classes[class].Key].Served {
		if site, known := t.index[s.Site]; !known || !t.usable[site] {
			part += s.Share
		}
	}
	return part
}

// between is the point at part/whole of the way; what rounding leaves goes to where most is to go.
func between(before, target []gslb.Share, part, whole gslb.Share) []gslb.Share {
	shares, rest, most := make([]gslb.Share, len(before)), gslb.WholeShare, 0
	for k := range before {
		shares[k] = before[k] + (target[k]-before[k])*part/whole
		rest -= shares[k]
		if target[k]-before[k] > target[most]-before[most] {
			most = k
		}
	}
	shares[most] += rest
	return shares
}

// load is what shares bring to each site in the end.
func (t *turn) load(shares [][]gslb.Share) []float64 {
	planned := make([]float64, len(t.in.Sites))
	for class, list := range shares {
		for k, share := range list {
			planned[t.in.Classes[class].Candidates[k].Site] += t.estimate.demand[class] * float64(share) / float64(gslb.WholeShare)
		}
	}
	return planned
}
