package geodata_test

import (
	"fmt"
	"net/netip"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// in is a place by country or region code and whole degrees.
func in(code string, lat, lon int32) geodata.Place {
	p := at(lat*1_000_000, lon*1_000_000)
	p.Country = code[:2]
	if len(code) > 2 {
		p.Region = code
	}
	return p
}

func region(code string) geodata.Place { return geodata.Place{Region: code} }

// world is a city database: most of Germany is at 50, 10; Beijing is in two cells, and all of China's middle is there, too.
func world(t *testing.T, b *geodata.Builder) {
	t.Helper()
	add(t, b.Source("city"),
		network{"20.0.0.0/16", in("US-CA", 37, -122)}, network{"20.1.0.0/16", in("SG", 1, 104)},
		network{"21.0.0.0/16", in("DE", 50, 10)}, network{"21.1.0.0/18", in("DE", 48, 11)}, network{"21.1.64.0/18", in("DE", 54, 10)},
		network{"22.0.0.0/16", in("CN-BJ", 40, 116)}, network{"22.1.0.0/17", in("CN-BJ", 41, 117)},
		network{"22.2.0.0/17", in("CN-GD", 23, 113)}, network{"22.3.0.0/18", in("CN", 30, 110)}, network{"23.0.0.0/16", in("HK", 22, 114)},
		network{"24.0.0.0/16", at(10_000_000, 10_000_000)}, network{"2a00::/16", in("US", 39, -77)})
}

// A country without coordinates steers nobody; one with another country's coordinates steers wrongly.
func TestAreasHaveCoordinates(t *testing.T) {
	for _, tt := range []struct {
		name, addr string
		says       geodata.Place
		want       string // degrees, country, region
	}{
		{"another country: its middle", "20.0.0.1", country("SG"), "1 104 SG "},
		{"another country and region, of which nobody has a place", "20.0.0.1", geodata.Place{Country: "SG", Region: "SG-01"}, "1 104 SG SG-01"},
		{"the middle is where most are", "20.0.0.1", country("DE"), "50 10 DE "},
		{"the same country: a finer place is known", "21.1.0.1", country("DE"), "48 11 DE "},
		{"a region of the same country that no source knows", "21.1.0.1", region("DE-BY"), "48 11 DE DE-BY"},
		{"another region: its middle", "22.0.0.1", region("CN-GD"), "23 113 CN CN-GD"},
		{"the same region", "22.1.0.1", geodata.Place{Country: "CN", Region: "CN-BJ"}, "41 117 CN CN-BJ"},
		{"a region where the country was known", "22.3.0.1", region("CN-GD"), "23 113 CN CN-GD"},
		{"a region alone names its country", "21.0.0.1", region("CN-BJ"), "40 116 CN CN-BJ"},
		{"a country alone takes the region of another away", "22.0.0.1", country("DE"), "50 10 DE "},
		{"a country alone keeps its region", "22.1.0.1", country("CN"), "41 117 CN CN-BJ"},
		{"a region that databases have as a country", "23.0.0.1", region("CN-HK"), "22 114 CN CN-HK"},
		{"that region elsewhere", "20.0.0.1", region("CN-HK"), "22 114 CN CN-HK"},
		{"coordinates of its own", "20.0.0.1", in("FR", 49, 2), "49 2 FR "},
		{"coordinates alone", "22.0.0.1", at(49_000_000, 2_000_000), "49 2 CN CN-BJ"},
		{"coordinates without a country before", "24.0.0.1", country("SG"), "10 10 SG "},
		{"a country that no source knows", "20.0.0.1", country("FR"), "37 -122 FR "},
		{"an address that no source knows", "30.0.0.1", country("SG"), "1 104 SG "},
		{"a special range", "127.0.0.1", geodata.Place{Country: "SG"}, "1 104 SG "},
		{"IPv6", "2a00::1", country("SG"), "1 104 SG "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := netip.MustParseAddr(tt.addr)
			prefix, _ := addr.Prefix(min(addr.BitLen()-8, 56))
			for kind, add := range map[string]func(*geodata.Builder) *geodata.Layer{
				"override": func(b *geodata.Builder) *geodata.Layer { return b.Override("op") },
				"resolver": func(b *geodata.Builder) *geodata.Layer { return b.Resolvers("op") },
			} {
				var b geodata.Builder
				world(t, &b)
				if err := add(&b).Add(prefix, tt.says); err != nil {
					t.Fatal(err)
				}
				table := build(t, &b)
				if p := table.Place(table.LookupResolver(addr)); shown(p) != tt.want {
					t.Errorf("%s: %v is in %q, want %q", kind, addr, shown(p), tt.want)
				}
			}
		})
	}
}

func shown(p geodata.Place) string {
	return fmt.Sprintf("%d %d %s %s", p.Location.LatMicro/1_000_000, p.Location.LonMicro/1_000_000, p.Country, p.Region)
}

// A source above a city database does the same, whoever names the country is the source of the coordinates, and the table
// says the same when it is read as a source again.
func TestAreasOfSources(t *testing.T) {
	var b geodata.Builder
	add(t, b.Source("feed"), network{"20.0.0.0/24", country("SG")}, network{"40.0.0.0/24", region("CN-GD")})
	world(t, &b)
	add(t, b.Resolvers("upper"), network{"21.0.0.53/32", country("SG")})
	add(t, b.Resolvers("lower"), network{"21.0.0.53/32", in("US-CA", 37, -122)}, network{"22.0.0.53/32", country("US")})
	table := build(t, &b)
	for _, table := range []*geodata.Table{table, again(t, table)} {
		for addr, want := range map[string]string{"20.0.0.1": "1 104 SG ", "20.0.1.1": "37 -122 US US-CA", "40.0.0.1": "23 113 CN CN-GD",
			"21.0.0.53": "1 104 SG ", "22.0.0.53": "37 -122 US "} {
			if p := table.Place(table.LookupResolver(netip.MustParseAddr(addr))); shown(p) != want {
				t.Errorf("%s is in %q, want %q", addr, shown(p), want)
			}
		}
		id, _ := table.Lookup(netip.MustParseAddr("20.0.0.1"))
		if from := table.Source(table.From(id).Location); from != "feed" {
			t.Errorf("the coordinates are from %q", from)
		}
	}
}

func again(t *testing.T, table *geodata.Table) *geodata.Table {
	t.Helper()
	var b geodata.Builder
	b.Table(table)
	return build(t, &b)
}

// The middle of an area is a place in it, in whatever order its networks come.
func TestMiddleIsInTheArea(t *testing.T) {
	ring := []gslb.Location{{LatMicro: 10_000_000}, {LatMicro: -10_000_000}, {LonMicro: 10_000_000}, {LonMicro: -10_000_000}}
	var first geodata.Place
	for turn := range ring {
		var b geodata.Builder
		layer := b.Source("city")
		for i := range ring {
			n := (i + turn) % len(ring)
			p := geodata.Place{Location: ring[n], HasLocation: true, Country: "AA"}
			add(t, layer, network{fmt.Sprintf("20.%d.0.0/16", n), p})
		}
		add(t, b.Override("op"), network{"30.0.0.0/24", country("AA")})
		table := build(t, &b)
		id, _ := table.Lookup(netip.MustParseAddr("30.0.0.1"))
		got := table.Place(id)
		if turn == 0 {
			first = got
		}
		if got != first || !got.HasLocation || got.Location == (gslb.Location{}) {
			t.Errorf("turn %d: the middle is %+v, before %+v", turn, got.Location, first.Location)
		}
	}
}
