package steer

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// chinese are clients by name: the octet of their /8, and where they are.
var chinese = map[string]struct {
	octet byte
	place geodata.Place
}{
	"telecom CN-GD": {101, geodata.Place{Line: "telecom", Region: "CN-GD", Country: "CN"}},
	"unicom CN-GD":  {102, geodata.Place{Line: "unicom", Region: "CN-GD", Country: "CN"}},
	"telecom CN-GX": {103, geodata.Place{Line: "telecom", Region: "CN-GX", Country: "CN"}},
	"telecom CN-BJ": {104, geodata.Place{Line: "telecom", Region: "CN-BJ", Country: "CN"}},
	"CN-BJ":         {105, geodata.Place{Region: "CN-BJ", Country: "CN"}},
	"mobile DE":     {106, geodata.Place{Line: "mobile", Country: "DE"}},
	"nobody":        {107, geodata.Place{}},
}

func chineseGeo(t testing.TB) *plan.Geo {
	t.Helper()
	var b geodata.Builder
	layer := b.Source("test")
	for _, c := range chinese {
		if err := layer.Add(netip.PrefixFrom(netip.AddrFrom4([4]byte{c.octet}), 8), c.place); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return plan.NewGeo(table)
}

func chineseClient(name string) Query {
	return from(netip.AddrFrom4([4]byte{chinese[name].octet, 0, 0, 1}))
}

// tagOf reads "telecom CN-GD", "telecom", "CN-GD" or "everybody".
func tagOf(text string) (tag plan.Tag) {
	for _, word := range strings.Fields(text) {
		switch {
		case word == "everybody":
		case word[0] >= 'a':
			tag.Line = gslb.Line(word)
		default:
			tag.Region = plan.Region(word)
		}
	}
	return tag
}

// siteWith is a snapshot of one site with an address for each tag; those of the tags in down are down.
func siteWith(t testing.TB, precedence plan.Precedence, tags, down string) *world.Snapshot {
	t.Helper()
	m := mapOf(plan.Steering{Method: plan.Proximity, Precedence: precedence}, endpoint{"pek", 1, ""})
	e := &m.Services[0].Endpoints[0]
	e.Addresses = nil
	b := world.NewBuilder()
	for i, text := range strings.Split(tags, ", ") {
		tag := tagOf(text)
		if tag == (plan.Tag{}) {
			tag.Line = gslb.DefaultLine
		}
		e.Addresses = append(e.Addresses, plan.Address{Addr: addressOf(i), Line: tag.Line, Region: tag.Region})
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	b.SetPlan(3, plan.Compile(m, "sha256:test", chineseGeo(t), nil))
	for _, text := range strings.Split(down, ", ") {
		for i, a := range e.Addresses {
			if down != "" && a.Tag() == tagOf(text) {
				b.SetDown(world.Target{Service: name, Addr: addressOf(i)}, true)
			}
		}
	}
	return b.Snapshot()
}

// everyTag has one address for each level and a client of telecom in CN-GD.
const everyTag = "telecom CN-GD, CN-GD, telecom CN-south, CN-south, telecom CN, CN, telecom, everybody"

func TestTheFirstLevelAnswers(t *testing.T) {
	preset := func(name string) plan.Precedence { return plan.Precedence{Preset: name} }
	list := func(levels ...plan.Level) plan.Precedence { return plan.Precedence{Levels: levels} }
	for _, c := range []struct {
		client     string
		precedence plan.Precedence
		tags, down string
		want       string // the match
	}{
		{"telecom CN-GD", plan.Precedence{}, everyTag, "", "line-region, telecom CN-GD, precedence default"},
		{"telecom CN-GX", plan.Precedence{}, everyTag, "", "line-area, telecom CN-south, precedence default"},
		{"telecom CN-BJ", plan.Precedence{}, everyTag, "", "line-country, telecom CN, precedence default"},
		{"unicom CN-GD", plan.Precedence{}, everyTag, "", "region, CN-GD, precedence default"},
		{"CN-BJ", plan.Precedence{}, everyTag, "", "country, CN, precedence default"},
		{"mobile DE", plan.Precedence{}, everyTag, "", "default, precedence default"},
		{"nobody", plan.Precedence{}, everyTag, "", "default, precedence default"},

		{"telecom CN-GX", plan.Precedence{}, "telecom, CN-GX, everybody", "", "line, telecom, precedence default"},
		{"telecom CN-GX", preset("alibaba"), "telecom, CN-GX, everybody", "", "line, telecom, precedence alibaba"},
		{"telecom CN-GX", preset("huawei"), "telecom, CN-GX, everybody", "", "line, telecom, precedence huawei"},
		{"telecom CN-GX", preset("dnspod"), "telecom, CN-GX, everybody", "", "region, CN-GX, precedence dnspod"},
		{"telecom CN-GX", preset("volcengine"), "telecom, CN-GX, everybody", "", "region, CN-GX, precedence volcengine"},
		{"telecom CN-GX", preset("dnspod"), "telecom CN-south, CN-GX, everybody", "", "region, CN-GX, precedence dnspod"},
		{"telecom CN-GX", preset("dnspod"), "telecom CN, CN-south, everybody", "", "area, CN-south, precedence dnspod"},
		{"telecom CN-GX", preset("volcengine"), "telecom CN, CN-south, everybody", "", "line-country, telecom CN, precedence volcengine"},
		{"telecom CN-GX", preset("dnspod"), "telecom, CN, everybody", "", "line, telecom, precedence dnspod"},

		{"telecom CN-GD", list(plan.AtArea), everyTag, "", "area, CN-south, precedence [area]"},
		{"telecom CN-BJ", list(plan.AtArea), everyTag, "", "default, precedence [area]"},
		{"telecom CN-GD", list(plan.AtRegion), "telecom, everybody", "", "default, precedence [region]"},
		{"telecom CN-GD", list(plan.AtDefault), everyTag, "", "default, precedence [default]"},
		{"telecom CN-GD", list(plan.AtDefault, plan.AtLine), everyTag, "", "default, precedence [default, line]"},
		{"telecom CN-GD", list(plan.AtDefault, plan.AtLine), "telecom, CN-GD", "", "line, telecom, precedence [default, line]"},
		{"unicom CN-GD", list(plan.AtDefault, plan.AtLine), "telecom, CN-GD", "", "none, so all addresses of the site, precedence [default, line]"},

		{"telecom CN-GD", plan.Precedence{}, everyTag, "telecom CN-GD", "line-area, telecom CN-south, precedence default"},
		{"telecom CN-GD", plan.Precedence{}, everyTag, "telecom CN-GD, telecom CN-south, telecom CN, telecom", "region, CN-GD, precedence default"},
		{"telecom CN-GD", plan.Precedence{}, "telecom CN-GD, CN-BJ", "telecom CN-GD", "none, so all addresses of the site, precedence default"},
		{"telecom CN-GD", plan.Precedence{}, "telecom CN-GD, CN-BJ", "telecom CN-GD, CN-BJ", "line-region, telecom CN-GD, precedence default"},
		{"mobile DE", plan.Precedence{}, "telecom, CN-GD", "", "none, so all addresses of the site, precedence default"},
	} {
		snapshot, q := siteWith(t, c.precedence, c.tags, c.down), chineseClient(c.client)
		trace := Explain(snapshot, name, q)
		if trace.Match == nil || trace.Match.String() != c.want {
			t.Errorf("client of %s, addresses for %s, %q down: %v, want %s", c.client, c.tags, c.down, trace.Match, c.want)
			continue
		}
		checkPicked(t, snapshot, q, trace)
	}
}

// checkPicked fails unless Decide answers with the addresses of the tag that the trace names, and those alone.
func checkPicked(t *testing.T, snapshot *world.Snapshot, q Query, trace Trace) {
	t.Helper()
	d := Decide(snapshot, q)
	tags := snapshot.Plan.Services[0].ByFamily[plan.IPv4].Classes.Tags
	named := plan.Tag{Line: trace.Match.Line, Region: trace.Match.Region}
	if (d.Tag == plan.NoTag) != (trace.Match.Level == "") || d.Tag != plan.NoTag && tags.Tag(d.Tag) != named {
		t.Errorf("Decide picks by tag %d, Explain says %s", d.Tag, trace.Match)
	}
	if fmt.Sprint(d.Addresses) != fmt.Sprint(trace.Addresses) {
		t.Errorf("Decide answers %v, Explain %v", d.Addresses, trace.Addresses)
	}
	for _, a := range snapshot.Plan.Services[0].Endpoints[0].Addresses {
		answered := strings.Contains(fmt.Sprint(d.Addresses), a.Addr.String())
		if wanted := a.Tag() == named; d.Tag != plan.NoTag && answered != wanted {
			t.Errorf("%s for %v answers: %v, want %v", a.Addr, a.Tag(), answered, wanted)
		}
	}
}

// Where no address tells clients apart there is nothing to say about levels.
func TestNoMatchWhereAllAreAlike(t *testing.T) {
	for _, tags := range []string{"everybody", "telecom CN-GD", "telecom, telecom"} {
		trace := Explain(siteWith(t, plan.Precedence{}, tags, ""), name, chineseClient("telecom CN-GD"))
		if trace.Match != nil {
			t.Errorf("%s: %s", tags, trace.Match)
		}
	}
	noLines := plan.Precedence{Levels: []plan.Level{plan.AtRegion}}
	if trace := Explain(siteWith(t, noLines, "telecom, unicom", ""), name, chineseClient("telecom CN-GD")); trace.Match != nil {
		t.Errorf("lines that the precedence leaves out: %s", trace.Match)
	}
}

// An address that declares a region and no line is for every line there, though the geo table knows its own.
func TestARegionIsForEveryLine(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoint{"pek", 1, ""})
	e := &m.Services[0].Endpoints[0]
	own := netip.MustParseAddr("101.0.0.9") // telecom in CN-GD
	e.Addresses = []plan.Address{{Addr: own, Region: "CN-GD"}, {Addr: addressOf(0), Line: gslb.DefaultLine}}
	b := world.NewBuilder()
	b.SetPlan(1, plan.Compile(m, "", chineseGeo(t), nil))
	if got := Decide(b.Snapshot(), chineseClient("unicom CN-GD")).Addresses; len(got) != 1 || got[0] != own {
		t.Errorf("a client of unicom in CN-GD gets %v, want %s", got, own)
	}
}

// The scope is as wide as the tags leave it: clients whom no address tells apart share one.
func TestScopeOfLevels(t *testing.T) {
	for _, c := range []struct {
		client, tags string
		want         int
	}{
		{"telecom CN-GD", "CN-GD, everybody", 8},     // 102/8 has it too, but 103/8 in its /7 has not
		{"telecom CN-GX", "CN-GD, everybody", 8},     // 102/8 in its /7 is of CN-GD
		{"telecom CN-BJ", "CN-GD, everybody", 5},     // 104/5 is elsewhere, in places and without one
		{"CN-BJ", "telecom CN-GD, telecom CN-GX", 5}, // and of no such line and region
	} {
		d := Decide(siteWith(t, plan.Precedence{}, c.tags, ""), chineseClient(c.client))
		if d.ScopeBits != c.want {
			t.Errorf("client of %s, addresses for %s: /%d, want /%d", c.client, c.tags, d.ScopeBits, c.want)
		}
	}
}

func TestExplainGoldenOfLevels(t *testing.T) {
	for file, c := range map[string]struct{ client, tags, down string }{
		"level":         {"telecom CN-GD", "telecom CN-GD, CN-GD, telecom CN-south, everybody", "telecom CN-GD"},
		"level-default": {"mobile DE", "telecom, CN-GD, everybody", ""},
		"level-none":    {"telecom CN-GD", "telecom CN-GD, CN-BJ", "telecom CN-GD"},
	} {
		t.Run(file, func(t *testing.T) {
			trace := Explain(siteWith(t, plan.Precedence{Preset: "dnspod"}, c.tags, c.down), name, chineseClient(c.client))
			got, err := json.MarshalIndent(trace, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", "explain", file+".json"), got)
		})
	}
}

func TestDecideByLevelAllocatesNothing(t *testing.T) {
	snapshot := siteWith(t, plan.Precedence{}, everyTag, "telecom CN-GD")
	for client := range chinese {
		q := chineseClient(client)
		if n := testing.AllocsPerRun(100, func() { Decide(snapshot, q) }); n != 0 {
			t.Errorf("%s: Decide allocates %v times per run, want 0", client, n)
		}
	}
}

func BenchmarkDecideByLevel(b *testing.B) {
	snapshot := siteWith(b, plan.Precedence{}, everyTag, "")
	for _, client := range []string{"telecom CN-GD", "nobody"} {
		b.Run(client, func(b *testing.B) {
			q := chineseClient(client)
			b.ReportAllocs()
			for b.Loop() {
				Decide(snapshot, q)
			}
		})
	}
}
