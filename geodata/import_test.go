package geodata_test

import (
	"fmt"
	"net/netip"
	"testing"

	"tidegate.dev/tidegate/geodata"
)

// What a table says stands below what comes beside it, field by field: also what it says of resolvers, and its times,
// whether they come before or after the table.
func TestTableAsASource(t *testing.T) {
	var old geodata.Builder
	everything := at(1_000_000, 1_000_000)
	everything.Country, everything.Region, everything.Line = "NL", "NL-NH", "edu"
	add(t, old.Source("old city"), network{"20.0.0.0/8", everything}, network{"2a00::/16", everything})
	add(t, old.Override("old operator"), network{"20.2.0.0/16", line("mine")}, network{"10.0.0.0/8", line("mine")})
	add(t, old.Resolvers("old list"), network{"20.1.0.0/26", country("BE")}, network{"20.3.0.0/26", line("mobile")})
	if err := old.RTT("old times").Add(netip.MustParsePrefix("20.1.0.0/16"), []geodata.SiteRTT{{Site: "ams", Milliseconds: 3}}); err != nil {
		t.Fatal(err)
	}
	for _, order := range []string{"before", "after"} {
		t.Run(order, func(t *testing.T) {
			var b geodata.Builder
			beside := func() {
				add(t, b.Resolvers("list"), network{"20.3.0.0/27", country("SG")})
				if err := b.RTT("times").Add(netip.MustParsePrefix("20.1.0.0/24"), []geodata.SiteRTT{{Site: "ams", Milliseconds: 9}}); err != nil {
					t.Fatal(err)
				}
			}
			upper := at(5_000_000, 5_000_000)
			upper.Country, upper.Region, upper.Line = "DE", "DE-HE", "telecom"
			add(t, b.Source("city"), network{"20.0.0.0/9", upper})
			if order == "before" {
				beside()
			}
			b.Table(build(t, &old))
			if order == "after" {
				beside()
			}
			table := build(t, &b)
			for addr, want := range map[string]struct{ client, resolver string }{
				"20.1.0.1":   {"5 DE DE-HE telecom ams 9 of times", "5 BE telecom ams 9 of times"},
				"20.1.1.1":   {"5 DE DE-HE telecom ams 3 of old times", "5 DE DE-HE telecom ams 3 of old times"},
				"20.2.0.1":   {"5 DE DE-HE telecom", "5 DE DE-HE telecom"},
				"20.3.0.1":   {"5 DE DE-HE telecom", "5 SG mobile"},
				"20.3.0.32":  {"5 DE DE-HE telecom", "5 DE DE-HE mobile"},
				"20.200.0.1": {"1 NL NL-NH edu", "1 NL NL-NH edu"},
				"2a00::1":    {"1 NL NL-NH edu", "1 NL NL-NH edu"},
				"10.0.0.1":   {"0", "0"},
			} {
				id, _ := table.Lookup(netip.MustParseAddr(addr))
				if got := described(table, id); got != want.client {
					t.Errorf("%s is in %q, want %q", addr, got, want.client)
				}
				if got := described(table, table.LookupResolver(netip.MustParseAddr(addr))); got != want.resolver {
					t.Errorf("the resolver at %s is in %q, want %q", addr, got, want.resolver)
				}
			}
		})
	}
}

// described has the whole degrees of latitude, the codes, and the times with their source.
func described(table *geodata.Table, id geodata.PlaceID) string {
	p := table.Place(id)
	s := fmt.Sprint(p.Location.LatMicro / 1_000_000)
	for _, code := range []string{p.Country, p.Region, string(p.Line)} {
		if code != "" {
			s += " " + code
		}
	}
	for _, time := range table.RTT(p.RTT) {
		s += fmt.Sprintf(" %s %d of %s", time.Site, time.Milliseconds, table.Source(table.From(id).RTT))
	}
	return s
}
