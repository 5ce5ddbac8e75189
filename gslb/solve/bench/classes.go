package main

import (
	"cmp"
	"container/heap"
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

// class is a list of near sites, and the places of its clients.
type class struct {
	sites    []uint16 // by tier
	places   []int
	networks int64
	// of merging
	before, behind *class
	gone           bool
	at             int
}

// classesOf are the classes of all places, merged until there are no more than count: the lightest first, into the
// neighbour that shares most of its list, whose list counts.
func classesOf(geo *plan.Geo, all []place, sites []*plan.Site, count int) []*class {
	compiled := geo.Classes(sites, nil, plan.DefaultRounding)
	byList := map[string]*class{}
	var list []*class
	for i, p := range all {
		found, _ := compiled.Lookup(p.unit)
		var key []byte
		var ids []uint16
		for _, c := range found.Candidates {
			key, ids = append(key, byte(c.Site), byte(c.Site>>8), c.Tier), append(ids, c.Site)
		}
		c := byList[string(key)]
		if c == nil {
			c = &class{sites: ids}
			byList[string(key)], list = c, append(list, c)
		}
		c.places, c.networks = append(c.places, i), c.networks+p.networks
	}
	return merge(list, count)
}

func merge(list []*class, count int) []*class {
	slices.SortStableFunc(list, func(a, b *class) int { return slices.Compare(a.sites, b.sites) })
	for i, c := range list {
		c.at = i
		if i > 0 {
			c.before, list[i-1].behind = list[i-1], c
		}
	}
	light := lightest(slices.Clone(list))
	heap.Init(&light)
	for left := len(list); left > count; {
		c := heap.Pop(&light).(weighed)
		if c.gone || c.weight != c.networks {
			continue
		}
		into := c.behind
		if into == nil || c.before != nil && common(c.class, c.before) > common(c.class, into) {
			into = c.before
		}
		into.places, into.networks = append(into.places, c.places...), into.networks+c.networks
		c.remove()
		heap.Push(&light, weighed{into, into.networks})
		left--
	}
	return slices.DeleteFunc(list, func(c *class) bool { return c.gone })
}

func (c *class) remove() {
	c.gone = true
	if c.before != nil {
		c.before.behind = c.behind
	}
	if c.behind != nil {
		c.behind.before = c.before
	}
}

func common(a, b *class) (n int) {
	for n < min(len(a.sites), len(b.sites)) && a.sites[n] == b.sites[n] {
		n++
	}
	return n
}

// weighed is a class with its weight when it was queued.
type weighed struct {
	*class
	weight int64
}

type queue []weighed

func lightest(list []*class) queue {
	var q queue
	for _, c := range list {
		q = append(q, weighed{c, c.networks})
	}
	return q
}

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].weight, q[j].weight), q[i].at-q[j].at) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(weighed)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
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
