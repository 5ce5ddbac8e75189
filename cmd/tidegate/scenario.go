package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/sim"
	"tidegate.dev/tidegate/gslb/sim/baseline"
)

// The world of a scenario: so much demand for each site, and as full as they are in the mean.
const (
	demandPerSite gslb.MilliRPS = 110_000
	meanUse       float64       = 0.65
	daySwing      float64       = 0.3
)

var scenarioMarks = plan.Watermarks{LowPercent: 70, HighPercent: 90}

// baselines are the rules of other traffic managers, by what --beside calls them.
var baselines = []struct {
	name string
	of   func(seed uint64) sim.Steerer
}{
	{"nearest", func(uint64) sim.Steerer { return &baseline.Nearest{TTL: loop.DefaultTTL} }},
	{"failover", func(uint64) sim.Steerer { return &baseline.Failover{TTL: loop.DefaultTTL} }},
	{"shed", func(seed uint64) sim.Steerer {
		return &baseline.Shed{TTL: loop.DefaultTTL, Marks: scenarioMarks, Draws: sim.NewStream(seed, "draws")}
	}},
	{"cliff", func(uint64) sim.Steerer { return &baseline.Cliff{TTL: loop.DefaultTTL, Marks: scenarioMarks} }},
	{"static", func(uint64) sim.Steerer { return &baseline.Static{TTL: loop.DefaultTTL} }},
	{"random", func(seed uint64) sim.Steerer {
		return &baseline.Random{TTL: loop.DefaultTTL, Draws: sim.NewStream(seed, "draws")}
	}},
}

// scenarioFlags are a world to run a scenario in.
type scenarioFlags struct {
	seed   uint64
	sites  int
	hours  float64
	beside []string
}

func scenarioCommand(o *options) *cobra.Command {
	var f scenarioFlags
	command := &cobra.Command{
		Use:   "scenario [NAME]",
		Short: "List what can go wrong, or let it in a simulated world",
		Example: "  tidegate simulate scenario                                # the list\n" +
			"  tidegate simulate scenario step --beside nearest,shed     # beside the rules of other traffic managers",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%w: unexpected argument %q; for example:\n%s", errUsage, args[1], c.Example)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			if err := f.check(); err != nil {
				return err
			}
			return f.run(c, o, args)
		},
	}
	command.Flags().Uint64Var(&f.seed, "seed", 1, "of the world")
	command.Flags().IntVar(&f.sites, "sites", 64, "how many there are, 2 to 256")
	command.Flags().Float64Var(&f.hours, "hours", 0, "how long it runs, up to 48; without it 45 minutes, in which all happens")
	command.Flags().StringSliceVar(&f.beside, "beside", nil, "rules to run beside: "+strings.Join(baselineNames(), ", "))
	return command
}

func baselineNames() (names []string) {
	for _, b := range baselines {
		names = append(names, b.name)
	}
	return names
}

func (f *scenarioFlags) check() error {
	switch {
	case f.sites < 2 || f.sites > 256:
		return fmt.Errorf("%w: --sites %d, want 2 to 256", errUsage, f.sites)
	case f.hours != 0 && (f.hours < 0.75 || f.hours > 48):
		return fmt.Errorf("%w: --hours %v, want 0.75 to 48", errUsage, f.hours)
	}
	for _, name := range f.beside {
		if !slices.Contains(baselineNames(), name) {
			return fmt.Errorf("%w: --beside %q, want some of %s", errUsage, name, strings.Join(baselineNames(), ","))
		}
	}
	return nil
}

func (f *scenarioFlags) run(c *cobra.Command, o *options, args []string) error {
	table, err := embedded.Open()
	if err != nil {
		return err
	}
	defer credit(c.ErrOrStderr(), table)
	population := sim.NewPopulation(table, sim.DefaultPopulation, f.seed)
	list := sim.Scenarios(f.world(population), loop.Policy{}.Delays().DeadTime())
	if len(args) == 0 {
		return printScenarios(c.OutOrStdout(), list, o.output)
	}
	at := slices.IndexFunc(list, func(s sim.Scenario) bool { return s.Name == args[0] })
	if at < 0 {
		return fmt.Errorf("%w: no scenario %q: 'tidegate simulate scenario' lists them", errUsage, args[0])
	}
	results := []ruleResult{}
	geo := plan.NewGeo(table)
	for _, name := range append([]string{"tidegate"}, f.beside...) {
		result, err := sim.Run(f.watched(c.ErrOrStderr(), list[at].Config, name), f.steerer(name, geo))
		if err != nil {
			return err
		}
		results = append(results, ruleResult{name, result})
	}
	return printResults(c.OutOrStdout(), list[at], results, o.output)
}

func (f *scenarioFlags) world(p *sim.Population) sim.Config {
	demand := demandPerSite.Times(f.sites)
	spec := sim.SitesSpec{Count: f.sites, Demand: demand, Use: meanUse, Model: sim.DefaultSite}
	return sim.Config{
		Seed: f.seed, Population: p, Sites: sim.DrawSites(p, spec, f.seed), Demand: demand, Swing: daySwing,
		Begin: time.Unix(1_790_000_000, 0).UTC(), ConnectionLife: loop.DefaultConnectionLife, ReportDelay: time.Second, NameServers: 3,
		Measure: sim.Measure{High: float64(scenarioMarks.HighPercent) / 100, Window: 30 * loop.DefaultTTL},
	}
}

// watched tells every ten simulated minutes how far a rule is.
func (f *scenarioFlags) watched(w io.Writer, config sim.Config, rule string) sim.Config {
	if f.hours > 0 {
		config.Length = time.Duration(f.hours * float64(time.Hour))
	}
	config.Observe = func(s sim.Second) {
		if s.Now%600 == 0 && s.Now > 0 {
			fmt.Fprintf(w, "%s: %v of %v\n", rule, time.Duration(s.Now)*time.Second, config.Length)
		}
	}
	return config
}

func (f *scenarioFlags) steerer(name string, geo *plan.Geo) sim.Steerer {
	for _, b := range baselines {
		if b.name == name {
			return b.of(f.seed)
		}
	}
	return sim.NewProduction(sim.ProductionConfig{Geo: geo, Watermarks: scenarioMarks})
}

// ruleResult is what a scenario came to under one rule.
type ruleResult struct {
	Rule string `json:"rule"`
	sim.Result
}

func printScenarios(w io.Writer, list []sim.Scenario, output string) error {
	type scenario struct {
		Name  string `json:"name"`
		About string `json:"about"`
	}
	all := []scenario{}
	for _, s := range list {
		all = append(all, scenario{s.Name, s.About})
	}
	if output == "json" {
		return printJSON(w, all)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range all {
		fmt.Fprintf(table, "%s\t%s\n", s.Name, s.About)
	}
	return table.Flush()
}

func printResults(w io.Writer, s sim.Scenario, results []ruleResult, output string) error {
	if output == "json" {
		return printJSON(w, results)
	}
	fmt.Fprintf(w, "%s: %s\n\n", s.Name, s.About)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	// The first two are seconds in which sites were above their high mark and above full, summed over the sites.
	fmt.Fprintln(table, "RULE\tABOVE HIGH\tABOVE FULL\tWORST\tDISTANCE\tFAILED\tCYCLES")
	for _, r := range results {
		fmt.Fprintf(table, "%s\t%d s\t%d s\t%.0f %%\t%.0f km\t%.3f %%\t%d of %d\n",
			r.Rule, r.OverHigh, r.OverFull, 100*r.Worst, r.Km, 100*r.Failed, r.Cycles, r.Windows)
	}
	return table.Flush()
}
