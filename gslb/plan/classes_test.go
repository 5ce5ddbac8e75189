package plan

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/regions"
	"tidegate.dev/tidegate/gslb"
)

// dumbRange is a stretch of units with one class, as a text.
type dumbRange struct {
	first uint64
	class string
}

// dumbClasses walks the table and writes down what each range gets.
func dumbClasses(table *geodata.Table, wanted classesWanted, tags []Tag, order []Level) (v4, v6 []dumbRange) {
	text := func(id geodata.PlaceID) string {
		place := table.Place(id)
		sites, kept := dumbKept(place, wanted.sites, wanted.residency)
		return dumbNearest(table, place, sites, wanted.rounding) + dumbTags(tags, order, place) + kept
	}
	for first, id := range table.V4() {
		v4 = append(v4, dumbRange{uint64(first) >> 8, text(id)})
	}
	for first, id := range table.V6() {
		v6 = append(v6, dumbRange{first >> 8, text(id)})
	}
	return v4, v6
}

// dumbKept leaves the sites that may serve the clients of a place, and says by which rule.
func dumbKept(place geodata.Place, sites []*Site, rules []Residency) (left []*Site, kept string) {
	for i, rule := range rules {
		for _, r := range rule.Clients {
			in := string(r)
			if place.Country != in && place.Region != in && regions.Area(place.Region) != in && !strings.HasPrefix(place.Region, in+"-") {
				continue
			}
			for _, s := range sites {
				if s.Region != "" && slices.Contains(rule.Regions, s.Region) {
					left = append(left, s)
				}
			}
			return left, fmt.Sprintf("{%d}", i+1)
		}
	}
	return sites, ""
}

func dumbNearest(table *geodata.Table, place geodata.Place, sites []*Site, rounding Rounding) (text string) {
	band, measured := int(rounding.NearEqualKm), false
	for _, time := range table.RTT(place.RTT) {
		measured = measured || slices.ContainsFunc(sites, func(s *Site) bool { return s.ID == time.Site })
	}
	if measured {
		band = 50 * int(rounding.NearEqualMilliseconds)
	} else if !place.HasLocation {
		return ""
	}
	sorted := slices.Clone(sites)
	km := func(s *Site) int {
		for _, time := range table.RTT(place.RTT) {
			if time.Site == s.ID {
				return int(time.Milliseconds) * 50
			}
		}
		if !place.HasLocation {
			return 20016
		}
		return place.Location.Direction().DistanceKm(s.Location.Direction())
	}
	slices.SortStableFunc(sorted, func(a, b *Site) int { return km(a) - km(b) })
	tier, head := -1, 0
	var list []string
	for i, s := range sorted[:min(8, len(sorted))] {
		if wide := max(band, head*int(rounding.NearEqualPercent)/100); i == 0 || km(s) > head+wide {
			tier, head = tier+1, km(s)
		}
		list = append(list, fmt.Sprintf("%d of %s ", tier, s.ID))
	}
	slices.Sort(list)
	return strings.Join(list, "")
}

// withoutCarriers narrows a scope until no address in it carries an IPv4 one.
func withoutCarriers(unit netip.Prefix, scope int) int {
	for _, carrier := range []string{"64:ff9b::", "::ffff:0:0"} {
		for netip.PrefixFrom(unit.Addr(), scope).Masked().Contains(netip.MustParseAddr(carrier)) {
			scope++
		}
	}
	return scope
}

// dumbLookup walks all ranges, and widens the prefix as long as everything inside has the class.
func dumbLookup(ranges []dumbRange, unit uint64, bits int) (class string, scope int) {
	for _, r := range ranges {
		if r.first <= unit {
			class = r.class
		}
	}
	for scope = bits; scope > 0; scope-- {
		size := uint64(1) << (bits - scope + 1)
		first := unit / size * size
		if !dumbUniform(ranges, first, first+size-1, class) {
			break
		}
	}
	return class, scope
}

func dumbUniform(ranges []dumbRange, first, last uint64, class string) bool {
	for i, r := range ranges {
		ends := i+1 < len(ranges) && ranges[i+1].first <= first
		if !ends && r.first <= last && r.class != class {
			return false
		}
	}
	return true
}

// unitNumber is the address' leading bits, as many as its unit has.
func unitNumber(addr netip.Addr) (n uint64) {
	octets := addr.AsSlice()[:3]
	if addr.Is6() {
		octets = addr.AsSlice()[:7]
	}
	for _, octet := range octets {
		n = n<<8 | uint64(octet)
	}
	return n
}

func textOf(c Class, tags *TagSet, sites []*Site) (text string) {
	for _, candidate := range c.Candidates {
		text += fmt.Sprintf("%d of %s ", candidate.Tier, sites[candidate.Site].ID)
	}
	matches := ""
	for _, id := range c.Tags {
		matches += fmt.Sprintf("[%s %s]", tags.Tag(id).Line, tags.Tag(id).Region)
	}
	if text += withoutEverybody(matches); c.Residency != NoResidency {
		text += fmt.Sprintf("{%d}", c.Residency)
	}
	return text
}

func TestClassesLookup(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "world"), 9))
		networks := map[string]geodata.Place{}
		var edges []netip.Addr
		for range rng.IntN(40) {
			prefix := randomNetwork(rng)
			edges = append(edges, prefix.Addr(), prefix.Addr().Prev())
			networks[prefix.String()] = randomPlace(rng)
		}
		sites := randomSites(rng)
		times := map[string][]geodata.SiteRTT{}
		for range rng.IntN(6) {
			times[randomNetwork(rng).String()] = randomTimes(rng)
		}
		table := measuredTable(t, networks, times)
		tags, precedence := randomTags(rng), randomPrecedence(rng)
		c := &Compiled{Geo: NewGeo(table), classes: map[classKey]*Classes{}}
		wanted := classesWanted{sites: sites, tags: NewTagSet(tags, precedence), rounding: randomNear(rng).rounding(), residency: randomResidency(rng)}
		for _, s := range sites {
			s.Region = []string{"", "north", "south"}[rng.IntN(3)]
		}
		classes := c.classesFor(wanted, nil)
		v4, v6 := dumbClasses(table, wanted, tags, append(slices.Clone(precedence.Order()), AtDefault))
		for range 50 {
			unit := gslb.Unit(randomClient(rng, edges))
			ranges, bits := v6, gslb.MaxBits6
			if unit.Addr().Is4() {
				ranges, bits = v4, gslb.MaxBits4
			}
			class, scope := classes.Lookup(unit)
			wantClass, wantScope := dumbLookup(ranges, unitNumber(unit.Addr()), bits)
			if !dumbUniform(v4, 0, 1<<24-1, wantClass) {
				wantScope = withoutCarriers(unit, wantScope)
			}
			if got := textOf(class, classes.Tags, sites); got != wantClass || scope != wantScope {
				rt.Fatalf("%s: %q scope %d, want %q scope %d", unit, got, scope, wantClass, wantScope)
			}
		}
	})
}

func randomNear(rng *rand.Rand) Near {
	return []Near{{}, {Milliseconds: 1 + rng.IntN(20)}, {Percent: 1 + rng.IntN(100)}}[rng.IntN(3)]
}

// randomResidency is up to three rules.
func randomResidency(rng *rand.Rand) (rules []Residency) {
	for range rng.IntN(4) {
		rules = append(rules, Residency{
			Clients: [][]Region{{"CN"}, {"CN-GD"}, {"CN-south", "DE"}, {"DE-BY"}}[rng.IntN(4)],
			Regions: [][]string{{"north"}, {"south", "north"}, {"elsewhere"}}[rng.IntN(3)],
		})
	}
	return rules
}

func randomNetwork(rng *rand.Rand) netip.Prefix {
	var octets [16]byte
	for i := range octets {
		octets[i] = byte(rng.Uint32())
	}
	if rng.IntN(2) == 0 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(octets[:4])), rng.IntN(25)).Masked()
	}
	octets[0], octets[1] = 0x20, 0x03
	return netip.PrefixFrom(netip.AddrFrom16(octets), 3+rng.IntN(54)).Masked()
}

func randomPlace(rng *rand.Rand) geodata.Place {
	p := geodata.Place{Line: []gslb.Line{"", "telecom", "unicom", "mobile"}[rng.IntN(4)]}
	p.Region = []string{"", "CN-GD", "CN-GX", "CN-BJ", "DE-BY"}[rng.IntN(5)]
	if p.Country = ""; rng.IntN(4) > 0 {
		p.Country = cmp.Or(p.Region, "CN-")[:2]
	}
	if rng.IntN(4) > 0 {
		p.HasLocation, p.Location = true, randomLocation(rng)
	}
	return p
}

func randomLocation(rng *rand.Rand) gslb.Location {
	return gslb.Location{LatMicro: rng.Int32N(20_000_000), LonMicro: rng.Int32N(20_000_000)}
}

// randomSites are up to twelve, in the order of their names; several stand on one spot.
func randomSites(rng *rand.Rand) (sites []*Site) {
	for i := range rng.IntN(13) {
		s := &Site{ID: siteName(i), Location: randomLocation(rng)}
		if i > 0 && rng.IntN(3) == 0 {
			s.Location = sites[i-1].Location
		}
		sites = append(sites, s)
	}
	return sites
}

// randomTimes are those of some sites, one of which no world has.
func randomTimes(rng *rand.Rand) (times []geodata.SiteRTT) {
	times = append(times, geodata.SiteRTT{Site: "elsewhere", Milliseconds: 1})
	for _, i := range rng.Perm(12)[:rng.IntN(12)] {
		times = append(times, geodata.SiteRTT{Site: siteName(i), Milliseconds: uint16(1 + rng.IntN(60))})
	}
	return times
}

func randomClient(rng *rand.Rand, edges []netip.Addr) netip.Addr {
	if len(edges) > 0 && rng.IntN(3) > 0 {
		if edge := edges[rng.IntN(len(edges))]; edge.IsValid() {
			return edge
		}
	}
	return randomNetwork(rng).Addr()
}

// The classes of a set of sites are compiled once and used again as long as sites, lines and table are the same.
func TestClassesAreReused(t *testing.T) {
	geo := NewGeo(tableOf(t, map[string]geodata.Place{"20.0.0.0/8": {HasLocation: true, Line: "telecom"}}))
	first := Compile(world(), "1", geo, nil)
	if got := first.Services[0].ByFamily[IPv4].Classes; got == first.Services[0].ByFamily[IPv6].Classes {
		t.Error("two families with different sites share classes")
	}
	classes := func(m *Map, geo *Geo) *Classes { return Compile(m, "2", geo, first).Services[0].ByFamily[IPv4].Classes }
	before := first.Services[0].ByFamily[IPv4].Classes
	for name, c := range map[string]struct {
		change func(*Map)
		geo    *Geo
		reused bool
	}{
		"nothing changed":                      {func(*Map) {}, geo, true},
		"capacity":                             {func(m *Map) { m.Services[0].Endpoints[0].Capacity++ }, geo, true},
		"another service":                      {func(m *Map) { m.Services = append(m.Services, many(1, 2).Services...) }, geo, true},
		"address":                              {func(m *Map) { m.Services[0].Endpoints[0].Addresses[0].Addr = netip.MustParseAddr("192.0.2.99") }, geo, true},
		"site moved":                           {func(m *Map) { m.Sites[0].Location.LatMicro++ }, geo, false},
		"line":                                 {func(m *Map) { m.Services[0].Endpoints[1].Addresses[0].Line = "unicom" }, geo, false},
		"region":                               {func(m *Map) { m.Services[0].Endpoints[1].Addresses[0].Region = "CN-GD" }, geo, false},
		"a precedence that orders lines alike": {func(m *Map) { m.Services[0].Steering.Precedence.Preset = "dnspod" }, geo, true},
		"a precedence without lines":           {func(m *Map) { m.Services[0].Steering.Precedence.Levels = []Level{AtRegion} }, geo, false},
		"another near":                         {func(m *Map) { m.Services[0].Steering.Near.Milliseconds = 5 }, geo, false},
		"another residency": {func(m *Map) {
			m.Services[0].Steering.Residency = []Residency{{Clients: []Region{"CN"}, Regions: []string{"eu"}}}
		}, geo, false},
		"a cost":    {func(m *Map) { m.Services[0].Steering.Costs = []SiteCost{{"fra", 5}} }, geo, true},
		"method":    {func(m *Map) { m.Services[0].Steering.Method = Weighted }, geo, false},
		"geo table": {func(*Map) {}, NewGeo(geo.Table), false},
	} {
		m := world()
		c.change(m)
		m.Sites = append(m.Sites, many(0, 2).Sites...)
		if reused := classes(m, c.geo) == before; reused != c.reused {
			t.Errorf("%s: reused %v, want %v", name, reused, c.reused)
		}
	}
}

// Which sites a residency lets serve is part of what classes are: a site that says another region changes them, and only then.
func TestClassesOfAResidencyAreReused(t *testing.T) {
	geo := NewGeo(tableOf(t, map[string]geodata.Place{"20.0.0.0/8": {HasLocation: true, Country: "CN"}}))
	kept := func(region string, clients ...Region) *Map {
		m := world()
		m.Sites[1].Region = region
		m.Services[0].Steering.Residency = []Residency{{Clients: clients, Regions: []string{"cn"}}}
		return m
	}
	first := Compile(kept("cn", "CN"), "1", geo, nil)
	for name, c := range map[string]struct {
		m      *Map
		reused bool
	}{
		"nothing changed": {kept("cn", "CN"), true}, "the site's region": {kept("eu", "CN"), false}, "whom it keeps": {kept("cn", "CN", "HK"), false},
	} {
		if reused := Compile(c.m, "2", geo, first).Services[0].All.Classes == first.Services[0].All.Classes; reused != c.reused {
			t.Errorf("%s: reused %v, want %v", name, reused, c.reused)
		}
	}
}

func TestCompileNamesAndZones(t *testing.T) {
	m := world()
	m.Services[0].Aliases = []gslb.Name{"a.b.edge.example."}
	m.Zones = append(m.Zones, Zone{Name: "sub.edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}})
	c := Compile(m, "1", NewGeo(tableOf(t, nil)), nil)
	for name, want := range map[gslb.Name]gslb.Name{
		"x.edge.example.": "edge.example.", "x.sub.edge.example.": "sub.edge.example.", "edge.example.": "edge.example.",
	} {
		if zone, ok := c.Zone(name); !ok || zone.Name != want {
			t.Errorf("zone of %s: %v", name, zone)
		}
	}
	for _, name := range []gslb.Name{"example.", ".", "edge.example.net.", `x\.edge.example.`} {
		if zone, ok := c.Zone(name); ok {
			t.Errorf("%s is in zone %s", name, zone.Name)
		}
	}
	var inner []string
	for name := range c.inner {
		inner = append(inner, string(name))
	}
	if got := strings.Join(inner, " "); got != "b.edge.example." {
		t.Errorf("empty non-terminals: %s", got)
	}
	for _, name := range []gslb.Name{"chat.edge.example.", "a.b.edge.example."} {
		if index, ok := c.Service(name); !ok || index != 0 {
			t.Errorf("%s is service %d, %v", name, index, ok)
		}
	}
}
