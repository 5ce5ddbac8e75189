// Command solve measures gslb/solve beside clp, COIN-OR's solver of linear programs, on worlds made of the embedded geo
// table: how much dearer the shares are than the optimum, how much dearer it would be to send every class to the nearest
// site that has room, and how long a solution takes, from nothing and after a change. It prints lines
// `result NAME VALUE UNIT` (the worst of all seeds), fails after the last line if a figure passes its limit, and needs
// Debian's coinor-clp. Call it by `go run ./gslb/solve/bench`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

// What a figure may be.
const (
	gapLimit     = 2.0  // percent above the optimum
	nearestLimit = 10.0 // percent that nearest-first is above it at least, else the worlds are too easy
	bindingLimit = 30.0 // percent of the sites that are full at least
	boundSlack   = 1e-7 // of the optimum: clp's own accuracy
	fullLimit    = 10 * time.Second
	againLimit   = 500 * time.Millisecond
)

func main() {
	seeds := flag.Uint64("seeds", 10, "worlds of each size")
	flag.Parse()
	if err := run(*seeds); err != nil {
		fmt.Fprintln(os.Stderr, "bench-solve:", err)
		os.Exit(1)
	}
}

func run(seeds uint64) error {
	table, err := embedded.Open()
	if err != nil {
		return err
	}
	geo := plan.NewGeo(table)
	var failed []error
	var slowest worst
	for _, size := range []size{{64, 1000}, {1000, 2000}} {
		var all worst
		for seed := range seeds {
			w := newWorld(geo, size, seed)
			one, err := measure(w)
			if err != nil {
				return fmt.Errorf("%v, seed %d: %w", size, seed, err)
			}
			fmt.Fprintf(os.Stderr, "%v seed %d: %+v\n", size, seed, one)
			all.add(one)
		}
		failed = append(failed, all.print(size))
		slowest.full, slowest.again = max(slowest.full, all.full), max(slowest.again, all.again)
	}
	return errors.Join(append(failed, slowest.printTimes())...)
}

// size is that of a world.
type size struct{ sites, classes int }

func (s size) String() string { return fmt.Sprintf("%dx%d", s.sites, s.classes) }

// figures are those of one world; costs are in percent above clp's optimum. NearestOver is the demand that
// nearest-first has to send to strange sites, in percent of all; nearestStill spares it the move penalty.
type figures struct {
	gap, nearest, nearestStill, nearestOver, overLimit, binding, bound float64
	full, again                                                        time.Duration
	pivots, againPivots                                                int
	merging                                                            time.Duration // added to the round trip by merging classes
	clp                                                                time.Duration
}

// measure solves a world, compares, and solves it again after a change.
func measure(w *world) (figures, error) {
	f := figures{merging: time.Duration(w.added) * time.Microsecond}
	var solver solve.Solver
	start := time.Now()
	s, err := solver.Solve(w.problem)
	f.full = time.Since(start)
	if err != nil {
		return f, err
	}
	start = time.Now()
	optimum, err := clp(w.problem)
	f.clp = time.Since(start)
	if err != nil {
		return f, err
	}
	published := evaluate(w.problem, s.Shares)
	f.gap, f.overLimit = percentAbove(published.cost, optimum), published.overLimit
	nearest, moved, over := w.nearestFirst()
	f.nearestStill, f.nearestOver = percentAbove(nearest, optimum), 100*over/demand(w.problem)
	f.nearest = percentAbove(nearest+moved*float64(movePenalty), optimum)
	bound, _ := s.Bound.Float64()
	f.bound = percentAbove(bound, optimum)
	f.binding, f.pivots = binding(w.problem, s), s.Pivots
	changed := w.change(s)
	start = time.Now()
	again, err := solver.Solve(changed)
	f.again = time.Since(start)
	if err != nil {
		return f, err
	}
	f.againPivots = again.Pivots
	if again.Gap() != 0 {
		return f, fmt.Errorf("solved again: %d millionths above the bound", again.Gap())
	}
	return f, nil
}

func percentAbove(cost, optimum float64) float64 { return (cost - optimum) / optimum * 100 }

func demand(p solve.Problem) (sum float64) {
	for _, c := range p.Classes {
		sum += float64(c.Demand)
	}
	return sum
}

// binding is the percentage of the sites that are full.
func binding(p solve.Problem, s *solve.Solution) float64 {
	full := 0
	for i, site := range p.Sites {
		if s.Load[i] >= site.Steps[len(site.Steps)-1].UpTo-1 {
			full++
		}
	}
	return 100 * float64(full) / float64(len(p.Sites))
}

// worst is the worst of several worlds.
type worst struct {
	figures
	nearestAll []float64
	any        bool
}

func (w *worst) add(f figures) {
	if !w.any {
		w.figures, w.any = f, true
	}
	w.nearestAll = append(w.nearestAll, f.nearest)
	w.gap, w.overLimit, w.bound = max(w.gap, f.gap), max(w.overLimit, f.overLimit), max(w.bound, f.bound)
	w.nearestStill = min(w.nearestStill, f.nearestStill)
	w.nearestOver = min(w.nearestOver, f.nearestOver)
	w.nearest, w.binding = min(w.nearest, f.nearest), min(w.binding, f.binding)
	w.full, w.again, w.merging = max(w.full, f.full), max(w.again, f.again), max(w.merging, f.merging)
}

func (w *worst) print(s size) error {
	slices.Sort(w.nearestAll)
	fmt.Printf("result solve.gap_%v %.6f percent\n", s, w.gap)
	fmt.Printf("result solve.bound_above_optimum_%v %.1e percent\n", s, w.bound)
	fmt.Printf("result solve.nearest_gap_%v %.2f percent\n", s, w.nearest)
	fmt.Printf("result solve.nearest_gap_median_%v %.2f percent\n", s, w.nearestAll[len(w.nearestAll)/2])
	fmt.Printf("result solve.nearest_gap_without_moves_%v %.2f percent\n", s, w.nearestStill)
	fmt.Printf("result solve.nearest_strays_%v %.2f percent\n", s, w.nearestOver)
	fmt.Printf("result solve.over_limit_%v %.5f percent\n", s, w.overLimit)
	fmt.Printf("result solve.binding_%v %.1f percent\n", s, w.binding)
	fmt.Printf("result solve.merging_%v %d us\n", s, w.merging.Microseconds())
	fmt.Printf("result solve.full_%v %.4f s\n", s, w.full.Seconds())
	fmt.Printf("result solve.resolve_%v %.4f s\n", s, w.again.Seconds())
	return errors.Join(
		atMost(s, "gap", w.gap, gapLimit), atMost(s, "bound above the optimum", w.bound, 100*boundSlack),
		atLeast(s, "nearest-first's gap", w.nearest, nearestLimit), atLeast(s, "binding sites", w.binding, bindingLimit))
}

func atMost(s size, what string, percent, limit float64) error {
	if percent > limit {
		return fmt.Errorf("%v: %s is %.7f percent, want at most %g", s, what, percent, limit)
	}
	return nil
}

func atLeast(s size, what string, percent, limit float64) error {
	if percent < limit {
		return fmt.Errorf("%v: %s is %.2f percent, want at least %g", s, what, percent, limit)
	}
	return nil
}

func (w *worst) printTimes() error {
	fmt.Printf("result solve.full %.4f s\n", w.full.Seconds())
	fmt.Printf("result solve.resolve %.4f s\n", w.again.Seconds())
	if w.full > fullLimit || w.again > againLimit {
		return fmt.Errorf("full %v, again %v; want at most %v and %v", w.full, w.again, fullLimit, againLimit)
	}
	return nil
}
