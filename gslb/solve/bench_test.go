package solve

import (
	"fmt"
	"testing"
)

// BenchmarkSolve solves from nothing, and again after every demand has changed by up to 5 % and one site has gone.
func BenchmarkSolve(b *testing.B) {
	for _, size := range []struct{ sites, classes int }{{64, 1000}, {1000, 2000}} {
		p := world(1, size.sites, size.classes)
		name := fmt.Sprintf("%dx%d", size.sites, size.classes)
		b.Run(name+"/full", func(b *testing.B) {
			pivots := 0
			for b.Loop() {
				pivots = mustSolve(b, new(Solver), p).Pivots
			}
			b.ReportMetric(float64(pivots), "pivots")
		})
		b.Run(name+"/again", func(b *testing.B) {
			var solver Solver
			p := follow(p, mustSolve(b, &solver, p))
			next := [2]Problem{drift(p, 1, 5), drift(p, 2, 5)}
			next[1].Sites = append([]Site{{}}, p.Sites[1:]...)
			pivots, n := 0, 0
			for b.Loop() {
				pivots += mustSolve(b, &solver, next[n%2]).Pivots
				n++
			}
			b.ReportMetric(float64(pivots)/float64(n), "pivots")
		})
	}
}
