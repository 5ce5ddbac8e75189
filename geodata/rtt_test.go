package geodata_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
)

func TestRTT(t *testing.T) {
	var b geodata.Builder
	add(t, b.Source("city"), network{"20.0.0.0/8", country("US")})
	lowerRow := []geodata.SiteRTT{{Site: "pek", Milliseconds: 180}, {Site: "fra", Milliseconds: 12}}
	lower, upper := b.RTT("last week"), b.RTT("today")
	for _, where := range []string{"20.1.0.0/16", "20.3.0.0/16", "10.1.0.0/16", "2a00::/56", "::ffff:20.2.0.0/120"} {
		if err := lower.Add(netip.MustParsePrefix(where), lowerRow); err != nil {
			t.Fatal(err)
		}
	}
	if err := upper.Add(netip.MustParsePrefix("20.1.1.0/24"), []geodata.SiteRTT{{Site: "fra", Milliseconds: 0}}); err != nil {
		t.Fatal(err)
	}
	table := build(t, &b)
	old := []geodata.SiteRTT{{Site: "fra", Milliseconds: 12}, {Site: "pek", Milliseconds: 180}}
	tests := []struct {
		name, addr, source string
		want               []geodata.SiteRTT
	}{
		{"measured", "20.1.0.1", "last week", old},
		{"the upper row counts whole", "20.1.1.1", "today", []geodata.SiteRTT{{Site: "fra", Milliseconds: 0}}},
		{"not measured", "20.2.1.1", "", nil},
		{"a mapped prefix", "20.2.0.1", "last week", old},
		{"a special range", "10.1.0.1", "last week", old},
		{"IPv6", "2a00::1", "last week", old},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, _ := table.Lookup(netip.MustParseAddr(tt.addr))
			got, source := table.RTT(table.Place(id).RTT), table.Source(table.From(id).RTT)
			if !slices.Equal(got, tt.want) || source != tt.source {
				t.Errorf("%s has %v from %q, want %v from %q", tt.addr, got, source, tt.want, tt.source)
			}
		})
	}
	if got := table.RTT(3); got != nil {
		t.Errorf("a row that is not of the table is %v", got)
	}
	if _, prefix := table.Lookup(netip.MustParseAddr("20.1.1.1")); prefix.String() != "20.1.1.0/24" {
		t.Errorf("20.1.1.1 shares %v, want its /24: rows tell places apart", prefix)
	}
	coarse, err := table.Coarsen(500_000)
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, coarse, table)
}

func TestRTTRefuses(t *testing.T) {
	tests := []struct {
		name, where string
		times       []geodata.SiteRTT
		want        error
	}{
		{"no site", "20.0.0.0/8", nil, geodata.ErrRTT},
		{"a site that is none", "20.0.0.0/8", []geodata.SiteRTT{{Site: "FRA"}}, geodata.ErrRTT},
		{"a site twice", "20.0.0.0/8", []geodata.SiteRTT{{Site: "fra"}, {Site: "fra", Milliseconds: 1}}, geodata.ErrRTT},
		{"too fine", "20.0.0.0/25", []geodata.SiteRTT{{Site: "fra"}}, geodata.ErrTooFine},
	}
	for _, tt := range tests {
		var b geodata.Builder
		if err := b.RTT("test").Add(netip.MustParsePrefix(tt.where), tt.times); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	var b geodata.Builder
	if b.RTT("test").Add(netip.Prefix{}, []geodata.SiteRTT{{Site: "fra"}}) == nil {
		t.Error("the zero prefix was taken")
	}
	// A row is of one table: a place that has one can't be handed to another.
	for _, err := range []error{
		b.Source("test").Add(netip.MustParsePrefix("20.0.0.0/8"), geodata.Place{RTT: 1}),
		func() error { _, err := b.Stream("test").Ref(geodata.Place{RTT: 1}); return err }(),
	} {
		if !errors.Is(err, geodata.ErrPlace) || !strings.Contains(err.Error(), "Builder.RTT") {
			t.Errorf("a place with a row: %v, want ErrPlace that names Builder.RTT", err)
		}
	}
}

// Rows and resolvers are numbered by content, in whatever order they were added.
func TestDigestOfRowsAndResolvers(t *testing.T) {
	digest := func(backwards bool) string {
		var b geodata.Builder
		add(t, b.Source("test"), network{"20.0.0.0/8", country("AA")})
		rtt, resolvers := b.RTT("rtt"), b.Resolvers("resolvers")
		steps := []func(){
			func() {
				_ = rtt.Add(netip.MustParsePrefix("20.1.0.0/24"), []geodata.SiteRTT{{Site: "fra", Milliseconds: 1}})
			},
			func() {
				_ = rtt.Add(netip.MustParsePrefix("20.2.0.0/24"), []geodata.SiteRTT{{Site: "fra", Milliseconds: 2}})
			},
			// Where nothing else is known, places come as they are added.
			func() {
				_ = rtt.Add(netip.MustParsePrefix("30.1.0.0/24"), []geodata.SiteRTT{{Site: "fra", Milliseconds: 4}})
			},
			func() {
				_ = rtt.Add(netip.MustParsePrefix("30.2.0.0/24"), []geodata.SiteRTT{{Site: "fra", Milliseconds: 3}})
			},
			func() { add(t, resolvers, network{"20.1.0.0/26", country("CC")}) },
			func() { add(t, resolvers, network{"20.1.0.64/26", country("BB")}) },
		}
		if backwards {
			slices.Reverse(steps)
		}
		for _, step := range steps {
			step()
		}
		return build(t, &b).Digest()
	}
	if one, other := digest(false), digest(true); one != other {
		t.Errorf("another order has digest %s, want %s", other, one)
	}
}
