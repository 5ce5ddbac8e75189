// Command bench measures the control loop in the simulator, beside the rules of other traffic managers on the same traces:
// 64 sites, a population drawn from the embedded geo table, and everything that goes wrong in gslb/sim's scenarios; then how
// well shares arrive through caching resolvers, and how fast a decision is. Tables go to standard error; the last lines are
// `result NAME VALUE UNIT`, those of overload and distance of the scenario in which the demand around the busiest site grows
// by 80 %. Call it by `make bench-steering`; -scenario picks one, -seed another world.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/sim"
	"tidegate.dev/tidegate/gslb/sim/baseline"
)

// The world of every scenario.
const (
	sites      = 64
	demand     = 7_000_000 // thousandths of a request/s
	use        = 0.65      // of the capacity, in the mean
	swing      = 0.3
	life       = 15 * time.Second
	ttl        = 30 * time.Second
	resultOf   = "step"
	ruleEvery  = 50 // answers
	settledFor = 300
)

var marks = plan.Watermarks{LowPercent: 70, HighPercent: 90}

func main() {
	seed := flag.Uint64("seed", 1, "the world's; the next ones are tried until the step has an answer")
	only := flag.String("scenario", "", "those whose names have this; all by default")
	ecs := flag.Int("ecs", sim.DefaultPopulation.ECSPercent, "percent of the clients whose resolvers send their subnet")
	flag.Parse()
	if err := run(*seed, *only, *ecs); err != nil {
		fmt.Fprintln(os.Stderr, "bench-steering:", err)
		os.Exit(1)
	}
}

func run(seed uint64, only string, ecs int) error {
	table, err := embedded.Open()
	if err != nil {
		return err
	}
	geo, spec := plan.NewGeo(table), sim.DefaultPopulation
	spec.ECSPercent = ecs
	deadTime := loop.Policy{TTL: ttl, ConnectionLife: life}.Delays().DeadTime()
	world, err := solvable(table, geo, spec, seed, deadTime)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "bench-steering: %d sites, seed %d, dead time %v\n", sites, world.seed, deadTime)
	list, err := compareAll(sim.Scenarios(world.config, deadTime), only, geo, world.seed, deadTime)
	if err != nil {
		return err
	}
	all, err := summary(list)
	if err != nil {
		return err
	}
	if only != "" {
		all.print()
		return nil
	}
	shares, err := measureShares(geo, world.population, world.seed)
	if err != nil {
		return err
	}
	decide, err := measureDecide(geo)
	if err != nil {
		return err
	}
	all.print()
	shares.print()
	decide.print()
	return nil
}

// compareAll runs the scenarios on all cores.
func compareAll(list []sim.Scenario, only string, geo *plan.Geo, seed uint64, deadTime time.Duration) (done []*comparison, err error) {
	todo := make(chan sim.Scenario)
	var workers sync.WaitGroup
	var mu sync.Mutex
	for range runtime.NumCPU() {
		workers.Go(func() {
			for s := range todo {
				text := new(bytes.Buffer)
				fmt.Fprintf(text, "%s: %s\n", s.Name, s.About)
				c, failed := compare(s, geo, seed, deadTime, text)
				mu.Lock()
				if failed != nil {
					err = errors.Join(err, fmt.Errorf("%s: %w", s.Name, failed))
				} else {
					done = append(done, c)
				}
				os.Stderr.Write(text.Bytes())
				mu.Unlock()
			}
		})
	}
	for _, s := range list {
		if strings.Contains(s.Name, only) {
			todo <- s
		}
	}
	close(todo)
	workers.Wait()
	return done, err
}

func worldOf(p *sim.Population, seed uint64) sim.Config {
	spec := sim.SitesSpec{Count: sites, Demand: demand, Use: use, Model: sim.DefaultSite}
	return sim.Config{
		Seed: seed, Population: p, Sites: sim.DrawSites(p, spec, seed), Demand: demand, Swing: swing,
		Begin: time.Unix(1_790_000_000, 0).UTC(), ConnectionLife: life, ReportDelay: time.Second, NameServers: 3,
		Measure: sim.Measure{High: float64(marks.HighPercent) / 100, Window: 30 * ttl},
	}
}

// peer is another traffic manager's rule. Near ones ask where the client is.
type peer struct {
	name string
	near bool
	rule sim.Steerer
}

func peers(seed uint64) []peer {
	draws := func() *sim.Stream { return sim.NewStream(seed, "draws") }
	return []peer{
		{"nearest (gdnsd)", true, &baseline.Nearest{TTL: ttl}},
		{"failover (k8gb)", true, &baseline.Failover{TTL: ttl}},
		{"shed (NS1)", true, &baseline.Shed{TTL: ttl, Marks: marks, Draws: draws()}},
		{"cliff (F5)", true, &baseline.Cliff{TTL: ttl, Marks: marks}},
		{"static weights", false, &baseline.Static{TTL: ttl}},
		{"random (CoreDNS)", false, &baseline.Random{TTL: ttl, Draws: draws()}},
	}
}

// comparison is one scenario, run by all.
type comparison struct {
	name     string
	ours     sim.Result
	rules    *sim.Rules
	distance distance
	full     full
	// near and all are the fewest overloaded site-seconds of a peer that asks where clients are, and of any.
	near, all int64
}

func compare(s sim.Scenario, geo *plan.Geo, seed uint64, deadTime time.Duration, text io.Writer) (*comparison, error) {
	c := &comparison{
		name: s.Name, rules: sim.NewRules(ruleEvery), near: -1, all: -1, full: newFull(len(s.Config.Sites), s.Config.Measure.From, deadTime),
		distance: distance{from: s.Config.Begin.Add(time.Duration(s.Config.Measure.Steady) * time.Second)},
	}
	c.rules.EstimateFrom = settledFor
	production := sim.NewProduction(sim.ProductionConfig{Geo: geo, TTL: ttl, Watermarks: marks, Rules: c.rules, Trace: func(in loop.Input, out loop.Output) {
		c.distance.look(in, out)
		c.full.step(in, out)
	}})
	world := s.Config
	world.Observe = c.full.second
	var err error
	if c.ours, err = sim.Run(world, production); err != nil {
		return nil, err
	}
	row(text, "tidegate", c.ours)
	fmt.Fprintf(text, "    furthest above its high mark: %s at %d s; the estimates of demand are off by %.1f %% in the mean, class by class\n",
		s.Config.Sites[max(c.ours.OvershootSite, 0)].ID, c.ours.OvershootAt, 100*c.rules.EstimateOff)
	fmt.Fprintf(text, "    sites above full for longer than two dead times: %d, where there is room; the longest was %d s; %d of %d steps had none\n",
		c.full.sites(), c.full.longest(), c.full.noRoom, c.full.steps)
	for _, b := range c.rules.Breaches {
		fmt.Fprintf(text, "    %v\n", b)
	}
	for _, p := range peers(seed) {
		r, err := sim.Run(s.Config, p.rule)
		if err != nil {
			return nil, err
		}
		row(text, p.name, r)
		c.all = fewest(c.all, r.OverHigh)
		if p.near {
			c.near = fewest(c.near, r.OverHigh)
		}
	}
	return c, nil
}

func fewest(so, now int64) int64 {
	if so < 0 {
		return now
	}
	return min(so, now)
}

func row(w io.Writer, name string, r sim.Result) {
	fmt.Fprintf(w, "  %-17s above high %6d site-s, above full %6d; overshoot %6.1f %%, worst %4.2f; %5.0f km; %6.3f %% failed; %d of %d windows cycle\n",
		name, r.OverHigh, r.OverFull, 100*r.Overshoot, r.Worst, r.Km, 100*r.Failed, r.Cycles, r.Windows)
}

// figures sum the scenarios up.
type figures struct {
	step           *comparison // the one that most figures are about; nil if it was not run
	breaches, full int
}

func summary(list []*comparison) (f figures, err error) {
	for _, c := range list {
		f.breaches += c.rules.Broken()
		f.full += c.full.sites()
		if c.name == resultOf {
			f.step = c
		}
	}
	if len(list) == 0 {
		return f, errors.New("no scenario has such a name")
	}
	return f, nil
}

func (f figures) print() {
	if c := f.step; c != nil {
		fmt.Printf("result steering.overshoot %.1f percent\n", 100*max(c.ours.Overshoot, 0))
		fmt.Printf("result steering.overload_vs_best_baseline %.3f ratio\n", float64(c.ours.OverHigh)/float64(max(c.near, 1)))
		fmt.Printf("result steering.overload_vs_best_of_all %.3f ratio\n", float64(c.ours.OverHigh)/float64(max(c.all, 1)))
		fmt.Printf("result steering.distance_vs_optimum %.3f ratio\n", c.distance.ratio())
		fmt.Printf("result steering.limit_cycles %d windows\n", c.ours.Cycles)
	}
	fmt.Printf("result steering.scenarios_over_full %d sites\n", f.full)
	fmt.Printf("result steering.rule_breaches %d breaches\n", f.breaches)
}
