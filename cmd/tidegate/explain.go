package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/steer"
)

func explainCommand(o *options) *cobra.Command {
	var client, qtype string
	command := &cobra.Command{
		Use:   "explain NAME --client IP",
		Short: "Print which site a client gets, and every number that decided it",
		Example: "  tidegate explain chat.edge.example --client 84.128.0.1\n" +
			"  tidegate explain chat.edge.example --client 2003:c0::/32 --type AAAA -o json",
		Args: wantArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			query := url.Values{"name": args[:1], "client": {client}, "type": {qtype}}
			var trace steer.Trace
			if err := admin.Get(c.Context(), o.socket, "/v1/explain", query, &trace); err != nil {
				return err
			}
			defer creditSource(c.ErrOrStderr(), trace.GeoSource)
			if o.output == "json" {
				return printJSON(c.OutOrStdout(), trace)
			}
			return printTrace(c.OutOrStdout(), trace)
		},
	}
	command.Flags().StringVar(&client, "client", "", "a resolver's address, or a network as in an EDNS client subnet")
	command.Flags().StringVar(&qtype, "type", "A", "A or AAAA")
	_ = command.MarkFlagRequired("client") // the flag exists
	return command
}

// creditSource is credit for a table that a daemon has: by what it was made of.
func creditSource(w io.Writer, source string) {
	var none geodata.Builder
	if table, err := none.Build(geodata.Origin{Source: source}); err == nil {
		credit(w, table)
	}
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func printTrace(w io.Writer, t steer.Trace) error {
	source := "by its address"
	if t.FromECS {
		source = "by client subnet"
	}
	fmt.Fprintf(w, "%s for %s (%s), decided for %s\n", t.Name, t.Client, source, t.Unit)
	fmt.Fprintf(w, "place     %s\n", placeText(t.Place))
	fmt.Fprintf(w, "service   %s, %s, generation %d\n\n", t.Service, t.Method, t.Generation)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SITE\tTIER\tKM\tUP\tDRAINED\tCAPACITY\t")
	for _, row := range t.Candidates {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%v/s\t%s\n",
			row.Site, row.Tier, kmText(row), upText(row), yes(row.Drained), row.Capacity, chosenText(row.Chosen))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, step := range t.Steps {
		fmt.Fprintf(w, "  %s\n", step)
	}
	fmt.Fprintf(w, "\n%s\n", outcomeText(t))
	if t.Split != nil {
		fmt.Fprintf(w, "split     %s\n", t.Split)
	}
	if t.Match != nil {
		fmt.Fprintf(w, "level     %s\n", t.Match)
	}
	_, err := fmt.Fprintf(w, "answer    %v, TTL %ds, %s\n", t.Addresses, t.TTLSeconds, scopeText(t))
	return err
}

// scopeText says who else gets the answer. Known resolvers are told apart by address, and nobody else speaks for them.
func scopeText(t steer.Trace) string {
	switch {
	case t.FromECS:
		return "the same for all of " + t.Scope.String()
	case t.Place.KnownResolver:
		return "for this resolver alone, since it is a known one"
	}
	return "the same for all of " + t.Scope.String() + " but known resolvers"
}

// reasonTexts say what the reasons of steer mean.
var reasonTexts = map[string]string{
	"fastest":       "it is fastest by measurement",
	"split":         "it is this client's share of what its class' load is split into",
	"shared":        "it is this client's share, by capacity, of those that are eligible",
	"overflow":      "none of the first tier is eligible",
	"last-good":     "none is eligible, and it is one of those that were last",
	"fallback":      "none is eligible, and these are the policy's addresses for that",
	"all-unhealthy": "none is eligible",
	"asleep":        "nothing has capacity: the workload is asleep",
	"residency":     "residency keeps these clients from all endpoints that have an address of it",
	"no-endpoint":   "no endpoint has an address of it",
}

// outcomeText is the decision in a sentence.
func outcomeText(t steer.Trace) string {
	why := reasonTexts[t.Reason]
	if why == "" {
		why = "it is " + t.Reason
	}
	if t.Site == "" {
		return t.Outcome + " because " + why
	}
	return t.Outcome + ": " + string(t.Site) + " because " + why
}

// placeText is what is known of the client's place, with the sources that said so.
func placeText(p steer.TracePlace) string {
	var facts facts
	if p.Known {
		facts.add(fmt.Sprintf("%.2f, %.2f", float64(p.Location.LatMicro)/1e6, float64(p.Location.LonMicro)/1e6), p.From.Location)
	}
	if p.Region != "" {
		facts.add(p.Region, p.From.Region)
	} else if p.Country != "" {
		facts.add(p.Country, p.From.Country)
	}
	if p.Line != gslb.NoLine {
		facts.add("line "+string(p.Line), p.From.Line)
	}
	if p.From.RTT != "" {
		facts.add("measured times", p.From.RTT)
	}
	same := "; the same for " + p.Prefix.String()
	if p.KnownResolver {
		same = "; that of the clients of " + p.Prefix.Addr().String() + ", a known resolver"
	}
	if facts.text == "" {
		return "unknown" + same
	}
	return facts.end() + same
}

// facts is a list in which neighbours of one source name it once.
type facts struct{ text, source string }

func (f *facts) add(fact, source string) {
	switch {
	case f.text == "":
		f.text = fact
	case source == f.source:
		f.text += ", " + fact
	default:
		f.text = f.end() + ", " + fact
	}
	f.source = source
}

func (f *facts) end() string {
	if f.source == "" {
		return f.text
	}
	return f.text + " (" + f.source + ")"
}

// kmText is the distance, and the time where one was measured: it counts instead.
func kmText(row steer.TraceRow) string {
	km := "-"
	if row.Km >= 0 {
		km = fmt.Sprint(row.Km)
	}
	if row.RTTMilliseconds == nil {
		return km
	}
	return fmt.Sprintf("%s (%d ms)", km, *row.RTTMilliseconds)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// upText is what probes say, unless an operator's word stands above them.
func upText(row steer.TraceRow) string {
	if row.ForcedUp {
		return "forced"
	}
	return yes(row.Up)
}

func chosenText(chosen bool) string {
	if chosen {
		return "<- chosen"
	}
	return ""
}
