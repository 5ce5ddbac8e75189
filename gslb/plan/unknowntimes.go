package plan

import (
	"fmt"
	"maps"
	"slices"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// MeasuredSites are the sites that a table's measured round-trip times name, sorted.
func MeasuredSites(table *geodata.Table) []gslb.SiteID {
	named := map[gslb.SiteID]bool{}
	for row := geodata.RTTRow(1); ; row++ {
		times := table.RTT(row)
		if times == nil {
			return slices.Sorted(maps.Keys(named))
		}
		for _, time := range times {
			named[time.Site] = true
		}
	}
}

// UnknownTimes are sites that a geo table has measured times to and a map does not have, sorted: most often a name that is
// spelt in two ways. It is an error only in that somebody should read it; the times are ignored.
type UnknownTimes []gslb.SiteID

func unknownTimes(measured []gslb.SiteID, sites map[gslb.SiteID]*Site) (unknown UnknownTimes) {
	for _, id := range measured {
		if sites[id] == nil {
			unknown = append(unknown, id)
		}
	}
	return unknown
}

// shownTimes is how many sites are named.
const shownTimes = 20

func (u UnknownTimes) Error() string {
	shown, more := u, ""
	if len(u) > shownTimes {
		shown, more = u[:shownTimes], fmt.Sprintf(" and %d more", len(u)-shownTimes)
	}
	return fmt.Sprintf("the geo data has round-trip times to sites that the map does not have: %v%s: their times are ignored; "+
		"correct the names under rtt in the geo data, or add the sites to the map", []gslb.SiteID(shown), more)
}
