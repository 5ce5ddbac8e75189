package main

import (
	"cmp"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/solve"
)

// evaluation is what shares cost, in microseconds times milli-RPS, and by how many percent of its limit the fullest site
// passes it.
type evaluation struct{ cost, overLimit float64 }

// evaluate knows nothing of how the shares came about. Load above a limit costs what the last step does.
func evaluate(p solve.Problem, shares [][]gslb.Share) (e evaluation) {
	load := make([]float64, len(p.Sites))
	for k, class := range p.Classes {
		for i, edge := range class.Edges {
			part := float64(class.Demand) * float64(shares[k][i]) / 10_000
			moved := float64(class.Demand) * float64(max(shares[k][i]-edge.Previous, 0)) / 10_000
			e.cost += part*float64(edge.Cost) + moved*float64(p.MovePenalty)
			load[edge.Site] += part
		}
	}
	for i, site := range p.Sites {
		e.cost += stepsCost(site, load[i])
		limit := float64(site.Steps[len(site.Steps)-1].UpTo)
		e.overLimit = max(e.overLimit, 100*(load[i]-limit)/limit)
	}
	return e
}

func stepsCost(site solve.Site, load float64) (cost float64) {
	below := 0.0
	for i, step := range site.Steps {
		upTo := float64(step.UpTo)
		if i == len(site.Steps)-1 {
			upTo = max(upTo, load)
		}
		cost += max(min(load, upTo)-below, 0) * float64(step.Cost)
		below = upTo
	}
	return cost
}

// nearestFirst sends each class, the heaviest first, to its nearest site that has room up to the high mark, the rest to
// the next, and what none of its sites has room for, over, to the nearest ones in the world that have, whether they may
// serve it or not. Its cost is without what it moves.
func (w *world) nearestFirst() (cost, moved, over float64) {
	room := make([]float64, len(w.problem.Sites))
	for i, s := range w.problem.Sites {
		room[i] = float64(s.Steps[len(s.Steps)-1].UpTo)
	}
	fill := func(edges []solve.Edge, demand, rest float64) float64 {
		slices.SortStableFunc(edges, func(a, b solve.Edge) int { return cmp.Compare(a.Cost, b.Cost) })
		for _, e := range edges {
			part := min(rest, room[e.Site])
			cost += part * float64(e.Cost)
			moved += max(part-demand*float64(e.Previous)/10_000, 0)
			room[e.Site] -= part
			rest -= part
		}
		return rest
	}
	for _, k := range w.heaviestFirst() {
		class := w.problem.Classes[k]
		demand := float64(class.Demand)
		if rest := fill(slices.Clone(class.Edges), demand, demand); rest > 0 {
			over += rest
			fill(w.everywhere(k), demand, rest)
		}
	}
	for i, site := range w.problem.Sites {
		cost += stepsCost(site, float64(site.Steps[len(site.Steps)-1].UpTo)-room[i])
	}
	return cost, moved, over
}

func (w *world) heaviestFirst() []int {
	order := make([]int, len(w.problem.Classes))
	for k := range order {
		order[k] = k
	}
	demand := func(k int) gslb.MilliRPS { return w.problem.Classes[k].Demand }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(demand(b), demand(a)) })
	return order
}

// everywhere are edges of a class to all sites.
func (w *world) everywhere(k int) (edges []solve.Edge) {
	for i, site := range w.sites {
		edges = append(edges, solve.Edge{Site: i, Cost: solve.Cost(w.classes[k].costMicros(w.places, site))})
	}
	return edges
}
