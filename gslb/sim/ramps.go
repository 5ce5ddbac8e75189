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
// they left.
func (l *landing) ramps(last *head) {
	if l.out.Frozen || !l.allHealthy() {
		return
	}
	before, after, calm := splitsOf(last), splitsOf(l.p.head), l.nobodyNeedsRelief()
	for i := range l.in.Classes {
		key, limit := l.in.Classes[i].Key, mostRelieved
		if before[key] == nil && after[key] == nil {
			continue
		}
		if calm && l.out.Demand[i] > 0 {
			limit = mostReturned
		}
		moves := moved(l.sharesOf(i, served(before[key], last)), l.sharesOf(i, after[key]))
		l.rules.check(5, l.p.view.Now, moves <= limit, "class %s moves by %v in one step, at most %v may", key, moves, limit)
	}
}

// nobodyNeedsRelief says whether all sites are below their high marks, as measured and as planned, before and after.
func (l *landing) nobodyNeedsRelief() bool {
	high := float64(l.p.config.Watermarks.HighPercent) / 100
	for at, i := range l.p.hub.byName {
		f := &l.out.Sites[at]
		limit := (float64(f.Counted)*f.Correction*high - float64(f.Drift) - float64(f.Stray)) / 1000
		full := f.Known && float64(f.Saturation) > high*float64(load.Full)
		if most := max(l.before[i], l.after[i]); full || most > limit-slack(most) {
			return false
		}
	}
	return true
}

// sharesOf are a class' shares: its split, or by capacity among the nearest sites.
func (l *landing) sharesOf(class int, split []plan.SiteShare) (shares []plan.SiteShare) {
	if split != nil {
		return split
	}
	candidates := l.in.Classes[class].Candidates
	first := slices.MinFunc(candidates, func(a, b loop.Candidate) int { return int(a.Tier) - int(b.Tier) })
	whole := gslb.MilliRPS(0)
	for _, c := range candidates {
		if c.Tier == first.Tier {
			whole += l.in.Sites[c.Site].Capacity
		}
	}
	for _, c := range candidates {
		if site := &l.in.Sites[c.Site]; c.Tier == first.Tier {
			shares = append(shares, plan.SiteShare{Site: site.ID, Share: gslb.Share(float64(gslb.WholeShare) * float64(site.Capacity) / float64(whole))})
		}
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

// served are shares as name servers served them: what a drained site had went to the others in proportion.
func served(shares []plan.SiteShare, h *head) (list []plan.SiteShare) {
	drained, whole := map[gslb.SiteID]bool{}, gslb.Share(0)
	for _, e := range h.compiled.Map.Services[0].Endpoints {
		drained[e.Site] = e.Drained
	}
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
