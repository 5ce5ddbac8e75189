package geodata_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

func resolverTable(t *testing.T) *geodata.Table {
	t.Helper()
	var b geodata.Builder
	seat := at(37_400_000, -122_100_000)
	seat.Country, seat.Line = "US", "edu"
	add(t, b.Source("city"), network{"20.0.0.0/8", seat}, network{"2a00::/16", seat})
	singapore := at(1_350_000, 103_820_000)
	singapore.Country = "SG"
	add(t, b.Resolvers("operator"), network{"20.1.2.0/26", singapore}, network{"20.1.2.128/26", country("DE")},
		network{"2a00:1:0:1::/64", country("DE")}, network{"10.0.0.53/32", country("FR")}, network{"20.9.0.0/16", country("JP")})
	add(t, b.Resolvers("published"), network{"20.1.2.0/24", country("KR")}, network{"20.9.0.0/24", line("telecom")})
	return build(t, &b)
}

func TestLookupResolver(t *testing.T) {
	table := resolverTable(t)
	tests := []struct {
		name, addr, country string
		lat                 int32
		line                gslb.Line
	}{
		{"known", "20.1.2.63", "SG", 1_350_000, "edu"},
		{"known by the lower list alone", "20.1.2.64", "KR", 37_400_000, "edu"},
		{"known by country, placed by the city database", "20.1.2.128", "DE", 37_400_000, "edu"},
		{"field by field over two lists", "20.9.0.1", "JP", 37_400_000, "telecom"},
		{"in the wider network of one list", "20.9.1.1", "JP", 37_400_000, "edu"},
		{"not known", "20.1.3.0", "US", 37_400_000, "edu"},
		{"just before", "20.1.1.255", "US", 37_400_000, "edu"},
		{"known inside a special range", "10.0.0.53", "FR", 0, ""},
		{"its neighbour", "10.0.0.54", "", 0, ""},
		{"mapped", "::ffff:20.1.2.63", "SG", 1_350_000, "edu"},
		{"NAT64", "64:ff9b::20.1.2.63", "SG", 1_350_000, "edu"},
		{"IPv6, one /64", "2a00:1:0:1::53", "DE", 37_400_000, "edu"},
		{"IPv6, the /64 behind", "2a00:1:0:2::53", "US", 37_400_000, "edu"},
		{"no place at all", "30.0.0.1", "", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := netip.MustParseAddr(tt.addr)
			got := table.Place(table.LookupResolver(addr))
			if got.Country != tt.country || got.Location.LatMicro != tt.lat || got.Line != tt.line {
				t.Errorf("LookupResolver(%s) = %+v, want country %q, latitude %d, line %q", addr, got, tt.country, tt.lat, tt.line)
			}
		})
	}
	if id := table.LookupResolver(netip.Addr{}); id != geodata.Unknown {
		t.Errorf("LookupResolver of no address = %d, want the unknown place", id)
	}
}

// What resolvers add is seen by whoever asks for them, and by nobody else.
func TestResolversDoNotChangeClients(t *testing.T) {
	table := resolverTable(t)
	id, prefix := table.Lookup(netip.MustParseAddr("20.1.2.9"))
	if got := table.Place(id).Country; got != "US" || prefix.String() != "20.0.0.0/8" {
		t.Errorf("the clients of 20.1.2.9 are in %q, %v; want US, 20.0.0.0/8", got, prefix)
	}
	from := table.From(table.LookupResolver(netip.MustParseAddr("20.1.2.9")))
	if got, want := table.Source(from.Country)+", "+table.Source(from.Line), "operator, city"; got != want {
		t.Errorf("the resolver's country and line are from %s, want %s", got, want)
	}
}

// A place that only resolvers have is one of the table's places: whoever compiles places sees it.
func TestResolverPlacesAreCounted(t *testing.T) {
	table := resolverTable(t)
	id := table.LookupResolver(netip.MustParseAddr("20.1.2.1"))
	if int(id) >= table.Places() {
		t.Errorf("a resolver has place %d of %d", id, table.Places())
	}
	coarse, err := table.Coarsen(500_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"20.1.2.1", "20.1.2.65", "20.1.2.129", "10.0.0.53", "2a00:1:0:1::1", "20.9.0.7", "20.1.3.1"} {
		addr := netip.MustParseAddr(addr)
		if got, want := coarse.Place(coarse.LookupResolver(addr)), table.Place(table.LookupResolver(addr)); got != want {
			t.Errorf("after Coarsen the resolver at %v is in %+v, want %+v: no place shares its square", addr, got, want)
		}
	}
}

// A network of which nothing is said leaves no trace: the table is the one without it.
func TestResolversThatSayNothing(t *testing.T) {
	digest := func(networks ...network) string {
		var b geodata.Builder
		add(t, b.Source("city"), network{"20.0.0.0/8", country("US")})
		add(t, b.Resolvers("operator"), networks...)
		return build(t, &b).Digest()
	}
	if got, want := digest(network{"20.1.0.0/16", geodata.Place{}}), digest(); got != want {
		t.Errorf("with a network of which nothing is said the table is %s, want %s", got, want)
	}
}

// A builder keeps its layers.
func TestBuildTwice(t *testing.T) {
	var b geodata.Builder
	add(t, b.Source("city"), network{"20.0.0.0/8", country("US")})
	add(t, b.Resolvers("upper"), network{"20.1.2.0/24", country("SG")}, network{"20.1.4.0/24", line("edu")})
	add(t, b.Resolvers("lower"), network{"20.1.0.0/16", country("KR")}, network{"20.1.4.64/26", line("mobile")})
	if one, other := build(t, &b).Digest(), build(t, &b).Digest(); one != other {
		t.Errorf("built twice, the table is %s and %s", one, other)
	}
}

func TestResolversRefuse(t *testing.T) {
	for _, where := range []string{"2a00::1/128", "2a00::/65", "2a00::-2a00::1"} {
		var b geodata.Builder
		if err := addOne(b.Resolvers("operator"), network{where, country("DE")}); !errors.Is(err, geodata.ErrTooFineResolver) {
			t.Errorf("resolvers of %s: %v, want ErrTooFineResolver", where, err)
		}
	}
}

// The whole space, its first and its last address are ranges like others.
func TestResolversAtTheEndsOfTheSpace(t *testing.T) {
	tests := []struct {
		name     string
		networks []string
		inside   []string
		outside  []string
	}{
		{"all of IPv4", []string{"0.0.0.0/0"}, []string{"0.0.0.0", "255.255.255.255"}, []string{"2a00::1"}},
		{"all of IPv6", []string{"::/0"}, []string{"::1", "ffff:ffff:ffff:ffff::1"}, []string{"20.0.0.1"}},
		{"the ends", []string{"0.0.0.0/32", "255.255.255.255/32", "::/64", "ffff:ffff:ffff:ffff::/64"},
			[]string{"0.0.0.0", "255.255.255.255", "::1", "ffff:ffff:ffff:ffff::1"},
			[]string{"0.0.0.1", "255.255.255.254", "0:0:0:1::1", "ffff:ffff:ffff:fffe::1"}},
		{"before the end", []string{"255.255.255.254/32", "ffff:ffff:ffff:fffe::/64"},
			[]string{"255.255.255.254", "ffff:ffff:ffff:fffe::1"}, []string{"255.255.255.255", "ffff:ffff:ffff:ffff::1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b geodata.Builder
			add(t, b.Source("city"), network{"0.0.0.0/0", country("US")})
			for _, where := range tt.networks {
				add(t, b.Resolvers("operator"), network{where, country("SG")})
			}
			table := build(t, &b)
			again, err := geodata.Decode(encode(t, table))
			if err != nil {
				t.Fatal(err)
			}
			for _, table := range []*geodata.Table{table, again} {
				for _, addr := range slices.Concat(tt.inside, tt.outside) {
					got := table.Place(table.LookupResolver(netip.MustParseAddr(addr))).Country
					if (got == "SG") != slices.Contains(tt.inside, addr) {
						t.Errorf("the resolver at %s is in %q", addr, got)
					}
				}
			}
		})
	}
}
