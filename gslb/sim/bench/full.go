package main

import (
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/sim"
	"tidegate.dev/tidegate/gslb/solve"
)

// full finds the sites that are above what they can truly carry for longer than two dead times, where there is room. There
// is room at a step if the solver finds a place for all demand at sites that live, below what they can truly carry. While
// nobody turns the loop the last shares stand (rule 1), and nothing is counted.
type full struct {
	from, limit   int64 // seconds; before from the world settles
	now, most     []int64
	capacity      []float64
	room          bool
	solver        solve.Solver
	turned, at    int64 // the seconds of the last step, and of now
	steps, noRoom int   // steps that were looked at
}

func newFull(sites int, from int64, deadTime time.Duration) full {
	return full{from: from, limit: 2 * int64(deadTime/time.Second), now: make([]int64, sites), most: make([]int64, sites), capacity: make([]float64, sites), room: true}
}

// turns says whether the loop is turned.
func (f *full) turns() bool { return f.at-f.turned <= int64(2*loop.Epoch/time.Second) }

// second counts. While there is no room for all, nobody knows whose fault it is.
func (f *full) second(s sim.Second) {
	f.at = s.Now
	for i := range s.Sites {
		site := &s.Sites[i]
		f.capacity[i] = site.Capacity
		switch {
		case site.Capacity <= 0 || site.Arrivals <= site.Capacity || s.Now < f.from || !f.turns():
			f.now[i] = 0
		case f.room:
			f.now[i]++
			f.most[i] = max(f.most[i], f.now[i])
		}
	}
}

// step looks for room, if it matters. The sites of the world and those of the loop are both in the order of their names.
func (f *full) step(in loop.Input, out loop.Output) {
	f.turned = f.at
	if !slices.ContainsFunc(f.now, func(seconds int64) bool { return seconds > 0 }) {
		f.room = true
		return
	}
	f.steps++
	if f.room = f.fits(in, out); !f.room {
		f.noRoom++
	}
}

func (f *full) fits(in loop.Input, out loop.Output) bool {
	var limits []float64
	for _, capacity := range f.capacity {
		limits = append(limits, capacity*1000)
	}
	solution, err := f.solver.Solve(problemOf(in, out, limits))
	return err == nil && solution.Overloaded == 0
}

// sites is how many were above for too long.
func (f *full) sites() (n int) {
	for _, seconds := range f.most {
		if seconds > f.limit {
			n++
		}
	}
	return n
}

func (f *full) longest() int64 { return slices.Max(f.most) }
