package operator

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

const everything = `overrides:
- {prefix: 203.0.113.0/24, location: {lat: 50.11, lon: 8.68}, country: DE, region: DE-HE, line: telecom}
- {prefix: 10.0.0.0/8, line: internal}
resolvers:
- {prefix: 172.253.0.64/26, location: {lat: -1.35, lon: 103.82}, country: SG}
- prefix: 2001:db8::/64
  country: JP
resolverFeeds: [public-dns.csv, /etc/other.csv]
rtt:
- {prefix: 198.51.100.0/24, sites: {fra: 12, pek: 180}}
- {prefix: 2001:db8::/56, sites: {fra: 0}}
`

func place(prefix string, p geodata.Place) Place { return Place{netip.MustParsePrefix(prefix), p} }

func TestParse(t *testing.T) {
	frankfurt := gslb.Location{LatMicro: 50_110_000, LonMicro: 8_680_000}
	got, err := Parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Overrides: []Place{
			place("10.0.0.0/8", geodata.Place{Line: "internal"}),
			place("203.0.113.0/24", geodata.Place{Location: frankfurt, HasLocation: true, Country: "DE", Region: "DE-HE", Line: "telecom"}),
		},
		Resolvers: []Place{
			place("172.253.0.64/26", geodata.Place{Location: gslb.Location{LatMicro: -1_350_000, LonMicro: 103_820_000}, HasLocation: true, Country: "SG"}),
			place("2001:db8::/64", geodata.Place{Country: "JP"}),
		},
		ResolverFeeds: []string{"public-dns.csv", "/etc/other.csv"},
		RTT: []Times{
			{netip.MustParsePrefix("198.51.100.0/24"), []geodata.SiteRTT{{Site: "fra", Milliseconds: 12}, {Site: "pek", Milliseconds: 180}}},
			{netip.MustParsePrefix("2001:db8::/56"), []geodata.SiteRTT{{Site: "fra"}}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse = %+v, want %+v", got, want)
	}
}

// Whoever adds a location to one network of many keeps what was said of them all.
func TestNetworksInheritFromThoseAround(t *testing.T) {
	f, err := Parse([]byte(`overrides:
- {prefix: 10.1.1.0/24, country: FR}
- {prefix: 10.1.2.0/24, line: mobile}
- {prefix: 10.1.0.0/16, location: {lat: 1, lon: 1}, country: DE, region: DE-HE}
- {prefix: 10.0.0.0/8, line: internal, country: NL}
- {prefix: 11.0.0.0/16, line: internal}
`))
	if err != nil {
		t.Fatal(err)
	}
	here := gslb.Location{LatMicro: 1_000_000, LonMicro: 1_000_000}
	want := []Place{
		place("10.0.0.0/8", geodata.Place{Line: "internal", Country: "NL"}),
		place("10.1.0.0/16", geodata.Place{Location: here, HasLocation: true, Country: "DE", Region: "DE-HE", Line: "internal"}),
		place("11.0.0.0/16", geodata.Place{Line: "internal"}),
		place("10.1.1.0/24", geodata.Place{Country: "FR", Line: "internal"}), // not where 10.1.0.0/16 is
		place("10.1.2.0/24", geodata.Place{Location: here, HasLocation: true, Country: "DE", Region: "DE-HE", Line: "mobile"}),
	}
	if !reflect.DeepEqual(f.Overrides, want) {
		t.Errorf("overrides %+v, want %+v", f.Overrides, want)
	}
}

var wrongFiles = []struct {
	name, text string
	want       string // the whole error
}{
	{"nothing", "", "it says nothing: give overrides, resolvers, resolverFeeds or rtt"},
	{"empty lists", "overrides: []\nrtt:\n", "it says nothing: give overrides, resolvers, resolverFeeds or rtt"},
	{"not YAML", "overrides: [\n- x", "line 1: did not find expected node content"},
	{"a list", "- x\n", "line 1: want keys and values here"},
	{"two documents", "rtt: []\n---\nrtt: []\n", "line 2: a second YAML document: keep one"},
	{"a broken second document", "rtt: []\n---\n[\n", "line 3: did not find expected node content"},
	{"unknown key at the top", "overrides: []\noverride: []\n", `line 2: unknown key "override": want overrides, resolverFeeds, resolvers, rtt`},
	{"unknown key of a network", "overrides:\n- prefix: 10.0.0.0/8\n  lines: x\n", `line 3: unknown key "lines": want country, line, location, prefix, region`},
	{"a key twice", "overrides:\n- prefix: 10.0.0.0/8\n  line: x\n  line: y\n", `line 4: key "line" stands on line 3 already`},
	{"an anchor", "overrides: &a\n- {prefix: 10.0.0.0/8, line: x}\nresolvers: *a\n", "line 3: want a list here, each item behind a dash"},
	{"a value where a list belongs", "overrides: 10.0.0.0/8\n", "line 1: want a list here, each item behind a dash"},
	{"a value where a network belongs", "overrides:\n- 10.0.0.0/8\n", "line 2: want keys and values here"},
	{"a list where a value belongs", "overrides:\n- prefix: [10.0.0.0/8]\n", "line 2: want one value here"},
	{"a key without a value", "overrides:\n- prefix: 10.0.0.0/8\n  line:\n", "line 3: want a value here"},
	{"no prefix", "overrides:\n- line: x\n", "line 2: no prefix: want one such as 192.0.2.0/24"},
	{"an address", "overrides:\n- {prefix: 10.0.0.1, line: x}\n", `line 2: prefix "10.0.0.1": want one such as 192.0.2.0/24 or 2001:db8::/56`},
	{"longer than /24", "overrides:\n- {prefix: 10.0.0.0/25, line: x}\n", "line 2: prefix 10.0.0.0/25 is longer than /24: a table tells /24 and /56 networks apart, and nothing finer"},
	{"longer than /56", "rtt:\n- {prefix: '2001:db8::/57', sites: {fra: 1}}\n", "line 2: prefix 2001:db8::/57 is longer than /56: a table tells /24 and /56 networks apart, and nothing finer"},
	{"a resolver longer than /64", "resolvers:\n- {prefix: '2001:db8::/65', country: DE}\n", "line 2: prefix 2001:db8::/65 is longer than /64: a table tells resolvers apart by address, of IPv6 by /64, and nothing finer"},
	{"behind NAT64", "overrides:\n- {prefix: '64:ff9b::/96', line: x}\n", "line 2: prefix 64:ff9b::/96: clients behind NAT64 are placed by the IPv4 address in theirs: write the IPv4 prefix"},
	{"some behind NAT64", "rtt:\n- {prefix: '64:ff9b::c000:200/120', sites: {fra: 1}}\n", "line 2: prefix 64:ff9b::c000:200/120: clients behind NAT64 are placed by the IPv4 address in theirs: write the IPv4 prefix"},
	{"bits behind the length", "overrides:\n- {prefix: 10.1.2.3/8, line: x}\n", "line 2: prefix 10.1.2.3/8 has bits behind its length: did you mean 10.0.0.0/8?"},
	{"a mapped prefix", "overrides:\n- {prefix: '::ffff:10.0.0.0/104', line: x}\n", "line 2: prefix ::ffff:10.0.0.0/104: write the IPv4 prefix itself"},
	{"a prefix twice", "overrides:\n- {prefix: 10.0.0.0/8, line: x}\n- {prefix: 10.0.0.0/8, line: y}\n", "line 3: 10.0.0.0/8 is listed on line 2 already: keep one of them"},
	{"nothing said", "overrides:\n- prefix: 10.0.0.0/8\n", "line 2: nothing is said of 10.0.0.0/8: give location, country, region or line"},
	{"a country in small letters", "overrides:\n- {prefix: 10.0.0.0/8, country: de}\n", `line 2: not a place: country "de", want two capital letters (ISO 3166-1 alpha-2)`},
	{"a region without a country", "overrides:\n- {prefix: 10.0.0.0/8, region: HE}\n", `line 2: not a place: region "HE", want a code such as CN-GD (ISO 3166-2)`},
	{"a region of another country", "overrides:\n- {prefix: 10.0.0.0/8, country: FR, region: DE-HE}\n", "line 2: region DE-HE is not in country FR"},
	{"a line with a blank", "overrides:\n- {prefix: 10.0.0.0/8, line: China Telecom}\n", `line 2: not a place: line: not a host name: character 'C'`},
	{"half a location", "overrides:\n- {prefix: 10.0.0.0/8, location: {lat: 1}}\n", "line 2: a location has two numbers: want {lat: 50.11, lon: 8.68}"},
	{"a latitude beyond the pole", "overrides:\n- prefix: 10.0.0.0/8\n  location:\n    lat: 90.000001\n    lon: 1\n", "line 4: 90.000001: want -90 to 90"},
	{"a longitude in words", "overrides:\n- {prefix: 10.0.0.0/8, location: {lat: 1, lon: east}}\n", `line 2: "east": want degrees such as 50.11`},
	{"no feed's name", "resolverFeeds: ['']\n", "line 1: want a value here"},
	{"times without a prefix", "rtt:\n- sites: {fra: 1}\n", "line 2: no prefix: want one such as 192.0.2.0/24"},
	{"times without sites", "rtt:\n- prefix: 10.0.0.0/8\n", "line 2: no sites: want milliseconds by site, such as sites: {fra: 12}"},
	{"times of no site", "rtt:\n- {prefix: 10.0.0.0/8, sites: {}}\n", "line 2: no sites: want milliseconds by site, such as sites: {fra: 12}"},
	{"a site in capitals", "rtt:\n- {prefix: 10.0.0.0/8, sites: {FRA: 1}}\n", `line 2: site "FRA": not a host name: character 'F'`},
	{"a site twice", "rtt:\n- prefix: 10.0.0.0/8\n  sites:\n    fra: 1\n    fra: 2\n", `line 5: key "fra" stands on line 4 already`},
	{"seconds", "rtt:\n- {prefix: 10.0.0.0/8, sites: {fra: 0.012}}\n", `line 2: "0.012": want whole milliseconds from 0 to 65535`},
	{"more than a minute", "rtt:\n- {prefix: 10.0.0.0/8, sites: {fra: 65536}}\n", `line 2: "65536": want whole milliseconds from 0 to 65535`},
	{"every wrong line", "overrides:\n- {prefix: x, line: x}\n- {prefix: 10.0.0.0/8}\nrtt: 1\n",
		"line 2: prefix \"x\": want one such as 192.0.2.0/24 or 2001:db8::/56\nline 3: nothing is said of 10.0.0.0/8: give location, country, region or line\nline 4: want a list here, each item behind a dash"},
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range wrongFiles {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse([]byte(tt.text))
			if err == nil || err.Error() != tt.want {
				t.Errorf("Parse = %+v, %v; want the error %s", f, err, tt.want)
			}
		})
	}
	many := "overrides:\n" + strings.Repeat("- {prefix: x, line: x}\n", 100)
	if _, err := Parse([]byte(many)); err == nil || !strings.HasSuffix(err.Error(), "line 21: prefix \"x\": want one such as 192.0.2.0/24 or 2001:db8::/56\nand 80 more") {
		t.Errorf("Parse of 100 wrong lines = %v, want 20 of them and how many more", err)
	}
	if _, err := Parse(make([]byte, MaxBytes+1)); err == nil || !strings.Contains(err.Error(), "the limit is") {
		t.Errorf("Parse of too many bytes = %v, want an error with the limit", err)
	}
}

func TestAdd(t *testing.T) {
	f, err := Parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	var b geodata.Builder
	if err := b.Source("city").Add(netip.MustParsePrefix("172.0.0.0/8"), geodata.Place{Country: "US", Line: "edu"}); err != nil {
		t.Fatal(err)
	}
	if err := f.AddOverrides(&b, "op.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := f.AddResolvers(&b, "op.yaml"); err != nil {
		t.Fatal(err)
	}
	table, err := b.Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"203.0.113.9": "DE telecom []", "10.9.9.9": " internal []", "172.253.0.65": "US edu []",
		"198.51.100.7": "  [{fra 12} {pek 180}]", "2001:db8::7": "  [{fra 0}]",
	} {
		id, _ := table.Lookup(netip.MustParseAddr(addr))
		p := table.Place(id)
		if got := fmt.Sprint(p.Country, " ", p.Line, " ", table.RTT(p.RTT)); got != want {
			t.Errorf("%s is in %q, want %q", addr, got, want)
		}
	}
	resolver := table.LookupResolver(netip.MustParseAddr("172.253.0.65"))
	if p := table.Place(resolver); p.Country != "SG" || p.Line != "edu" || table.Source(table.From(resolver).Country) != "op.yaml" {
		t.Errorf("the resolver at 172.253.0.65 is in %+v, want SG from op.yaml on line edu", p)
	}
}

// FuzzParseOperator looks for panics. What it finds to be a file, a table takes.
func FuzzParseOperator(f *testing.F) {
	f.Add([]byte(everything))
	for _, tt := range wrongFiles {
		f.Add([]byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		var b geodata.Builder
		if err := file.AddOverrides(&b, "op"); err != nil {
			t.Fatalf("overrides that were read are refused: %v", err)
		}
		if err := file.AddResolvers(&b, "op"); err != nil {
			t.Fatalf("resolvers that were read are refused: %v", err)
		}
	})
}
