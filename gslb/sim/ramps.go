package sim

import (
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
)

// How much of a class may change over between healthy sites in one epoch: 20 points in 10 s for relief, a sixth of that where
// nobody needs it, and what rounding adds.
const (
	mostRelieved gslb.Share = 3000 + 300
	mostReturned gslb.Share = 500 + 100
)

// ramps is the other half of rule 5: shares move slowly between healthy sites, however sure the hub is, and return slower than
// they left: only who leaves a site that needs relief may hurry.
func (l *landing) ramps(last *head) {
	if l.out.Frozen || !l.allHealthy() {
		return
	}
	splits, drained := splitsOf(last), drainedIn(last)
	now, before, after := splitsOf(l.p.head), make([][]plan.SiteShare, len(l.in.Classes)), make([][]plan.SiteShare, len(l.in.Classes))
	for i, c := range l.in.Classes {
		before[i], after[i] = l.sharesOf(i, served(splits[c.Key], drained), drained), l.sharesOf(i, now[c.Key], nil)
	}
	needs := l.needRelief(before, after)
	for i, c := range l.in.Classes {
		limit := mostReturned
		if l.out.Demand[i] == 0 || l.leaves(before[i], after[i], needs) {
			limit = mostRelieved
		}
		if moves := moved(before[i], after[i]); splits[c.Key] != nil || now[c.Key] != nil {
			l.rules.check(5, l.p.view.Now, moves <= limit, "class %s moves by %v in one step, at most %v may", c.Key, moves, limit)
		}
	}
}

// needRelief are the sites that are above their high mark, or would be with all who come and if nobody left.
func (l *landing) needRelief(before, after [][]plan.SiteShare) map[gslb.SiteID]bool {
	high, comes, needs := float64(l.p.config.Watermarks.HighPercent)/100, map[gslb.SiteID]float64{}, map[gslb.SiteID]bool{}
	for i := range before {
		for _, s := range after[i] {
			more := s.Share - shareOf(before[i], s.Site)
			comes[s.Site] += float64(l.out.Demand[i]) / 1000 * float64(max(more, 0)) / float64(gslb.WholeShare)
		}
	}
	for at, i := range l.p.hub.byName {
		f := &l.out.Sites[at]
		limit, most := (float64(f.Counted)*f.Correction*high-float64(f.Drift)-float64(f.Stray))/1000, l.before[i]+comes[f.ID]
		needs[f.ID] = f.Known && float64(f.Saturation) > high*float64(load.Full) || most > limit-slack(most)
	}
	return needs
}

func (l *landing) leaves(before, after []plan.SiteShare, needs map[gslb.SiteID]bool) bool {
	return slices.ContainsFunc(before, func(s plan.SiteShare) bool { return needs[s.Site] && shareOf(after, s.Site) < s.Share })
}

// sharesOf are a class' shares: its split, or by capacity among the nearest sites that are not drained.
func (l *landing) sharesOf(class int, split []plan.SiteShare, drained map[gslb.SiteID]bool) (shares []plan.SiteShare) {
	if split != nil {
		return split
	}
	candidates := slices.DeleteFunc(slices.Clone(l.in.Classes[class].Candidates), func(c loop.Candidate) bool { return drained[l.in.Sites[c.Site].ID] })
	if len(candidates) == 0 {
		return nil
	}
	first := slices.MinFunc(candidates, func(a, b loop.Candidate) int { return int(a.Tier) - int(b.Tier) })
	candidates = slices.DeleteFunc(candidates, func(c loop.Candidate) bool { return c.Tier != first.Tier })
	whole := gslb.MilliRPS(0)
	for _, c := range candidates {
		whole += l.in.Sites[c.Site].Capacity
	}
	for _, c := range candidates {
		site := &l.in.Sites[c.Site]
		shares = append(shares, plan.SiteShare{Site: site.ID, Share: gslb.Share(float64(gslb.WholeShare) * float64(site.Capacity) / float64(whole))})
	}
	return shares
}

// moved is the most that a site gains.
func moved(before, after []plan.SiteShare) (most gslb.Share) {
	for _, s := range after {
		most = max(most, s.Share-shareOf(before, s.Site))
	}
	return most
}

func drainedIn(h *head) map[gslb.SiteID]bool {
	drained := map[gslb.SiteID]bool{}
	for _, e := range h.compiled.Map.Services[0].Endpoints {
		drained[e.Site] = e.Drained
	}
	return drained
}

// served are shares as name servers served them: what a drained site had went to the others in proportion.
func served(shares []plan.SiteShare, drained map[gslb.SiteID]bool) (list []plan.SiteShare) {
	whole := gslb.Share(0)
	for _, s := range shares {
		if !drained[s.Site] {
			list, whole = append(list, s), whole+s.Share
		}
	}
	for i := range list {
		list[i].Share = list[i].Share * gslb.WholeShare / whole
	}
	return list
}

func shareOf(shares []plan.SiteShare, site gslb.SiteID) gslb.Share {
	for _, s := range shares {
		if s.Site == site {
			return s.Share
		}
	}
	return 0
}

func (l *landing) allHealthy() bool {
	for at := range l.in.Sites {
		s := &l.in.Sites[at]
		if !s.Up || s.Drained || l.out.Sites[at].Counted == 0 { // one that came back silent counts for nothing
			return false
		}
	}
	for _, n := range l.p.servers {
		for i := range n.probes {
			if n.probes[i].Down {
				return false
			}
		}
	}
	return true
}
