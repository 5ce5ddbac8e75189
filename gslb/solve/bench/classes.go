package main

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// microsPerKm is what a kilometre costs where no time was measured: 50 km take a millisecond there and back.
const microsPerKm = 1000 / plan.KmPerMillisecond

// place is one place of the table that networks are in.
type place struct {
	geodata.Place
	networks int64 // of /24
	unit     netip.Prefix
}

// places are those with a location, with the networks that have them.
func places(table *geodata.Table) (all []place) {
	found := map[geodata.PlaceID]int{}
	last, lastID := uint32(0), geodata.Unknown
	count := func(end uint64) {
		at, known := found[lastID]
		if !known {
			at, found[lastID] = len(all), len(all)
			all = append(all, place{Place: table.Place(lastID), unit: unitAt(last)})
		}
		all[at].networks += int64(end-uint64(last)) >> 8
	}
	for first, id := range table.V4() {
		if first > 0 {
			count(uint64(first))
		}
		last, lastID = first, id
	}
	count(1 << 32)
	return slices.DeleteFunc(all, func(p place) bool { return !p.HasLocation })
}

func unitAt(addr uint32) netip.Prefix {
	octets := [4]byte{byte(addr >> 24), byte(addr >> 16), byte(addr >> 8)}
	return netip.PrefixFrom(netip.AddrFrom4(octets), gslb.MaxBits4)
}

// sitesAt are at random populated places: the more networks, the likelier, and no two on one spot.
func sitesAt(all []place, count int, rng *rand.Rand) (sites []*plan.Site) {
	var sums []int64
	sum := int64(0)
	for _, p := range all {
		sum += p.networks
		sums = append(sums, sum)
	}
	taken := map[gslb.Location]bool{}
	for len(sites) < count {
		at, _ := slices.BinarySearch(sums, 1+rng.Int64N(sum))
		if p := all[at]; !taken[p.Location] {
			taken[p.Location] = true
			name := gslb.SiteID([]byte{'a' + byte(len(sites)/676%26), 'a' + byte(len(sites)/26%26), 'a' + byte(len(sites)%26)})
			sites = append(sites, &plan.Site{ID: name, Location: p.Location, Region: p.Country})
		}
	}
	return sites
}

// class is a demand class, and the places of its clients.
type class struct {
	plan.DemandClass
	places   []int
	networks int64 // of /24
}

// classesOf are the demand classes of all places, merged until there are no more than count, without those that nobody is in
// or that may get any site. Added is what merging costs, in microseconds of round trip.
func classesOf(geo *plan.Geo, all []place, sites []*plan.Site, count int) (list []*class, added int64) {
	classes := geo.Classes(sites, nil, plan.DefaultRounding)
	demand := classes.DemandAtMost(count)
	for _, d := range demand.List {
		list = append(list, &class{DemandClass: d})
	}
	for i, p := range all {
		found, _ := classes.Lookup(p.unit)
		if at, ok := demand.Of(found); ok {
			list[at].places, list[at].networks = append(list[at].places, i), list[at].networks+p.networks
		}
	}
	return slices.DeleteFunc(list, func(c *class) bool { return c.networks == 0 || len(c.Candidates) == 0 }), demand.AddedMicros
}

// costMicros is the mean round trip from the class' clients to a site.
func (c *class) costMicros(all []place, site *plan.Site) int64 {
	to, sum := site.Location.Direction(), int64(0)
	for _, i := range c.places {
		sum += all[i].networks * int64(all[i].Location.Direction().DistanceKm(to))
	}
	return sum * microsPerKm / c.networks
}

// country is that of most of its clients.
func (c *class) country(all []place) string {
	count := map[string]int64{}
	best := ""
	for _, i := range c.places {
		name := all[i].Country
		if count[name] += all[i].networks; count[name] > count[best] {
			best = name
		}
	}
	return best
}
