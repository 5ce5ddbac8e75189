package sim

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkRun simulates ten minutes with 9 sites, and says how many simulated hours that makes an hour.
func BenchmarkRun(b *testing.B) {
	for _, clients := range []int{800, 8000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			c := nineSites(50)
			c.Population = NewPopulation(cities().Table, PopulationSpec{Clients: clients, ECSPercent: 50, Resolvers: clients / 20}, 1)
			c.Length = 10 * time.Minute
			for b.Loop() {
				if _, err := Run(c, production(nil)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(c.Length.Hours()/(b.Elapsed().Hours()/float64(b.N)), "hours/h")
		})
	}
}
