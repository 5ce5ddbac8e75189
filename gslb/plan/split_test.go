package plan

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb"
)

// splitWorld is world with a split for clients near each of the sites, and one for a class that nobody has.
func splitWorld(geo *Geo) *Map {
	m := world()
	all := Compile(m, "0", geo, nil).Services[0].All.Classes
	for _, client := range []string{"20.0.0.0/24", "21.0.0.0/24"} {
		class, _ := all.Lookup(netip.MustParsePrefix(client))
		i, _ := all.Demand().Of(class)
		m.Services[0].Splits = append(m.Services[0].Splits, Split{all.Demand().List[i].Key, []SiteShare{{"fra", 2500}, {"pek", 7500}}})
	}
	m.Services[0].Splits = append(m.Services[0].Splits, Split{"00000000000000ff", []SiteShare{{"fra", gslb.WholeShare}}})
	m.HeavyResolvers = []netip.Addr{netip.MustParseAddr("2001:db8::53"), netip.MustParseAddr("192.0.2.53")}
	m.Canonical()
	return m
}

func splitGeo(t testing.TB) *Geo {
	return NewGeo(tableOf(t, map[string]geodata.Place{
		"20.0.0.0/8": {HasLocation: true, Location: gslb.Location{LatMicro: 50_000_000, LonMicro: 8_000_000}},
		"21.0.0.0/8": {HasLocation: true, Location: gslb.Location{LatMicro: 40_000_000, LonMicro: 116_000_000}},
	}))
}

func TestCompileSplits(t *testing.T) {
	geo := splitGeo(t)
	m := splitWorld(geo)
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	c := Compile(m, "1", geo, nil)
	s := &c.Services[0]
	if c.UnknownSplits != 1 {
		t.Errorf("%d unknown splits, want 1", c.UnknownSplits)
	}
	if s.All == s.ByFamily[IPv4] || s.Demand != s.All.Classes.Demand() {
		t.Error("the splits are not those of all sites")
	}
	for client, split := range map[string]bool{"20.0.0.0/24": true, "21.0.0.0/24": true, "30.0.0.0/24": false} {
		class, _ := s.All.Classes.Lookup(netip.MustParsePrefix(client))
		demand, _ := s.Demand.Of(class)
		shares, bits := s.Splits.Of(demand, IPv4)
		if !split {
			if shares != nil {
				t.Errorf("%s has shares %v", client, shares)
			}
			continue
		}
		want := []EndpointShare{{s.Endpoints[0].Seed, 0, 2500}, {s.Endpoints[1].Seed, 1, 7500}}
		if !reflect.DeepEqual(shares, want) || bits != 24-8 {
			t.Errorf("%s: shares %v, units of /%d; want %v and /16", client, shares, bits, want)
		}
	}
	for addr, heavy := range map[string]bool{"2001:db8::53": true, "192.0.2.53": true, "192.0.2.54": false} {
		if c.Heavy(netip.MustParseAddr(addr)) != heavy {
			t.Errorf("%s heavy: %v, want %v", addr, !heavy, heavy)
		}
	}
}

// A site that is no endpoint any more leaves its share to the others; a class that only had such ones is not split.
func TestCompileDropsSharesOfOtherSites(t *testing.T) {
	geo := splitGeo(t)
	m := splitWorld(geo)
	before := Compile(m, "1", geo, nil)
	m.Sites = append(m.Sites, Site{ID: "ord"})
	for i := range m.Services[0].Splits[1:] {
		m.Services[0].Splits[i].Shares = []SiteShare{{"ord", 5000}, {"pek", 5000}}
	}
	m.Services[0].Splits[2].Shares = []SiteShare{{"ord", gslb.WholeShare}}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	after := Compile(m, "2", geo, before)
	if before.Services[0].All.Classes.Demand() != after.Services[0].All.Classes.Demand() {
		t.Error("the demand classes are made anew")
	}
	var got []string
	for i := range after.Services[0].Demand.List {
		shares, _ := after.Services[0].Splits.Of(i, IPv4)
		for _, s := range shares {
			got = append(got, fmt.Sprint(s.Endpoint, " ", s.Share))
		}
	}
	if want := []string{"1 50 %"}; !reflect.DeepEqual(got, want) {
		t.Errorf("shares %v, want %v", got, want)
	}
}

// One service may have both families at some sites only; it has one set of demand classes.
func TestAllSitesShareClassesWhereTheyCan(t *testing.T) {
	m := world()
	m.Services[0].Endpoints[1].Addresses = m.Services[0].Endpoints[1].Addresses[:1]
	s := &Compile(m, "1", splitGeo(t), nil).Services[0]
	if s.All != s.ByFamily[IPv4] || s.Splits != nil {
		t.Error("a service of one family has a choice more, or splits that nobody gave it")
	}
}

// BenchmarkCompileSplits compiles the next map of 100 services at 64 sites with 1,000 splits each, of four sites.
func BenchmarkCompileSplits(b *testing.B) {
	table, err := embedded.Open()
	if err != nil {
		b.Fatal(err)
	}
	geo, m := NewGeo(table), many(100, 64)
	for i, s := range spreadSites(64) {
		m.Sites[i].Location = s.Location
	}
	for i := range m.Services {
		m.Services[i].Steering.Method = Proximity
	}
	all := Compile(m, "0", geo, nil).Services[0].All.Classes
	splits := 0
	for i := range m.Services {
		for _, d := range all.Demand().List[:1000] {
			split := Split{Class: d.Key}
			for _, c := range d.Candidates[:min(4, len(d.Candidates))] {
				split.Shares = append(split.Shares, SiteShare{m.Sites[c.Site].ID, gslb.WholeShare / 4})
			}
			m.Services[i].Splits = append(m.Services[i].Splits, split)
			splits++
		}
	}
	m.Canonical()
	previous := Compile(m, "1", geo, nil)
	b.ReportAllocs()
	for b.Loop() {
		Compile(m, "2", geo, previous)
	}
	b.ReportMetric(float64(splits), "splits")
	b.ReportMetric(float64(len(mustEncode(b, m)))/(1<<20), "encoded-MB")
}
