package sim

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// table has 400 networks in Germany and 100 in the US.
var table = sync.OnceValue(func() *geodata.Table {
	var b geodata.Builder
	layer := b.Source("test")
	for i := range 500 {
		place := geodata.Place{HasLocation: true, Country: "DE", Location: degrees(50+i%5, 7+i%7)}
		if i >= 400 {
			place.Country, place.Location = "US", degrees(35+i%10, -80-i%10)
		}
		addr := netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0})
		if err := layer.Add(netip.PrefixFrom(addr, 24), place); err != nil {
			panic(err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		panic(err)
	}
	return table
})

func degrees(lat, lon int) gslb.Location {
	return gslb.Location{LatMicro: int32(lat) * 1_000_000, LonMicro: int32(lon) * 1_000_000}
}

func smallPopulation() *Population {
	return NewPopulation(table(), PopulationSpec{Clients: 500, ECSPercent: 50, Resolvers: 20}, 1)
}

// twoSites are one in Germany and one in the US that carry 100 requests/s each.
func twoSites() []SiteSpec {
	fra, iad := DefaultSite, DefaultSite
	fra.ID, fra.Location = "fra", degrees(50, 8)
	iad.ID, iad.Location = "iad", degrees(39, -77)
	return []SiteSpec{fra, iad}
}

// small is a world of 100 requests/s without day and night.
func small(events ...Event) Config {
	return Config{
		Seed: 1, Population: smallPopulation(), Sites: twoSites(), Demand: 100_000, Begin: time.Unix(1_790_000_000, 0).UTC(),
		Length: 5 * time.Minute, ConnectionLife: 15 * time.Second, ReportDelay: time.Second, NameServers: 2, Events: events,
		Measure: Measure{High: 0.9},
	}
}

// script answers everybody with what a function says.
type script struct {
	answer func(v *View, q Question) Answer
	view   *View
	step   func(v *View)
	asked  []Question
}

func (s *script) Step(v *View) {
	if s.view = v; s.step != nil {
		s.step(v)
	}
}

func (s *script) Ask(q Question) Answer {
	s.asked = append(s.asked, q)
	return s.answer(s.view, q)
}

// always sends everybody to one site.
func always(site int, ttl time.Duration) *script {
	return &script{answer: func(*View, Question) Answer { return Answer{site, ttl} }}
}

// near is a number within a part of another one.
func near(got, want, part float64) bool {
	return got >= want*(1-part)-1e-9 && got <= want*(1+part)+1e-9
}

func run(t *testing.T, c Config, s Steerer) Result {
	t.Helper()
	result, err := Run(c, s)
	if err != nil {
		t.Fatal(err)
	}
	return result
}
