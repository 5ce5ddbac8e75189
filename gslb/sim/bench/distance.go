package main

import (
	"fmt"
	"math/big"
	"os"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/solve"
)

// distance sums up, from a moment on, how far the answers sent the demand, and how far the linear program's optimum would
// have: the same demand, all of it below the high marks, and no price on moving or on filling.
type distance struct {
	from            time.Time
	actual, optimum float64
	solver          solve.Solver
	steps, unsolved int
}

func (d *distance) look(in loop.Input, out loop.Output) {
	if in.Now.Before(d.from) || len(out.Demand) == 0 {
		return
	}
	var limits []float64
	for _, s := range out.Sites {
		limits = append(limits, float64(s.Counted)*s.Correction*float64(marks.HighPercent)/100)
	}
	solution, err := d.solver.Solve(problemOf(in, out, limits))
	if err != nil || solution.Overloaded > 0 {
		d.unsolved++
		return
	}
	optimum, _ := new(big.Float).SetInt(solution.Objective).Float64()
	d.steps++
	d.optimum += optimum
	d.actual += sent(in, out)
}

// problemOf is the assignment of the demand that a step found to the sites that live, each up to a limit in thousandths of a
// request a second, without a price on moving or on filling.
func problemOf(in loop.Input, out loop.Output, limits []float64) (p solve.Problem) {
	for _, limit := range limits {
		p.Sites = append(p.Sites, solve.Site{Steps: []solve.Step{{UpTo: gslb.MilliRPS(limit)}}})
	}
	for i, c := range in.Classes {
		if i >= len(out.Demand) || out.Demand[i] == 0 {
			continue
		}
		class := solve.Class{Demand: out.Demand[i]}
		for _, k := range c.Candidates {
			if in.Sites[k.Site].Up && !in.Sites[k.Site].Drained {
				class.Edges = append(class.Edges, solve.Edge{Site: k.Site, Cost: k.Cost})
			}
		}
		if len(class.Edges) > 0 {
			p.Classes = append(p.Classes, class)
		}
	}
	return p
}

// sent is what the answers of one step cost: the demand of each class as they spread it.
func sent(in loop.Input, out loop.Output) (cost float64) {
	seconds, weighted := make([]float64, len(in.Classes)), make([]float64, len(in.Classes))
	for _, a := range in.Answers {
		for _, k := range in.Classes[a.Class].Candidates {
			if k.Site == a.Site {
				seconds[a.Class] += a.Seconds
				weighted[a.Class] += a.Seconds * float64(k.Cost)
			}
		}
	}
	for class, demand := range out.Demand {
		if seconds[class] > 0 {
			cost += float64(demand) * weighted[class] / seconds[class]
		}
	}
	return cost
}

func (d *distance) ratio() float64 {
	if d.unsolved > 0 {
		fmt.Fprintf(os.Stderr, "bench-steering: %d of %d steps have no optimum without overload and are left out\n", d.unsolved, d.steps+d.unsolved)
	}
	return d.actual / d.optimum
}
