package sim

import (
	"net/netip"
	"sync"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb/plan"
)

// cities is a world of 60 cities in three regions with 64 networks each.
var cities = sync.OnceValue(func() *plan.Geo {
	var b geodata.Builder
	layer, random := b.Source("test"), NewStream(1, "cities")
	for i := range 60 {
		region := [3][2]int{{50, 10}, {38, -90}, {32, 110}}[i%3]
		place := geodata.Place{
			HasLocation: true, Country: [3]string{"DE", "US", "CN"}[i%3],
			Location: degrees(region[0]+random.IntN(14)-7, region[1]+random.IntN(30)-15),
		}
		if err := layer.Add(netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i), 0, 0}), 18), place); err != nil {
			panic(err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		panic(err)
	}
	return plan.NewGeo(table)
})

// nineSites is a world of nine sites in these cities, used to 60 % on the whole.
func nineSites(ecsPercent int, events ...Event) Config {
	population := NewPopulation(cities().Table, PopulationSpec{Clients: 800, ECSPercent: ecsPercent, Resolvers: 60}, 1)
	spec := SitesSpec{Count: 9, Demand: 1_000_000, Use: 0.6, Model: DefaultSite}
	spec.Model.PerReplica = 5_000
	return Config{
		Seed: 1, Population: population, Sites: DrawSites(population, spec, 1), Demand: spec.Demand, Swing: 0.3,
		Begin: time.Unix(1_790_000_000, 0).UTC(), Length: 5 * time.Minute, ConnectionLife: 15 * time.Second,
		ReportDelay: time.Second, NameServers: 3, Events: events, Measure: Measure{From: 60, Steady: 60, High: 0.9, Window: 15 * time.Minute},
	}
}

func production(rules *Rules) *Production {
	return NewProduction(ProductionConfig{Geo: cities(), Rules: rules})
}
