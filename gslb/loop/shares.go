package loop

import (
	"cmp"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// recall finds the shares that were published, as name servers serve them now: those of sites that are gone went to the
// other sites of the class in proportion; and a class without any is served by its first tier.
func (t *turn) recall() {
	t.before, t.split = make([][]gslb.Share, len(t.in.Classes)), make([]bool, len(t.in.Classes))
	serving := t.serving()
	for i, c := range t.in.Classes {
		published := t.was.Classes[c.Key].Shares
		t.split[i] = published != nil
		if t.before[i] = t.partOf(c, published, serving); t.before[i] == nil {
			t.before[i] = t.ownRule(c, serving)
		}
		if t.before[i] == nil {
			t.before[i] = t.ownRule(c, t.usable)
		}
	}
}

// serving are the usable sites but those whose drain has just ended: they serve nobody yet, whatever the shares of before say.
func (t *turn) serving() []bool {
	serving := slices.Clone(t.usable)
	for i, site := range t.in.Sites {
		serving[i] = serving[i] && !t.was.Sites[site.ID].Drained
	}
	return serving
}

// partOf is the part of some shares that some sites have, scaled to the whole; nil if that is nothing.
func (t *turn) partOf(c Class, shares []plan.SiteShare, sites []bool) []gslb.Share {
	weights := make([]int64, len(c.Candidates))
	for k, candidate := range c.Candidates {
		if sites[candidate.Site] {
			weights[k] = shareAt(shares, t.in.Sites[candidate.Site].ID)
		}
	}
	return apportion(weights)
}

func shareAt(shares []plan.SiteShare, site gslb.SiteID) int64 {
	for _, s := range shares {
		if s.Site == site {
			return int64(s.Share)
		}
	}
	return 0
}

// ownRule is how name servers share a class out that has no split: by capacity among the first tier that has a usable site.
func (t *turn) ownRule(c Class, usable []bool) []gslb.Share {
	weights, tier := make([]int64, len(c.Candidates)), -1
	for k, candidate := range c.Candidates {
		if !usable[candidate.Site] || tier >= 0 && int(candidate.Tier) != tier {
			continue
		}
		tier = int(candidate.Tier)
		weights[k] = int64(max(t.in.Sites[candidate.Site].Capacity, 1))
	}
	return apportion(weights)
}

// offered are the sites that name servers may use at any moment without waiting for the loop: one that is down may come up, and
// a drain may end.
func (t *turn) offered() []bool {
	offered := make([]bool, len(t.in.Sites))
	for i, site := range t.in.Sites {
		offered[i] = site.Capacity > 0
	}
	return offered
}

// apportion turns weights into shares by the largest remainder; nil if there is no weight.
func apportion(weights []int64) []gslb.Share {
	all := int64(0)
	for _, w := range weights {
		all += w
	}
	if all == 0 {
		return nil
	}
	shares, rest := make([]gslb.Share, len(weights)), gslb.WholeShare
	order := make([]int, len(weights))
	for k, w := range weights {
		shares[k] = gslb.Share(float64(w) / float64(all) * float64(gslb.WholeShare))
		rest -= shares[k]
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weights[b], weights[a]) })
	for i := 0; rest > 0; i++ {
		shares[order[i%len(order)]]++
		rest--
	}
	return shares
}

// Least shares. What changes by less than one of the units that a class is cut into moves nobody, unless a site needs relief.
// A share that is less than a quarter of that is not worth cutting a class for; several classes have about as much of a
// site together as their small shares say.
const (
	leastShare = gslb.WholeShare / 32
	tinyShare  = leastShare / 4
)

// tidy drops the shares that are too small, in favour of the largest.
func tidy(shares []gslb.Share) []gslb.Share {
	out, most := slices.Clone(shares), 0
	for k := range out {
		if out[k] > out[most] {
			most = k
		}
	}
	for k := range out {
		if k != most && out[k] < tinyShare {
			out[most], out[k] = out[most]+out[k], 0
		}
	}
	return out
}

// publish adds a split to what the map shall have.
func (t *turn) publish(key plan.ClassKey, shares []plan.SiteShare) {
	t.out.Splits = append(t.out.Splits, plan.Split{Class: key, Shares: shares})
}

// siteShares names the sites of a class' shares, in their order by name.
func (t *turn) siteShares(c Class, shares []gslb.Share) (list []plan.SiteShare) {
	for k, share := range shares {
		if share > 0 {
			list = append(list, plan.SiteShare{Site: t.in.Sites[c.Candidates[k].Site].ID, Share: share})
		}
	}
	slices.SortFunc(list, func(a, b plan.SiteShare) int { return cmp.Compare(a.Site, b.Site) })
	return list
}
