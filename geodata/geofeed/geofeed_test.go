package geofeed

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
)

func in(prefix, country, region string) Network {
	return Network{Prefix: netip.MustParsePrefix(prefix), Place: geodata.Place{Country: country, Region: region}}
}

func TestRead(t *testing.T) {
	tests := []struct {
		name, feed string
		want       []Network
	}{
		{"all five fields", "192.0.2.0/24,US,US-AL,Alabaster,35007\n", []Network{in("192.0.2.0/24", "US", "US-AL")}},
		{"empty fields", "192.0.2.5,US,,,\n", []Network{in("192.0.2.5/32", "US", "")}},
		{"missing fields", "2001:db8::/32,SG\n", []Network{in("2001:db8::/32", "SG", "")}},
		{"one IPv6 address", "2001:db8::1,SG,SG-03,,\n", []Network{in("2001:db8::1/128", "SG", "SG-03")}},
		{"comments, blanks, a mark and Windows", "\ufeff# feed\r\n\r\n 192.0.2.0/24 , DE , DE-HE , Frankfurt ,\r\n", []Network{in("192.0.2.0/24", "DE", "DE-HE")}},
		{"a quoted city", "192.0.2.0/24,US,US-DC,\"Washington, D.C.\",\n", []Network{in("192.0.2.0/24", "US", "US-DC")}},
		// RFC 8805, of the country and of the region: "Parsers SHOULD treat this field case-insensitively."
		{"small letters", "192.0.2.0/24,de,de-he,,\n", []Network{in("192.0.2.0/24", "DE", "DE-HE")}},
		{"a network of no country", "192.0.2.0/24,ZZ,,,\n198.51.100.0/24,,,,\n", []Network{in("192.0.2.0/24", "", ""), in("198.51.100.0/24", "", "")}},
		{"a region alone", "192.0.2.0/24,,CN-GD,,\n", []Network{in("192.0.2.0/24", "CN", "CN-GD")}},
		{"the widest first", "192.0.2.128/25,DE,,,\n192.0.2.0/24,FR,,,\n", []Network{in("192.0.2.0/24", "FR", ""), in("192.0.2.128/25", "DE", "")}},
		{"a row twice", "192.0.2.0/24,DE,,,\n192.0.2.0/24,DE,,Berlin,\n", []Network{in("192.0.2.0/24", "DE", "")}},
		{"bits behind the length", "192.0.2.9/24,DE,,,\n", []Network{in("192.0.2.0/24", "DE", "")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Read(strings.NewReader(tt.feed))
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				got[i].Line = 0
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("Read = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct{ name, feed, want string }{
		{"no network", "# feed\n192.0.2/24,DE,,,\n", `line 2: network "192.0.2/24": want a prefix`},
		{"a zone", "fe80::1%eth0,DE,,,\n", `line 1: network`},
		{"a country's name", "192.0.2.0/24,Germany,,,\n", `line 1: not a place: country "GERMANY", want two capital letters`},
		{"a region without its country", "192.0.2.0/24,US,CA,,\n", `line 1: not a place: region "CA", want a code such as CN-GD`},
		{"a region of another country", "192.0.2.0/24,DE,US-CA,,\n", "line 1: region US-CA is not in country DE"},
		{"two places of one network", "192.0.2.0/24,DE,,,\n\n192.0.2.7/24,FR,,,\n", "line 3: 192.0.2.0/24 is in another place on line 1; keep one of them"},
		{"an open quote", "192.0.2.0/24,DE,,\"x\n", "line 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Read(strings.NewReader(tt.feed)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Read = %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := Read(strings.NewReader("# nothing\n")); !errors.Is(err, ErrEmpty) {
		t.Errorf("Read of a feed without networks = %v, want ErrEmpty", err)
	}
}

// The longest prefix counts, wherever it stands in the file, and one without a place takes its networks out.
func TestAddTo(t *testing.T) {
	networks, err := Read(strings.NewReader("20.1.2.0/24,,,,\n20.1.3.0/24,FR,,,\n20.1.0.0/16,DE,DE-HE,,\n2a00::/32,JP,,,\n2a00:0:1::5/128,KR,,,\n2a00:0:1::9/128,KR,,,\n"))
	if err != nil {
		t.Fatal(err)
	}
	var b geodata.Builder
	clients := slices.DeleteFunc(slices.Clone(networks), func(n Network) bool { return n.Prefix.Bits() > 56 })
	if err := AddTo(b.Source("feed"), clients); err != nil {
		t.Fatal(err)
	}
	if err := AddResolversTo(b.Resolvers("feed"), networks); err != nil {
		t.Fatal(err)
	}
	table, err := b.Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]struct{ client, resolver string }{
		"20.1.1.1": {"DE", "DE"}, "20.1.2.1": {"", ""}, "20.1.3.1": {"FR", "FR"}, "2a00::1": {"JP", "JP"},
		"2a00:0:1::5": {"JP", "KR"}, "2a00:0:1::6": {"JP", "KR"}, "2a00:0:1:1::5": {"JP", "JP"},
	} {
		client, _ := table.Lookup(netip.MustParseAddr(addr))
		resolver := table.LookupResolver(netip.MustParseAddr(addr))
		if got := table.Place(client).Country; got != want.client {
			t.Errorf("clients of %s are in %q, want %q", addr, got, want.client)
		}
		if got := table.Place(resolver).Country; got != want.resolver {
			t.Errorf("the resolver at %s is in %q, want %q", addr, got, want.resolver)
		}
	}
}

// One address of a /24 would take the other 255 along.
func TestAddToRefusesTheFine(t *testing.T) {
	for feed, want := range map[string]string{
		"192.0.2.0/24,DE\n20.0.0.5/32,DE\n":                      "line 2: 20.0.0.5/32 is longer than /24: a table tells",
		"# feed\n20.0.0.0/25,DE\n":                               "line 2: 20.0.0.0/25 is longer than /24: a table tells",
		"2a00::/57,DE\n":                                         "line 1: 2a00::/57 is longer than /56: a table tells",
		"::ffff:20.0.0.0/121,DE\n":                               "line 1: ::ffff:20.0.0.0/121 is longer than /120",
		"20.0.0.0/24,DE\n::ffff:20.1.0.0/120,DE\n2a00::/56,DE\n": "",
	} {
		networks, err := Read(strings.NewReader(feed))
		if err != nil {
			t.Fatal(err)
		}
		var b geodata.Builder
		err = AddTo(b.Source("feed"), networks)
		if want == "" && err != nil || want != "" && (!errors.Is(err, geodata.ErrTooFine) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", feed, err, want)
		}
	}
}

func TestIs(t *testing.T) {
	for begin, want := range map[string]bool{
		"192.0.2.0/24,US,US-AL,Alabaster,35007\n":         true,
		"# feed\n\n192.0.2.0/24,,,,\n":                    true,
		"prefix,country\n2001:db8::,de,,,\n":              true,
		"192.0.2.0/24,US,US-AL,Alab":                      true, // cut off by who reads the beginning only
		"1.0.0.0/24,13335,Cloudflare\n":                   false,
		"1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"\n":  false,
		"network,asn,name\n1.0.0.0/24,13335,Cloudflare\n": false,
		"16777216,16777471,13335,Cloudflare\n":            false,
		"":                                                false, "1.0.0.0/24\n": false, "\"open\n": false,
	} {
		if got := Is([]byte(begin)); got != want {
			t.Errorf("Is(%q) = %t, want %t", begin, got, want)
		}
	}
}

// FuzzReadFeed looks for panics. What it finds to be a feed goes into layers, and is one by its beginning.
func FuzzReadFeed(f *testing.F) {
	f.Add("192.0.2.0/24,US,US-AL,Alabaster,35007\n# c\n2001:db8::1,sg,,,\n")
	f.Add("\ufeff192.0.2.0/24,,,,\n192.0.2.0/25,DE\n")
	f.Add("1.0.0.0/24,13335,\"open\n")
	f.Fuzz(func(t *testing.T, feed string) {
		networks, err := Read(strings.NewReader(feed))
		if err != nil {
			return
		}
		var b geodata.Builder
		clients := AddTo(b.Source("feed"), networks)
		if errors.Is(clients, geodata.ErrTooFine) {
			clients = nil
		}
		if err := errors.Join(clients, AddResolversTo(b.Resolvers("feed"), networks)); err != nil {
			t.Fatalf("a feed that was read does not fit a layer: %v", err)
		}
	})
}
