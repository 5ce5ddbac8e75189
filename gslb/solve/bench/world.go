package main

import (
	"math/rand/v2"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

const (
	// movePenalty is 5 ms: who would gain less stays.
	movePenalty solve.Cost = 5_000
	// aboveLow is what load between the low and the high mark costs more: 5 ms.
	aboveLow solve.Cost = 5_000
	// perNetwork is the demand of one /24, before it is skewed.
	perNetwork gslb.MilliRPS = 1_000
)

// world is a problem, and what changes it.
type world struct {
	problem solve.Problem
	sites   []*plan.Site
	places  []place
	classes []*class // of problem.Classes
	added   int64    // what merging them cost, in microseconds of round trip
	rng     *rand.Rand
}

// newWorld makes the demand of every class by its networks, and as much capacity as takes 85 to 95 % of it up to the
// high marks. Capacity is not where the demand is: each site attracts demand by its size, and sizes differ by up to
// 500 times, so that the big ones have room and the small ones are full.
func newWorld(geo *plan.Geo, size size, seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, uint64(size.sites)))}
	w.places = places(geo.Table)
	w.sites = sitesAt(w.places, size.sites, w.rng)
	w.classes, w.added = classesOf(geo, w.places, w.sites, size.classes)
	w.problem = solve.Problem{Sites: make([]solve.Site, len(w.sites)), MovePenalty: movePenalty}
	kept := map[string]bool{}
	for _, c := range w.classes {
		class := solve.Class{Demand: gslb.MilliRPS(c.networks) * perNetwork * gslb.MilliRPS(50+w.rng.IntN(101)) / 100}
		for k, candidate := range c.Candidates {
			class.Edges = append(class.Edges, solve.Edge{Site: int(candidate.Site), Cost: solve.Cost(c.CostMicros[k])})
		}
		class.Edges = w.masked(class.Edges, c.country(w.places), kept)
		w.problem.Classes = append(w.problem.Classes, class)
	}
	w.setLimits()
	w.setPrevious()
	return w
}

// masked is what a country that keeps its data, one of five, leaves over: the sites inside, if it has any.
func (w *world) masked(edges []solve.Edge, country string, kept map[string]bool) []solve.Edge {
	keeps, known := kept[country]
	if !known {
		keeps = w.rng.IntN(5) == 0
		kept[country] = keeps
	}
	inside := slices.DeleteFunc(slices.Clone(edges), func(e solve.Edge) bool { return w.sites[e.Site].Region != country })
	if !keeps || len(inside) == 0 {
		return edges
	}
	return inside
}

// setLimits gives the sites what they can take.
func (w *world) setLimits() {
	pull, drawn := make([]float64, len(w.problem.Sites)), make([]float64, len(w.problem.Sites))
	for i := range pull {
		size := 1 + 7*w.rng.Float64()
		pull[i] = size * size * size
	}
	for _, c := range w.problem.Classes {
		sum := 0.0
		for _, e := range c.Edges {
			sum += pull[e.Site]
		}
		for _, e := range c.Edges {
			drawn[e.Site] += float64(c.Demand) * pull[e.Site] / sum
		}
	}
	fill := 0.85 + 0.1*w.rng.Float64()
	for i, demand := range drawn {
		high := demand/fill + 1
		w.problem.Sites[i].Steps = []solve.Step{{UpTo: gslb.MilliRPS(high * 7 / 9), Cost: 0}, {UpTo: gslb.MilliRPS(high), Cost: aboveLow}}
	}
}

// setPrevious makes the last shares: those that were best when demand was up to a fifth more or less.
func (w *world) setPrevious() {
	before := w.drifted(w.problem, 20)
	var solver solve.Solver
	s, err := solver.Solve(before)
	if err != nil {
		panic(err)
	}
	w.problem = follow(w.problem, s)
}

// change is the next problem: demand is up to 5 % more or less, and one site has gone.
func (w *world) change(s *solve.Solution) solve.Problem {
	next := w.drifted(follow(w.problem, s), 5)
	next.Sites = slices.Clone(next.Sites)
	next.Sites[w.rng.IntN(len(next.Sites))].Steps = nil
	return next
}

func (w *world) drifted(p solve.Problem, percent int) solve.Problem {
	p.Classes = slices.Clone(p.Classes)
	for k := range p.Classes {
		p.Classes[k].Demand = p.Classes[k].Demand * gslb.MilliRPS(100-percent+w.rng.IntN(2*percent+1)) / 100
	}
	return p
}

// follow makes the shares of a solution the last ones.
func follow(p solve.Problem, s *solve.Solution) solve.Problem {
	p.Classes = slices.Clone(p.Classes)
	for k := range p.Classes {
		p.Classes[k].Edges = slices.Clone(p.Classes[k].Edges)
		for i := range p.Classes[k].Edges {
			p.Classes[k].Edges[i].Previous = s.Shares[k][i]
		}
	}
	return p
}
