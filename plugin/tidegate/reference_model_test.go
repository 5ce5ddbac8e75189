package tidegate

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// reference decides the dumb way: it walks the lists of the world's description and the ranges of the geo table for
// every query, and shares with the product only the nouns and the distance between two points.
type reference struct {
	world *plan.Map
	down  map[world.Target]bool
	table *geodata.Table
	v4    []placed
	v6    []placed
	// proven remembers the widest uniform blocks that were found, and texts the class of each place: a walk over
	// millions of ranges is dumb enough once.
	proven map[choiceOf][]netip.Prefix
	texts  map[choiceOf][]string
	// met counts how often each level gave the addresses of an answer.
	met map[string]int
	// keys are the demand classes of each place, and weights what each class weighs.
	keys    map[*plan.Service][]plan.ClassKey
	weights map[*plan.Service]map[plan.ClassKey]weight
	// splits counts the decisions by a split, by what they went by; failed those of services without a healthy endpoint.
	splits, failed map[string]int
	// moments are what was down, from the first that the name server saw to now.
	moments []moment
}

type choiceOf struct {
	service *plan.Service
	family  plan.Family // both where it is plan.Families
}

// placed is a stretch of units that begins at first.
type placed struct {
	first uint64
	place geodata.PlaceID
}

func newReference(m *plan.Map, table *geodata.Table, moments []moment) *reference {
	r := &reference{
		world: m, down: moments[len(moments)-1].down, moments: moments, table: table, failed: map[string]int{},
		proven: map[choiceOf][]netip.Prefix{}, texts: map[choiceOf][]string{}, met: map[string]int{},
		keys: map[*plan.Service][]plan.ClassKey{}, weights: map[*plan.Service]map[plan.ClassKey]weight{}, splits: map[string]int{},
	}
	for first, place := range table.V4() {
		r.v4 = append(r.v4, placed{uint64(first) >> 8, place})
	}
	for first, place := range table.V6() {
		r.v6 = append(r.v6, placed{first >> 8, place})
	}
	return r
}

// verdict is what the reference expects of a decision. Sites has more than one element only where the draws are closer
// than the product's logarithm can tell apart.
type verdict struct {
	nodata, servfail bool
	fallback         []netip.Addr
	sites            []gslb.SiteID
	addresses        map[gslb.SiteID][]netip.Addr
	ttl              map[gslb.SiteID]int
	scope            int
}

// levels are the demands on an endpoint, one less each time.
var levels = []func(r *reference, s *plan.Service, e *plan.Endpoint, f plan.Family) bool{
	func(r *reference, s *plan.Service, e *plan.Endpoint, f plan.Family) bool {
		return !e.Drained && e.Capacity > 0 && len(r.alive(s, e, f)) > 0
	},
	func(_ *reference, _ *plan.Service, e *plan.Endpoint, _ plan.Family) bool {
		return !e.Drained && e.Capacity > 0
	},
	func(_ *reference, _ *plan.Service, e *plan.Endpoint, _ plan.Family) bool { return !e.Drained },
	func(*reference, *plan.Service, *plan.Endpoint, plan.Family) bool { return true },
}

func (r *reference) decide(s *plan.Service, f plan.Family, q query) verdict {
	all := withFamily(s, f)
	if len(all) == 0 {
		return r.withoutFamily(s, f)
	}
	unit := unitOf(clientAddress(q))
	place := r.table.Place(r.placeOf(unit.Addr()))
	if c, ok := r.bySplit(s, f, q); ok {
		return r.verdict(s, f, c, place, false)
	}
	for level, eligible := range levels {
		if level == 1 {
			if v, ok := r.unhealthy(s, f, q); ok {
				r.failed[string(s.Steering.OnAllUnhealthy)]++
				return v
			}
		}
		for _, tier := range r.tiers(s, all, place) {
			tier = slices.DeleteFunc(tier, func(e *plan.Endpoint) bool { return !eligible(r, s, e, f) })
			if len(tier) > 0 {
				return r.verdict(s, f, r.byCapacity(s, f, tier, unit), place, level > 0)
			}
		}
	}
	panic("the last level takes every endpoint")
}

// contest is who may answer, with what weight, and what the draws are made from.
type contest struct {
	sites []contender
	key   netip.Addr
	slot  uint64 // 0: none
	scope int
}

type contender struct {
	endpoint *plan.Endpoint
	weight   float64
}

// byCapacity lets the endpoints of a tier draw.
func (r *reference) byCapacity(s *plan.Service, f plan.Family, tier []*plan.Endpoint, unit netip.Prefix) contest {
	c := contest{key: unit.Addr(), scope: r.leaf(s, f, unit)}
	if len(s.Splits) > 0 {
		c.scope = max(c.scope, r.leaf(s, plan.Families, unit))
	}
	if len(tier) > 1 {
		c.scope = max(c.scope, unit.Bits())
	}
	for _, e := range tier {
		c.sites = append(c.sites, contender{e, math.Max(float64(e.Capacity), 1)})
	}
	return c
}

// leaf is the prefix length of the network that is all of one class.
func (r *reference) leaf(s *plan.Service, f plan.Family, unit netip.Prefix) int {
	c := choiceOf{s, f}
	if unit.Bits() > 56 && !r.uniform(c, netip.MustParsePrefix("0.0.0.0/0"), r.classText(c, r.placeOf(unit.Addr()))) {
		return unit.Bits() // beside a carrier
	}
	return r.scope(s, f, networkOf(unit.Addr())).Bits()
}

func (r *reference) verdict(s *plan.Service, f plan.Family, c contest, place geodata.Place, unhealthy bool) verdict {
	v := verdict{scope: c.scope, addresses: map[gslb.SiteID][]netip.Addr{}, ttl: map[gslb.SiteID]int{}}
	for _, e := range c.winners(s.Name) {
		v.sites = append(v.sites, e.Site)
		v.addresses[e.Site] = r.addresses(s, f, e, place, unhealthy)
		v.ttl[e.Site] = int(s.TTL.Seconds())
		short := c.slot > 0 && len(c.sites) > 1
		if short {
			v.ttl[e.Site] = min(v.ttl[e.Site], 3)
		}
		if e.Brief || e.Drained || unhealthy {
			v.ttl[e.Site], short = min(v.ttl[e.Site], 10), true
		}
		if e.Calm && !short && s.Steering.CalmTTL > 0 {
			v.ttl[e.Site] = int(s.Steering.CalmTTL.Seconds())
		}
	}
	return v
}

func withFamily(s *plan.Service, f plan.Family) (list []*plan.Endpoint) {
	for i := range s.Endpoints {
		if len(ofFamily(s.Endpoints[i].Addresses, f)) > 0 {
			list = append(list, &s.Endpoints[i])
		}
	}
	return list
}

func ofFamily(addresses []plan.Address, f plan.Family) (list []plan.Address) {
	for _, a := range addresses {
		if f == plan.Families || a.Addr.Is4() == (f == plan.IPv4) {
			list = append(list, a)
		}
	}
	return list
}

// alive are the addresses of a family that no probe calls down.
func (r *reference) alive(s *plan.Service, e *plan.Endpoint, f plan.Family) (list []plan.Address) {
	for _, a := range ofFamily(e.Addresses, f) {
		if !r.down[world.Target{Service: s.Name, Addr: a.Addr}] {
			list = append(list, a)
		}
	}
	return list
}

// tiers lists the endpoints in the order in which they may answer.
func (r *reference) tiers(s *plan.Service, all []*plan.Endpoint, place geodata.Place) (tiers [][]*plan.Endpoint) {
	switch {
	case s.Steering.Method == plan.Failover:
		for _, e := range all {
			tiers = append(tiers, []*plan.Endpoint{e})
		}
		return tiers
	case s.Steering.Method == plan.Weighted || !place.HasLocation:
		return [][]*plan.Endpoint{slices.Clone(all)}
	}
	sorted := slices.Clone(all)
	sort.Slice(sorted, func(i, j int) bool {
		a, b := r.km(sorted[i], place), r.km(sorted[j], place)
		return a < b || a == b && sorted[i].Site < sorted[j].Site
	})
	near := sorted[:min(8, len(sorted))]
	for i, e := range near {
		if i == 0 || r.km(e, place) > r.km(tiers[len(tiers)-1][0], place)+100 {
			tiers = append(tiers, nil)
		}
		tiers[len(tiers)-1] = append(tiers[len(tiers)-1], e)
	}
	far := slices.Clone(sorted[len(near):])
	slices.SortFunc(far, func(a, b *plan.Endpoint) int { return strings.Compare(string(a.Site), string(b.Site)) })
	return append(tiers, far)
}

func (r *reference) km(e *plan.Endpoint, place geodata.Place) int {
	for _, site := range r.world.Sites {
		if site.ID == e.Site {
			return place.Location.Direction().DistanceKm(site.Location.Direction())
		}
	}
	panic("no such site")
}

// winners are the endpoints with the smallest draw -log2(u)/weight. The product's logarithm is right to 2^-20, so that
// draws that are closer than that may go either way.
func (c contest) winners(name gslb.Name) (list []*plan.Endpoint) {
	if c.slot > 0 {
		return []*plan.Endpoint{c.holder()}
	}
	best, bestWeight := math.Inf(1), 1.0
	for _, s := range c.sites {
		if d := c.draw(name, s); d < best {
			best, bestWeight = d, s.weight
		}
	}
	for _, s := range c.sites {
		if c.draw(name, s)-best <= math.Exp2(-19)*(1/s.weight+1/bestWeight) {
			list = append(list, s.endpoint)
		}
	}
	return list
}

func (c contest) draw(name gslb.Name, s contender) (cost float64) {
	const prime, offset = 1099511628211, 14695981039346656037
	z := uint64(offset)
	for _, octet := range []byte(string(name) + "\x00" + string(s.endpoint.Site)) {
		z = (z ^ uint64(octet)) * prime
	}
	octets := c.key.As16()
	for half := 0; half < 16; half += 8 {
		part := uint64(0)
		for _, octet := range octets[half : half+8] {
			part = part*256 + uint64(octet)
		}
		z = scramble(z ^ part)
	}
	return (64 - math.Log2(float64(z)+1)) / s.weight
}

// scramble is the finalizer of SplitMix64.
func scramble(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// classText says all that a place can change about the candidates.
func (r *reference) classText(c choiceOf, id geodata.PlaceID) string {
	if r.texts[c] == nil {
		r.texts[c] = make([]string, r.table.Places())
	}
	text := &r.texts[c][id]
	if *text != "" {
		return *text
	}
	place := r.table.Place(id)
	*text = fmt.Sprint(r.meantFor(c, place))
	if c.service.Steering.Method == plan.Proximity {
		for _, tier := range r.tiers(c.service, withFamily(c.service, c.family), place) {
			var sites []string
			for _, e := range tier {
				sites = append(sites, string(e.Site))
			}
			slices.Sort(sites) // within a tier the order decides nothing
			*text += " | " + strings.Join(sites, " ")
		}
		if !place.HasLocation {
			*text += " unplaced"
		}
	}
	return *text
}
