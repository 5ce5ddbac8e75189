package plan

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// Times count before distances: 20 km away may be a long way round. Sites that were not measured keep their distance.
func TestMeasuredTimesCount(t *testing.T) {
	frankfurt := geodata.Place{HasLocation: true, Location: gslb.Location{LatMicro: 50_110_000, LonMicro: 8_680_000}}
	at := func(id gslb.SiteID, lat, lon int32) *Site {
		return &Site{ID: id, Location: gslb.Location{LatMicro: lat * 1_000_000, LonMicro: lon * 1_000_000}}
	}
	sites := []*Site{at("ams", 52, 5), at("fra", 50, 9), at("vie", 48, 16)}
	for name, c := range map[string]struct {
		times []geodata.SiteRTT
		want  string
	}{
		"nothing measured":        {nil, "0 fra, 1 ams, 2 vie"},
		"far by wire":             {[]geodata.SiteRTT{{Site: "fra", Milliseconds: 40}, {Site: "ams", Milliseconds: 9}}, "0 ams, 0 vie, 1 fra"},
		"within the noise":        {[]geodata.SiteRTT{{Site: "fra", Milliseconds: 14}, {Site: "ams", Milliseconds: 9}, {Site: "vie", Milliseconds: 60}}, "0 ams, 0 fra, 1 vie"},
		"a site that is not ours": {[]geodata.SiteRTT{{Site: "pek", Milliseconds: 1}}, "0 fra, 1 ams, 2 vie"},
	} {
		rows := map[string][]geodata.SiteRTT{"20.1.0.0/16": c.times}
		if c.times == nil {
			rows = nil
		}
		table := measuredTable(t, map[string]geodata.Place{"20.0.0.0/8": frankfurt}, rows)
		classes := NewGeo(table).Classes(sites, nil, DefaultRounding)
		class, scope := classes.Lookup(netip.MustParsePrefix("20.1.7.0/24"))
		got := ""
		for i, candidate := range class.Candidates {
			if i > 0 {
				got += ", "
			}
			got += fmt.Sprintf("%d %s", candidate.Tier, sites[candidate.Site].ID)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if wide := c.want == "0 fra, 1 ams, 2 vie"; (scope < 16) != wide {
			t.Errorf("%s: scope /%d", name, scope)
		}
	}
}

// Sites that were measured and that the map does not have are listed, each once.
func TestUnknownTimes(t *testing.T) {
	times := func(sites ...gslb.SiteID) (row []geodata.SiteRTT) {
		for _, site := range sites {
			row = append(row, geodata.SiteRTT{Site: site, Milliseconds: 9})
		}
		return row
	}
	table := measuredTable(t, nil, map[string][]geodata.SiteRTT{
		"20.1.0.0/16": times("fra", "ams"), "20.2.0.0/16": times("pek", "ams"), "20.3.0.0/16": times("sjc"),
	})
	if got := fmt.Sprint(MeasuredSites(table)); got != "[ams fra pek sjc]" {
		t.Errorf("measured are %s", got)
	}
	unknown := Compile(world(), "", NewGeo(table), nil).UnknownTimes
	const want = "the geo data has round-trip times to sites that the map does not have: [ams sjc]: their times are ignored; " +
		"correct the names under rtt in the geo data, or add the sites to the map"
	if got := unknown.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := Compile(world(), "", NewGeo(tableOf(t, nil)), nil).UnknownTimes; got != nil {
		t.Errorf("nothing was measured, and yet: %v", got)
	}
	for i := range shownTimes {
		unknown = append(unknown, siteName(i))
	}
	if got := unknown.Error(); !strings.Contains(got, "s17] and 2 more: their times") || strings.Contains(got, "s18") {
		t.Errorf("of many: %s", got)
	}
}

func TestLookupResolver(t *testing.T) {
	var b geodata.Builder
	place := func(lat int32) geodata.Place {
		return geodata.Place{HasLocation: true, Location: gslb.Location{LatMicro: lat * 1_000_000}}
	}
	if err := b.Source("city").Add(netip.MustParsePrefix("20.0.0.0/8"), place(50)); err != nil {
		t.Fatal(err)
	}
	if err := b.Resolvers("resolvers").Add(netip.MustParsePrefix("20.1.1.9/32"), place(-50)); err != nil {
		t.Fatal(err)
	}
	table, err := b.Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	north, south := &Site{ID: "north", Location: place(50).Location}, &Site{ID: "south", Location: place(-50).Location}
	classes := NewGeo(table).Classes([]*Site{north, south}, nil, DefaultRounding)
	class, known := classes.LookupResolver(netip.MustParseAddr("20.1.1.9"))
	if !known || class.Candidates[0].Site != 1 {
		t.Errorf("a known resolver: %+v, %v, want the south first", class, known)
	}
	if _, known := classes.LookupResolver(netip.MustParseAddr("20.1.1.8")); known {
		t.Error("its neighbour is known")
	}
	if class, _ := classes.Lookup(netip.MustParsePrefix("20.1.1.0/24")); class.Candidates[0].Site != 0 {
		t.Errorf("a client in its network: %+v, want the north first", class)
	}
}
