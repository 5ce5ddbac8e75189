package geodata_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

func at(lat, lon int32) geodata.Place {
	return geodata.Place{Location: gslb.Location{LatMicro: lat, LonMicro: lon}, HasLocation: true}
}

func country(code string) geodata.Place { return geodata.Place{Country: code} }

func line(name gslb.Line) geodata.Place { return geodata.Place{Line: name} }

// network is a prefix or a range ("192.0.2.1-192.0.2.9") and its place.
type network struct {
	where string
	place geodata.Place
}

func add(t *testing.T, layer *geodata.Layer, networks ...network) {
	t.Helper()
	for _, n := range networks {
		if err := addOne(layer, n); err != nil {
			t.Fatal(err)
		}
	}
}

func addOne(layer *geodata.Layer, n network) error {
	for i := range n.where {
		if n.where[i] == '-' {
			return layer.AddRange(netip.MustParseAddr(n.where[:i]), netip.MustParseAddr(n.where[i+1:]), n.place)
		}
	}
	return layer.Add(netip.MustParsePrefix(n.where), n.place)
}

func build(t *testing.T, b *geodata.Builder) *geodata.Table {
	t.Helper()
	table, err := b.Build(geodata.Origin{Source: "test", Date: time.Date(2026, 6, 5, 1, 2, 3, 4, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestLookup(t *testing.T) {
	var b geodata.Builder
	add(t, b.Source("test"),
		network{"0.0.0.0/0", country("ZZ")},
		network{"20.0.0.0/7", country("AA")},
		network{"20.5.0.0/16", country("BB")},
		network{"20.5.7.0/24", country("CC")},
		network{"30.0.0.0/25", country("DD")}, network{"30.0.0.128/26", country("EE")}, network{"30.0.0.192/26", country("FF")},
		network{"30.0.1.0/25", country("GG")}, network{"30.0.1.128/25", country("HH")},
		network{"30.0.2.0/26", country("II")}, network{"30.0.2.64/26", country("JJ")}, network{"30.0.2.128/25", country("II")},
		network{"2000::/3", country("YY")},
		network{"2a00:1::/32", country("KK")},
		network{"2a00:2:0:ff80::/57", country("LL")},
		network{"2a00:3:0:ff00::/64", country("MM")}, network{"2a00:3:0:ff01::-2a00:3:0:ffff:ffff:ffff:ffff:ffff", country("NN")},
		network{"2a00:4::/33", country("OO")}, network{"2a00:4:8000::/33", country("OO")},
	)
	add(t, b.Override("operator"), network{"10.9.0.0/16", country("PP")})
	table := build(t, &b)
	tests := []struct{ name, addr, country, prefix string }{
		{"inside a wide range", "21.1.2.3", "AA", "21.0.0.0/8"},
		{"wide range beside a hole", "20.6.0.1", "AA", "20.6.0.0/15"},
		{"bucket with a hole", "20.5.6.255", "BB", "20.5.6.0/24"},
		{"bucket with a hole, far from it", "20.5.200.1", "BB", "20.5.128.0/17"},
		{"the hole", "20.5.7.9", "CC", "20.5.7.0/24"},
		{"most of the unit", "30.0.0.255", "DD", "30.0.0.0/24"},
		{"equal halves: the lower", "30.0.1.200", "GG", "30.0.1.0/24"},
		{"shares of a unit add up", "30.0.2.100", "II", "30.0.2.0/24"},
		{"mapped", "::ffff:20.5.7.9", "CC", "20.5.7.0/24"},
		{"NAT64", "64:ff9b::20.5.7.9", "CC", "64:ff9b::1405:700/120"},
		{"NAT64, wide", "64:ff9b::21.5.7.9", "AA", "64:ff9b::1500:0/104"},
		{"beside the NAT64 prefix", "64:ff9b::1:20.5.7.9", "", "64:ff9b::1:0:0/96"},
		{"beside the mapped addresses", "::1", "", "::/81"},
		{"unknown IPv6 without what carries IPv4", "100::1", "", "100::/8"},
		{"IPv6", "2a00:1::1", "KK", "2a00:1::/32"},
		{"IPv6 with a zone", "2a00:1::1%eth0", "KK", "2a00:1::/32"},
		{"half of a /56: the lower", "2a00:2:0:ff00::1", "YY", "2a00:2::/32"},
		{"most of a /56", "2a00:3:0:ff00::1", "NN", "2a00:3:0:ff00::/56"},
		{"neighbours join", "2a00:4::1", "OO", "2a00:4::/32"},
		{"IPv6 across roots", "2400:1::", "YY", "2400::/6"},
		{"private", "10.8.1.1", "", "10.8.0.0/16"},
		{"loopback", "127.0.0.1", "", "127.0.0.0/8"},
		{"documentation", "203.0.113.7", "", "203.0.113.0/24"},
		{"multicast", "239.1.1.1", "", "224.0.0.0/3"},
		{"unique local", "fd00::1", "", "8000::/1"},
		{"6to4", "2002:1405:709::1", "", "2002::/16"},
		{"private, overridden", "10.9.3.3", "PP", "10.9.0.0/16"},
		{"first address", "0.0.0.0", "", "0.0.0.0/8"},
		{"last address", "255.255.255.255", "", "224.0.0.0/3"},
		{"last IPv6 address", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "8000::/1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, prefix := table.Lookup(netip.MustParseAddr(tt.addr))
			if got := table.Place(id).Country; got != tt.country || prefix.String() != tt.prefix {
				t.Errorf("Lookup(%s) = %q, %v; want %q, %s", tt.addr, got, prefix, tt.country, tt.prefix)
			}
		})
	}
	if id, prefix := table.Lookup(netip.Addr{}); id != geodata.Unknown || prefix.IsValid() {
		t.Errorf("Lookup of no address = %d, %v; want the unknown place and no prefix", id, prefix)
	}
}

// A layer gives the fields that it knows, and leaves the others to those below.
func TestLayersMergeFieldByField(t *testing.T) {
	var b geodata.Builder
	add(t, b.Source("test"), network{"20.1.0.0/16", line("telecom")}, network{"10.0.0.0/8", line("mobile")})
	add(t, b.Source("test"), network{"20.0.0.0/8", geodata.Place{
		Location: gslb.Location{LatMicro: 1}, HasLocation: true, Country: "AA", Line: "edu",
	}})
	add(t, b.Override("operator"), network{"20.1.1.0/24", at(5, 6)}, network{"20.1.2.0/24", country("BB")}, network{"20.1.3.0/24", geodata.Place{}})
	table := build(t, &b)
	here := gslb.Location{LatMicro: 1}
	tests := []struct {
		addr string
		want geodata.Place
	}{
		{"20.0.0.1", geodata.Place{Location: here, HasLocation: true, Country: "AA", Line: "edu"}},
		{"20.1.0.1", geodata.Place{Location: here, HasLocation: true, Country: "AA", Line: "telecom"}},
		{"20.1.1.1", geodata.Place{Location: gslb.Location{LatMicro: 5, LonMicro: 6}, HasLocation: true, Country: "AA", Line: "telecom"}},
		{"20.1.2.1", geodata.Place{Location: here, HasLocation: true, Country: "BB", Line: "telecom"}},
		{"20.1.3.1", geodata.Place{Location: here, HasLocation: true, Country: "AA", Line: "telecom"}},
		{"10.0.0.1", geodata.Place{}},
	}
	for _, tt := range tests {
		id, _ := table.Lookup(netip.MustParseAddr(tt.addr))
		if got := table.Place(id); got != tt.want {
			t.Errorf("%s is in %+v, want %+v", tt.addr, got, tt.want)
		}
	}
}

// Within a layer the later addition counts, even if the two share but one address.
func TestLaterAdditionCounts(t *testing.T) {
	var b geodata.Builder
	add(t, b.Source("test"), network{"20.0.0.0-20.0.0.127", country("AA")}, network{"20.0.0.127-20.0.0.254", country("BB")})
	table := build(t, &b)
	id, _ := table.Lookup(netip.MustParseAddr("20.0.0.1"))
	if got := table.Place(id).Country; got != "BB" {
		t.Errorf("20.0.0.0/24 is in %q, want BB with 128 addresses of 255", got)
	}
}

// More places than 16 bits can count need a wider column.
func TestManyPlaces(t *testing.T) {
	const places = 1<<16 + 1000
	var b geodata.Builder
	layer := b.Source("test")
	for i := range int32(places) {
		if err := layer.Add(netip.PrefixFrom(address4(0x2000_0000+uint64(i)<<8), 24), at(i, -i)); err != nil {
			t.Fatal(err)
		}
	}
	table := build(t, &b)
	for _, i := range []int32{0, 1, 1<<16 - 2, 1<<16 - 1, 1 << 16, places - 1} {
		id, _ := table.Lookup(address4(0x2000_0000 + uint64(i)<<8))
		if got := table.Place(id); got != at(i, -i) {
			t.Errorf("network %d is in %+v, want %+v", i, got, at(i, -i))
		}
	}
}

func TestBuilderRefuses(t *testing.T) {
	tests := []struct {
		name string
		network
	}{
		{"latitude", network{"20.0.0.0/8", at(90_000_001, 0)}},
		{"longitude", network{"20.0.0.0/8", at(0, -180_000_001)}},
		{"small letters", network{"20.0.0.0/8", country("de")}},
		{"long country", network{"20.0.0.0/8", country("DEU")}},
		{"line", network{"20.0.0.0/8", line("China Telecom")}},
		{"coordinates without a location", network{"20.0.0.0/8", geodata.Place{Location: gslb.Location{LatMicro: 1}}}},
		{"backwards", network{"20.0.0.9-20.0.0.1", country("DE")}},
		{"two families", network{"20.0.0.9-2a00::1", country("DE")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b geodata.Builder
			if err := addOne(b.Source("test"), tt.network); err == nil {
				t.Errorf("%s in %+v was taken", tt.where, tt.place)
			}
		})
	}
	var b geodata.Builder
	if b.Source("test").Add(netip.Prefix{}, country("DE")) == nil {
		t.Error("the zero prefix was taken")
	}
	for _, where := range []string{"20.0.0.7/32", "20.0.0.0-20.0.1.254", "2a00::/57", "2a00::-2a00::ff:0:0:0:0", "2a00::1-2a00:0:0:ff::"} {
		if err := addOne(b.Override("operator"), network{where, country("DE")}); !errors.Is(err, geodata.ErrTooFine) {
			t.Errorf("override of %s: %v, want ErrTooFine", where, err)
		}
	}
}

// Equal content makes equal tables, in whatever order it was added; other content makes others.
func TestDigest(t *testing.T) {
	networks := []network{{"20.0.0.0/8", country("AA")}, {"30.0.0.0/8", country("BB")}, {"2a00::/16", line("edu")}}
	digest := func(networks ...network) string {
		var b geodata.Builder
		add(t, b.Source("test"), networks...)
		return build(t, &b).Digest()
	}
	want := digest(networks...)
	if got := digest(networks[2], networks[1], networks[0]); got != want {
		t.Errorf("another order has digest %s, want %s", got, want)
	}
	if got := digest(networks[:2]...); got == want {
		t.Errorf("a table with less in it has digest %s too", got)
	}
}

func TestEmptyBuilder(t *testing.T) {
	var b geodata.Builder
	table := build(t, &b)
	id, prefix := table.Lookup(netip.MustParseAddr("20.1.2.3"))
	if id != geodata.Unknown || prefix.Bits() != 0 || table.Places() != 1 {
		t.Errorf("an empty table has place %d in %v, and %d places", id, prefix, table.Places())
	}
	if got, want := table.Origin(), (geodata.Origin{Source: "test", Date: time.Date(2026, 6, 5, 1, 2, 3, 0, time.UTC)}); got != want {
		t.Errorf("Origin() = %v, want %v", got, want)
	}
	if got := table.Place(7); got != (geodata.Place{}) {
		t.Errorf("a place that is not of the table is %+v", got)
	}
}

func TestGridCentre(t *testing.T) {
	tests := []struct {
		grid     geodata.Grid
		in, want gslb.Location
	}{
		{500_000, gslb.Location{LatMicro: 50_110_000, LonMicro: 8_680_000}, gslb.Location{LatMicro: 50_250_000, LonMicro: 8_750_000}},
		{500_000, gslb.Location{LatMicro: -1, LonMicro: -500_000}, gslb.Location{LatMicro: -250_000, LonMicro: -250_000}},
		{500_000, gslb.Location{LatMicro: 90_000_000, LonMicro: 180_000_000}, gslb.Location{LatMicro: 90_000_000, LonMicro: 180_000_000}},
		{1, gslb.Location{LatMicro: -33_868_800, LonMicro: 151_209_000}, gslb.Location{LatMicro: -33_868_800, LonMicro: 151_209_000}},
	}
	for _, tt := range tests {
		if got := tt.grid.Centre(tt.in); got != tt.want {
			t.Errorf("Grid(%d).Centre(%v) = %v, want %v", tt.grid, tt.in, got, tt.want)
		}
	}
}

func TestCoarsen(t *testing.T) {
	var b geodata.Builder
	here := func(code string, lat, lon int32) geodata.Place {
		p := at(lat, lon)
		p.Country = code
		return p
	}
	add(t, b.Source("test"),
		network{"20.0.0.0/24", here("AA", 10_000, 10_000)}, network{"20.0.1.0-20.0.3.255", here("AA", 50_000, 30_000)},
		network{"20.0.4.0/24", here("BB", 50_000, 30_000)}, network{"20.0.5.0/24", country("CC")},
		network{"2a00::/20", here("AA", 80_000, 10_000)})
	table, err := build(t, &b).Coarsen(100_000)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]geodata.Place{
		"20.0.0.1": here("AA", 48_000, 22_000), // (1*10 + 3*50 + 1*80) / 5, (1*10 + 3*30 + 1*10) / 5
		"20.0.3.1": here("AA", 48_000, 22_000),
		"2a00::1":  here("AA", 48_000, 22_000),
		"20.0.4.1": here("BB", 50_000, 30_000),
		"20.0.5.1": country("CC"),
		"20.0.6.1": {},
	}
	for addr, place := range want {
		id, _ := table.Lookup(netip.MustParseAddr(addr))
		if got := table.Place(id); got != place {
			t.Errorf("%s is in %+v, want %+v", addr, got, place)
		}
	}
	if _, prefix := table.Lookup(netip.MustParseAddr("20.0.0.1")); prefix.String() != "20.0.0.0/22" {
		t.Errorf("networks of one square are not joined: %v", prefix)
	}
}
