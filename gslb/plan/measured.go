package plan

import (
	"slices"

	"tidegate.dev/tidegate/geodata"
)

// KmPerMillisecond is the distance that one millisecond of a measured round trip stands for, so that sites that were
// measured from a network and sites that were not can be compared. Light in fibre makes 100 km there and back in it; paths
// are about twice as long as the shortest way.
const KmPerMillisecond = 50

// NearEqualMilliseconds is the difference of measured times that counts as none: they vary by more from hour to hour.
const NearEqualMilliseconds = 10

// unplacedKm is how far a site counts that was not measured from a network without a place: as far as it can be.
const unplacedKm = 20016

// measuredAt is what a list of candidates by measurement depends on: the location, -1 for none, the times, and where the clients
// must stay.
type measuredAt struct {
	location int32
	row      geodata.RTTRow
	rule     uint16
}

// hasOurs says whether a row has one of the sites that may serve the clients.
func (c *classCompiler) hasOurs(row geodata.RTTRow, rule uint16) bool {
	return slices.ContainsFunc(c.geo.Table.RTT(row), func(time geodata.SiteRTT) bool {
		site, ours := c.ids[time.Site]
		return ours && c.allows(rule, int(site))
	})
}

// measuredList is the candidates of the places with a row of measured times. A site that the row has counts as far as its
// time says, every other one as far as it is.
func (c *classCompiler) measuredList(at measuredAt) listRef {
	if list, known := c.measured[at]; known {
		return list
	}
	if c.measured == nil {
		c.measured = map[measuredAt]listRef{}
	}
	far := make([]int32, len(c.sites)) // by site, in kilometres
	for site, direction := range c.sites {
		km := int32(unplacedKm)
		if at.location >= 0 {
			km = int32(c.geo.locations[at.location].DistanceKm(direction))
		}
		far[site] = km
	}
	for _, time := range c.geo.Table.RTT(at.row) {
		if site, ours := c.ids[time.Site]; ours {
			far[site] = int32(time.Milliseconds) * KmPerMillisecond
		}
	}
	c.near = c.near[:0]
	for site, km := range far {
		if c.allows(at.rule, site) {
			c.near = append(c.near, distant{site: uint16(site), km: km})
		}
	}
	c.measured[at] = c.intern(c.ranked(band{c.rounding.NearEqualMilliseconds * KmPerMillisecond, c.rounding.NearEqualPercent}))
	return c.measured[at]
}
