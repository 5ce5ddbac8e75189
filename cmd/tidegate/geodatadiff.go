package main

import (
	"fmt"
	"io"
	"net/netip"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

func diffCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Print what a newer file changes, and whether a running name server would take it",
		Long: "Print what a newer file changes, and whether a running name server would take it. OLD and NEW are a file each, or a\n" +
			"folder with the files of one table.",
		Example: "  tidegate geodata diff city.mmdb city-new.mmdb\n  tidegate geodata diff /var/lib/geo /var/lib/geo-new",
		Args:    wantArgs("OLD", "NEW"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			older, err := openPath(args[0])
			if err != nil {
				return err
			}
			newer, err := openPath(args[1])
			if err != nil {
				return err
			}
			defer credit(c.ErrOrStderr(), older, newer)
			d := differenceOf(geodata.Compare(older, newer), older, newer)
			if o.output == "json" {
				return printJSON(c.OutOrStdout(), d)
			}
			return d.print(c.OutOrStdout(), time.Now())
		},
	}
}

// difference is what diff prints.
type difference struct {
	Old tableFacts `json:"old"`
	New tableFacts `json:"new"`
	// Sources are the files, with how many networks each says.
	Sources []sourceRows `json:"sources,omitempty"`
	// Sampled addresses were looked up in both; the others are how many of these changed.
	Sampled        int `json:"sampled"`
	CountryChanged int `json:"countryChanged"`
	// MovedOver100Km also counts addresses that have no location any more.
	MovedOver100Km int       `json:"movedOver100Km"`
	LineChanged    int       `json:"lineChanged"`
	Examples       []example `json:"examples"`
	// Taken says whether the guards let New take the place of Old.
	Taken   bool   `json:"taken"`
	Refused string `json:"refused,omitempty"`
}

type sourceRows struct {
	Source string `json:"source"`
	Old    int    `json:"old"`
	New    int    `json:"new"`
}

type example struct {
	Addr netip.Addr `json:"addr"`
	Was  string     `json:"was"`
	Is   string     `json:"is"`
}

func differenceOf(c geodata.Comparison, older, newer *geodata.Table) difference {
	d := difference{Old: factsOf(older), New: factsOf(newer), Sampled: c.Sampled, CountryChanged: c.Country,
		MovedOver100Km: c.Moved, LineChanged: c.Line, Taken: true, Examples: []example{}}
	for _, s := range c.Sources {
		d.Sources = append(d.Sources, sourceRows{Source: s.String(), Old: s.Rows, New: s.After})
	}
	for _, e := range c.Examples {
		d.Examples = append(d.Examples, example{Addr: e.Addr, Was: shortPlace(e.Before), Is: shortPlace(e.After)})
	}
	if err := c.Accept(); err != nil {
		d.Taken, d.Refused = false, err.Error()
	}
	return d
}

// shortPlace is a place in a few words.
func shortPlace(p geodata.Place) string {
	text := p.Country
	if p.Region != "" {
		text = p.Region
	}
	if p.HasLocation {
		text += fmt.Sprintf(" %.1f, %.1f", float64(p.Location.LatMicro)/1e6, float64(p.Location.LonMicro)/1e6)
	}
	if p.Line != gslb.NoLine {
		text += " " + string(p.Line)
	}
	return orDash(text)
}

func (d difference) print(w io.Writer, now time.Time) error {
	if d.Old.Digest == d.New.Digest {
		_, err := fmt.Fprintf(w, "the same: %s\n", d.Old.Digest)
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\tOLD\tNEW\t\n")
	fmt.Fprintf(table, "date\t%s\t%s\t\n", dateText(d.Old.Date, now), dateText(d.New.Date, now))
	fmt.Fprintf(table, "rows\t%d\t%d\t%s\n", d.Old.Rows, d.New.Rows, growth(d.Old.Rows, d.New.Rows))
	fmt.Fprintf(table, "places\t%d\t%d\t%s\n", d.Old.Places, d.New.Places, growth(d.Old.Places, d.New.Places))
	for _, s := range d.Sources {
		fmt.Fprintf(table, "networks in %s\t%d\t%d\t%s\n", s.Source, s.Old, s.New, growth(s.Old, s.New))
	}
	fmt.Fprintf(table, "\nof %d addresses\t\t\t\n", d.Sampled)
	for _, row := range []struct {
		what  string
		count int
	}{{"in another country", d.CountryChanged}, {"moved farther than 100 km", d.MovedOver100Km}, {"on another line", d.LineChanged}} {
		fmt.Fprintf(table, "%s\t%s\t\t\n", row.what, share(row.count, d.Sampled))
	}
	if len(d.Examples) > 0 {
		fmt.Fprintf(table, "\nfor example\tOLD\tNEW\t\n")
	}
	for _, e := range d.Examples {
		fmt.Fprintf(table, "%s\t%s\t%s\t\n", e.Addr, e.Was, e.Is)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if d.Taken {
		_, err := fmt.Fprintln(w, "\na running name server would take NEW in place of OLD")
		return err
	}
	_, err := fmt.Fprintf(w, "\na running name server would refuse NEW in place of OLD: %s\n", d.Refused)
	return err
}

func growth(before, after int) string {
	if before == 0 {
		return ""
	}
	return fmt.Sprintf("%+.1f %%", 100*float64(after-before)/float64(before))
}

func share(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(whole))
}
