package baseline

import (
	"net/netip"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/sim"
)

func degrees(lat, lon int32) gslb.Location {
	return gslb.Location{LatMicro: lat * 1_000_000, LonMicro: lon * 1_000_000}
}

// world has 300 client networks in Germany, and sites from near to far: fra, ams, mad, iad. Each carries 100 requests/s.
func world(t testing.TB, demand gslb.MilliRPS, events ...sim.Event) sim.Config {
	t.Helper()
	var b geodata.Builder
	place := geodata.Place{HasLocation: true, Country: "DE", Location: degrees(50, 9)}
	if err := b.Source("test").Add(netip.MustParsePrefix("20.0.0.0/12"), place); err != nil {
		t.Fatal(err)
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	var sites []sim.SiteSpec
	for _, s := range []struct {
		id       gslb.SiteID
		lat, lon int32
	}{{"fra", 50, 8}, {"ams", 52, 5}, {"mad", 40, -4}, {"iad", 39, -77}} {
		spec := sim.DefaultSite
		spec.ID, spec.Location = s.id, degrees(s.lat, s.lon)
		sites = append(sites, spec)
	}
	return sim.Config{
		Seed:       1,
		Population: sim.NewPopulation(table, sim.PopulationSpec{Clients: 1000, ECSPercent: 100}, 1),
		Sites:      sites, Demand: demand, Begin: time.Unix(1_790_000_000, 0), Length: 20 * time.Minute,
		ConnectionLife: 15 * time.Second, ReportDelay: time.Second, NameServers: 2, Events: events, Measure: sim.Measure{High: 0.9},
	}
}

const ttl = 30 * time.Second

// answers runs a world and counts, second by second, the answers that name each site.
func answers(t testing.TB, c sim.Config, s sim.Steerer) [][]int {
	t.Helper()
	r := &counted{Steerer: s, sites: len(c.Sites)}
	if _, err := sim.Run(c, r); err != nil {
		t.Fatal(err)
	}
	return r.answers
}

type counted struct {
	sim.Steerer
	sites   int
	answers [][]int
}

func (c *counted) Step(v *sim.View) {
	c.answers = append(c.answers, make([]int, c.sites))
	c.Steerer.Step(v)
}

func (c *counted) Ask(q sim.Question) sim.Answer {
	a := c.Steerer.Ask(q)
	c.answers[len(c.answers)-1][a.Site]++
	return a
}

// parts is what part of the answers from one second to another named each site.
func parts(answers [][]int, from, to int) []float64 {
	sum, sums := 0, make([]int, len(answers[0]))
	for _, second := range answers[from:to] {
		for site, n := range second {
			sums[site] += n
			sum += n
		}
	}
	parts := make([]float64, len(sums))
	for i, n := range sums {
		parts[i] = float64(n) / float64(max(sum, 1))
	}
	return parts
}

// alike says whether parts are as wanted, up to a few hundredths.
func alike(got []float64, want ...float64) bool {
	for i := range want {
		if got[i] < want[i]-0.04 || got[i] > want[i]+0.04 {
			return false
		}
	}
	return true
}
