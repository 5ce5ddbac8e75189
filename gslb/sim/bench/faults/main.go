// Command faults lets the production packages live through random incidents in the simulator, and counts the breaches of the
// design's eight rules: 1,000 small worlds for two hours each and 20 large ones for twelve, every one by a seed of its own.
//
// It keeps a tally in gslb/sim/bench/faults.tsv and goes on where that ends, as long as the code that it is made of stays
// the same. Progress goes to standard error; the last lines are `result NAME VALUE UNIT`. It fails after them if a rule was
// broken. Call it by `make bench-faults`; -world and -seed replay one seed and tell what happened in it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb/sim"
)

// goal is how many seeds of a size are to be run, from 1 on, and how many of them make a row of the tally.
type goal struct {
	size        sim.TrialSize
	seeds, each uint64
}

// goals has the long ones first, so that both cores end at about the same time.
var goals = []goal{{sim.LargeTrial, 20, 1}, {sim.SmallTrial, 1000, 50}}

func main() {
	world := flag.String("world", sim.SmallTrial.Name, "the size of the world to replay: small or large")
	seed := flag.Uint64("seed", 0, "replay this seed alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *world, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "bench-faults:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, world string, seed uint64) error {
	table, err := embedded.Open()
	if err != nil {
		return err
	}
	trials := sim.NewTrials(table)
	if seed > 0 {
		return replay(trials, world, seed)
	}
	t, err := openTally()
	if err != nil {
		return err
	}
	if err := work(ctx, trials, t); err != nil {
		return err
	}
	return t.print()
}

// replay runs one seed and tells all of it.
func replay(trials *sim.Trials, world string, seed uint64) error {
	size, ok := sizeOf(world)
	if !ok {
		return fmt.Errorf("-world %q: want small or large", world)
	}
	trial, err := trials.New(size, seed)
	if err != nil {
		return err
	}
	for _, i := range trial.Incidents {
		fmt.Fprintln(os.Stderr, i)
	}
	start := time.Now()
	result, err := trial.Run()
	if err != nil {
		return err
	}
	for _, b := range result.Rules.Breaches {
		fmt.Fprintln(os.Stderr, b)
	}
	fmt.Fprintf(os.Stderr, "%d incidents, looks by rule %v, %d seconds of refused maps, %.3f %% of the requests failed, %v\n",
		len(trial.Incidents), result.Rules.Looks[1:], result.Refused, 100*result.Result.Failed, time.Since(start).Round(time.Millisecond))
	fmt.Printf("result steering.rule_breaches %d breaches\n", result.Rules.Broken())
	return nil
}

func sizeOf(name string) (sim.TrialSize, bool) {
	for _, g := range goals {
		if g.size.Name == name {
			return g.size, true
		}
	}
	return sim.TrialSize{}, false
}

// work runs on all cores what the tally does not have yet.
func work(ctx context.Context, trials *sim.Trials, t *tally) error {
	todo := make(chan batch)
	var workers sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range runtime.NumCPU() {
		workers.Go(func() {
			for b := range todo {
				err := b.run(ctx, trials)
				mu.Lock()
				if err == nil {
					err = t.add(b)
				}
				if failed == nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	for _, b := range t.missing() {
		if ctx.Err() == nil {
			todo <- b
		}
	}
	close(todo)
	workers.Wait()
	return failed
}

// batch is a run of seeds, and what became of them.
type batch struct {
	size        sim.TrialSize
	first, last uint64
	breaches    int
}

// run runs the seeds, and tells how to see each that broke a rule.
func (b *batch) run(ctx context.Context, trials *sim.Trials) error {
	for seed := b.first; seed <= b.last; seed++ {
		if ctx.Err() != nil {
			return fmt.Errorf("stopped: what is in the tally is done, and the next run goes on there")
		}
		trial, err := trials.New(b.size, seed)
		if err != nil {
			return fmt.Errorf("%s, seed %d: %w", b.size.Name, seed, err)
		}
		result, err := trial.Run()
		if err != nil {
			return fmt.Errorf("%s, seed %d: %w", b.size.Name, seed, err)
		}
		if n := result.Rules.Broken(); n > 0 {
			b.breaches += n
			fmt.Fprintf(os.Stderr, "%s, seed %d: %d breaches, the first is of %v\n  to replay it: go run ./gslb/sim/bench/faults -world %s -seed %d\n",
				b.size.Name, seed, n, result.Rules.Breaches[0], b.size.Name, seed)
		}
	}
	return nil
}

func (b *batch) seeds() uint64 { return b.last - b.first + 1 }
