package solve

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"tidegate.dev/tidegate/gslb"
)

// random is a small problem with everything in it: masks, steps, closed sites, last shares, limits, idle classes.
func random(rng *rand.Rand) Problem {
	p := Problem{Sites: make([]Site, 1+rng.IntN(5)), Classes: make([]Class, rng.IntN(7))}
	if rng.IntN(2) == 0 {
		p.MovePenalty = Cost(rng.IntN(60))
	}
	for i := range p.Sites {
		var last Step
		for range rng.IntN(4) {
			last.UpTo += gslb.MilliRPS(rng.IntN(120))
			last.Cost += Cost(rng.IntN(40))
			p.Sites[i].Steps = append(p.Sites[i].Steps, last)
		}
	}
	for k := range p.Classes {
		p.Classes[k] = randomClass(rng, len(p.Sites))
	}
	return p
}

func randomClass(rng *rand.Rand, sites int) Class {
	c := Class{Demand: gslb.MilliRPS(rng.IntN(100))}
	if rng.IntN(5) == 0 {
		c.Demand = 0
	}
	if rng.IntN(3) == 0 {
		c.MaxShare = gslb.Share(1 + rng.IntN(10_000))
	}
	left := gslb.WholeShare
	for _, site := range rng.Perm(sites)[:1+rng.IntN(sites)] {
		e := Edge{Site: site, Cost: Cost(rng.IntN(100))}
		if rng.IntN(2) == 0 {
			e.Previous = gslb.Share(rng.IntN(int(left) + 1))
			left -= e.Previous
		}
		c.Edges = append(c.Edges, e)
	}
	if last := &c.Edges[len(c.Edges)-1]; rng.IntN(2) == 0 && last.Previous == 0 {
		last.Previous = left
	}
	return c
}

// world is a large problem: sites and classes on a square of 10,000 km, each class with its eight nearest sites, and
// nine tenths of what all sites can take as demand. Every class could be served.
func world(seed uint64, sites, classes int) Problem {
	rng := rand.New(rand.NewPCG(seed, 8))
	type point struct{ x, y int }
	at := func() point { return point{rng.IntN(10_000), rng.IntN(10_000)} }
	places, limits := make([]point, sites), make([]int64, sites)
	pull := make([]int64, sites)
	for i := range places {
		places[i], pull[i] = at(), 1+int64(rng.IntN(8)*rng.IntN(8))
	}
	p := Problem{Sites: make([]Site, sites), Classes: make([]Class, classes), MovePenalty: 5_000}
	for k := range p.Classes {
		from := at()
		c := Class{Demand: gslb.MilliRPS(1_000 + rng.IntN(100_000)*rng.IntN(10))}
		for i, s := range places {
			km := max(s.x-from.x, from.x-s.x) + max(s.y-from.y, from.y-s.y)
			c.Edges = append(c.Edges, Edge{Site: i, Cost: Cost(km) * 20})
		}
		slices.SortFunc(c.Edges, func(a, b Edge) int { return cmp.Compare(a.Cost, b.Cost) })
		c.Edges = slices.Clone(c.Edges[:min(8, sites)])
		all := int64(0)
		for _, e := range c.Edges {
			all += pull[e.Site]
		}
		for _, e := range c.Edges {
			limits[e.Site] += int64(c.Demand) * pull[e.Site] / all
		}
		p.Classes[k] = c
	}
	for i, limit := range limits {
		limit = limit * 10 / 9
		p.Sites[i].Steps = []Step{{gslb.MilliRPS(limit * 7 / 9), 0}, {gslb.MilliRPS(limit), 10_000}}
	}
	return p
}

// follow makes the shares of a solution the last ones.
func follow(p Problem, s *Solution) Problem {
	p.Classes = slices.Clone(p.Classes)
	for k := range p.Classes {
		p.Classes[k].Edges = slices.Clone(p.Classes[k].Edges)
		for i := range p.Classes[k].Edges {
			p.Classes[k].Edges[i].Previous = s.Shares[k][i]
		}
	}
	return p
}

// drift changes every demand by up to percent.
func drift(p Problem, seed uint64, percent int) Problem {
	rng := rand.New(rand.NewPCG(seed, 9))
	p.Classes = slices.Clone(p.Classes)
	for k := range p.Classes {
		d := &p.Classes[k].Demand
		*d += *d * gslb.MilliRPS(rng.IntN(2*percent+1)-percent) / 100
	}
	return p
}

func mustSolve(t testing.TB, s *Solver, p Problem) *Solution {
	t.Helper()
	solution, err := s.Solve(p)
	if err != nil {
		t.Fatal(err)
	}
	return solution
}
