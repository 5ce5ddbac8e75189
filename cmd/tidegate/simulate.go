package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/controlplane/hub/recording"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/sim"
)

// errRefused ends a what-if whose change must not be made.
var errRefused = errors.New("refused")

func simulateCommand(o *options) *cobra.Command {
	command := &cobra.Command{
		Use:   "simulate",
		Short: "Say what a shift or a drain would do before it is made, or run the loop through a scenario",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: no command %q: see 'tidegate simulate --help'", errUsage, args[0])
			}
			return c.Help()
		},
	}
	command.AddCommand(simulateShiftCommand(o), simulateDrainCommand(o), recordCommand(o), scenarioCommand(o))
	return command
}

// tryFlags say on what world a change is tried.
type tryFlags struct {
	recorded string
	files    []string
	seed     uint64
}

func (f *tryFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.recorded, "recorded", "", "a file of 'tidegate simulate record' instead of the hub behind --socket")
	c.Flags().StringArrayVar(&f.files, "file", nil, "geo file that the hub uses, instead of the embedded table; several in their order")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "of the clients that are drawn from the geo table")
}

// read is the recorded world, from a file or from the hub.
func (f *tryFlags) read(c *cobra.Command, o *options) (*recording.Recording, error) {
	var r recording.Recording
	if f.recorded == "" {
		return &r, admin.Get(c.Context(), o.socket, "/v1/recording", nil, &r)
	}
	data, err := os.ReadFile(f.recorded)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w: is it of 'tidegate simulate record'?", f.recorded, err)
	}
	return &r, nil
}

func recordCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "record > FILE",
		Short:   "Print the world as the hub's loop sees it now, to try changes on later",
		Example: "  tidegate simulate record --socket /run/tidegate/hub.sock > world.json",
		Args:    wantArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := new(tryFlags).read(c, o)
			if err != nil {
				return err
			}
			return printJSON(c.OutOrStdout(), r)
		},
	}
}

func simulateShiftCommand(o *options) *cobra.Command {
	var f tryFlags
	var from, to string
	var percent int
	command := &cobra.Command{
		Use:   "shift NAME --from SITE --to SITE --percent N",
		Short: "Say what moving a part of a site's clients to another site would do",
		Example: "  tidegate simulate shift chat.shop.edge.example --from fra --to iad --percent 20 --socket /run/tidegate/hub.sock\n" +
			"  tidegate simulate shift chat.shop.edge.example --from fra --to iad --percent 20 --recorded world.json",
		Args: wantArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if percent < 1 || percent > 100 {
				return fmt.Errorf("%w: --percent %d, want 1 to 100", errUsage, percent)
			}
			return f.try(c, o, args[0], func(t *trial) error { return t.shift(gslb.SiteID(from), gslb.SiteID(to), percent) })
		},
	}
	f.add(command)
	command.Flags().StringVar(&from, "from", "", "the site that gives")
	command.Flags().StringVar(&to, "to", "", "the site that takes")
	command.Flags().IntVar(&percent, "percent", 0, "of what the source gets of the service")
	for _, name := range []string{"from", "to", "percent"} {
		_ = command.MarkFlagRequired(name) // the flag exists
	}
	return command
}

func simulateDrainCommand(o *options) *cobra.Command {
	var f tryFlags
	var service string
	command := &cobra.Command{
		Use:     "drain SITE --service NAME",
		Short:   "Say what draining a site would do to a service",
		Example: "  tidegate simulate drain fra --service chat.shop.edge.example --recorded world.json",
		Args:    wantArgs("SITE"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.try(c, o, service, func(t *trial) error { return t.drain(gslb.SiteID(args[0])) })
		},
	}
	f.add(command)
	command.Flags().StringVar(&service, "service", "", "the name whose clients have to go elsewhere")
	_ = command.MarkFlagRequired("service") // the flag exists
	return command
}

// try makes a change to the recorded world and prints what came of it.
func (f *tryFlags) try(c *cobra.Command, o *options, name string, change func(*trial) error) error {
	if err := o.checkOutput(); err != nil {
		return err
	}
	t, err := f.trial(c, o, name)
	if err != nil {
		return err
	}
	defer credit(c.ErrOrStderr(), t.table)
	if err := change(t); err != nil {
		return err
	}
	fmt.Fprintln(c.ErrOrStderr(), "asking for every client of a drawn population, before and after")
	forecast := t.forecast(f.seed)
	if o.output == "json" {
		err = printJSON(c.OutOrStdout(), forecastJSON(forecast))
	} else {
		err = printForecast(c.OutOrStdout(), t, forecast)
	}
	if err == nil && len(forecast.Refused) > 0 {
		err = fmt.Errorf("%w: %s", errRefused, forecast.Refused[0])
	}
	return err
}

func printForecast(w io.Writer, t *trial, f sim.Forecast) error {
	fmt.Fprintf(w, "%s at %s\n\n", t.turn.Service, t.recorded.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SITE\tCAPACITY\tBEFORE\tFULL\tAFTER\tFULL")
	for _, s := range f.Sites {
		fmt.Fprintf(table, "%s\t%v/s\t%v/s\t%d %%\t%v/s\t%d %%\n", s.Site, s.Capacity, s.Before, fullPercent(s.Before, s.Capacity), s.After, s.Use())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%.1f %% of the users change their site; the mean distance goes from %.0f km to %.0f km, the mean round trip %+.1f ms\n",
		100*f.Moved, f.KmBefore, f.KmAfter, float64(f.RTTChange.Microseconds())/1000)
	if t.planned != "" {
		fmt.Fprintln(w, t.planned)
	}
	if len(f.Refused) == 0 {
		fmt.Fprintln(w, "it may be done: no site is pushed over its high mark")
	}
	for _, why := range f.Refused {
		fmt.Fprintf(w, "! refused: %s\n", why)
	}
	return nil
}

func fullPercent(rate, capacity gslb.MilliRPS) int64 {
	return sim.SiteForecast{After: rate, Capacity: capacity}.Use()
}

// siteJSON and whatIf are a forecast for programs.
type siteJSON struct {
	Site     gslb.SiteID   `json:"site"`
	Capacity gslb.MilliRPS `json:"capacityMilliRPS"`
	Before   gslb.MilliRPS `json:"beforeMilliRPS"`
	After    gslb.MilliRPS `json:"afterMilliRPS"`
}

type whatIf struct {
	Sites     []siteJSON `json:"sites"`
	Moved     float64    `json:"movedRatio"`
	KmBefore  float64    `json:"kmBefore"`
	KmAfter   float64    `json:"kmAfter"`
	RTTChange float64    `json:"rttChangeMilliseconds"`
	Refused   []string   `json:"refused"`
}

func forecastJSON(f sim.Forecast) whatIf {
	w := whatIf{Moved: f.Moved, KmBefore: f.KmBefore, KmAfter: f.KmAfter, RTTChange: float64(f.RTTChange.Microseconds()) / 1000, Refused: append([]string{}, f.Refused...)}
	for _, s := range f.Sites {
		w.Sites = append(w.Sites, siteJSON{s.Site, s.Capacity, s.Before, s.After})
	}
	return w
}

// serviceOf is the position of a service in a map, by its canonical name.
func serviceOf(m *plan.Map, text string) (int, error) {
	name, err := gslb.ParseName(text)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errUsage, err)
	}
	at := slices.IndexFunc(m.Services, func(s plan.Service) bool { return s.Name == name })
	if at < 0 {
		return 0, fmt.Errorf("the recorded map has no service %s: give its canonical name, see 'tidegate status'", name)
	}
	return at, nil
}

func policyOf(s *plan.Service) loop.Policy { return loop.PolicyOf(&s.Steering, s.TTL) }
