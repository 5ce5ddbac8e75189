package plan

import (
	"cmp"
	"slices"

	"tidegate.dev/tidegate/gslb"
)

// splitsOf notes a service of which more than half of the splits, and more than a few, move most of their class between
// sites that can take it: a loop that works never does that in one step.
func (c *change) splitsOf(before, now *Service, why reasonIndex) {
	open := map[gslb.SiteID]bool{}
	for _, e := range now.Endpoints {
		open[e.Site] = offered(e) > 0 && !why.sites[string(e.Site)]
	}
	changed := 0
	for _, old := range before.Splits {
		at, found := slices.BinarySearchFunc(now.Splits, old.Class, func(s Split, key ClassKey) int { return cmp.Compare(s.Class, key) })
		if found && movedBetween(old.Shares, now.Splits[at].Shares, open) > maxSplitMoved {
			changed++
		}
	}
	if changed > smallSplits && changed*100 > len(before.Splits)*maxSplitsChangedPercent {
		c.torn = append(c.torn, before.Name)
	}
}

// movedBetween is what leaves sites that are open.
func movedBetween(before, now []SiteShare, open map[gslb.SiteID]bool) (moved gslb.Share) {
	for _, old := range before {
		if !open[old.Site] {
			continue
		}
		left := old.Share
		if at, found := slices.BinarySearchFunc(now, old.Site, func(s SiteShare, site gslb.SiteID) int { return cmp.Compare(s.Site, site) }); found {
			left -= now[at].Share
		}
		moved += max(0, left)
	}
	return moved
}
