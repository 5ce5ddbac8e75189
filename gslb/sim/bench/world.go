package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/sim"
	"tidegate.dev/tidegate/gslb/solve"
)

// drawn is a world and who lives in it.
type drawn struct {
	seed       uint64
	population *sim.Population
	config     sim.Config
}

func draw(table *geodata.Table, spec sim.PopulationSpec, seed uint64) drawn {
	population := sim.NewPopulation(table, spec, seed)
	return drawn{seed: seed, population: population, config: worldOf(population, seed)}
}

// mostDraws bounds the search for a world that has an answer.
const mostDraws = 20

// solvable draws worlds from a seed on until there is one in which the step has an answer: the true demand after it fits below
// the high marks of the sites that its classes may go to. Where the sites around the busiest one are full before, nobody can
// keep them below their marks.
func solvable(table *geodata.Table, geo *plan.Geo, spec sim.PopulationSpec, from uint64, deadTime time.Duration) (drawn, error) {
	for seed := from; seed < from+mostDraws; seed++ {
		d := draw(table, spec, seed)
		over, err := overload(d.config, geo, deadTime)
		if err != nil {
			return d, err
		}
		if over <= 0 {
			return d, nil
		}
		fmt.Fprintf(os.Stderr, "bench-steering: the world of seed %d has no answer: after the step %v requests/s do not fit below the high marks near them\n", seed, over)
	}
	return drawn{}, fmt.Errorf("none of the worlds of %d seeds from %d on has an answer to the step", mostDraws, from)
}

// overload is what does not fit after the step, at best.
func overload(world sim.Config, geo *plan.Geo, deadTime time.Duration) (over gslb.MilliRPS, err error) {
	var p *sim.Production
	p = sim.NewProduction(sim.ProductionConfig{Geo: geo, TTL: ttl, Watermarks: marks, Trace: func(in loop.Input, out loop.Output) {
		over, err = unfit(in, out, p.Demand())
	}})
	for _, s := range sim.Scenarios(world, deadTime) {
		if s.Name == resultOf {
			s.Config.Length = time.Duration(s.Config.Measure.From)*time.Second + 2*loop.Epoch
			_, failed := sim.Run(s.Config, p)
			return over, errors.Join(err, failed)
		}
	}
	return 0, fmt.Errorf("there is no scenario %q", resultOf)
}

// unfit is what of a demand, by class, does not fit below the high marks of the sites.
func unfit(in loop.Input, out loop.Output, demand []gslb.MilliRPS) (gslb.MilliRPS, error) {
	var limits []float64
	for _, s := range in.Sites {
		limits = append(limits, float64(s.Capacity)*float64(marks.HighPercent)/100)
	}
	out.Demand = demand
	solution, err := new(solve.Solver).Solve(problemOf(in, out, limits))
	if err != nil {
		return 0, err
	}
	return solution.Overloaded, nil
}
