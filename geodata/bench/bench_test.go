package main

import (
	"fmt"
	"net/netip"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

func TestOtherSite(t *testing.T) {
	table := func(networks map[string]gslb.Location) *geodata.Table {
		var b geodata.Builder
		layer := b.Source("test")
		for prefix, l := range networks {
			if err := layer.Add(netip.MustParsePrefix(prefix), geodata.Place{Location: l, HasLocation: true}); err != nil {
				t.Fatal(err)
			}
		}
		built, err := b.Build(geodata.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		return built
	}
	frankfurt, newYork := sites()[0].Location, sites()[50].Location
	full := table(map[string]gslb.Location{"20.0.0.0/8": frankfurt, "30.0.0.0/8": frankfurt})
	coarse := table(map[string]gslb.Location{"20.0.0.0/8": frankfurt, "30.0.0.0/8": newYork})
	i := 0
	percent, extraKm := otherSite(full, coarse, func() netip.Addr {
		i++
		return netip.AddrFrom4([4]byte{[3]byte{20, 30, 99}[i%3], byte(i), 1, 1}) // 99.0.0.0/8 has no place and does not count
	})
	if percent < 49.9 || percent > 50.1 || extraKm < 6_000 || extraKm > 6_500 {
		t.Errorf("otherSite = %v %%, %v km; want half, and the width of the Atlantic", percent, extraKm)
	}
}

func TestParseAnswer(t *testing.T) {
	for line, want := range map[string]string{
		"m => 8.8.8.8/24 => sjc, lax, sea":                "[sjc lax sea] 8.8.8.0/24",
		"> m => 2a00:1450::1/40 => waw, vie, kbp":         "[waw vie kbp] 2a00:1450::/40",
		"info: plugin_geoip: map 'm' runtime db updated.": "",
		"m => 8.8.8.8 => sjc":                             "",
	} {
		got := ""
		if a, ok := parseAnswer(line); ok {
			got = fmt.Sprint(a.sites, a.scope)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
