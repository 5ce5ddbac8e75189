package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/dbip"
	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/geodata/files"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

func geodataCommand(o *options) *cobra.Command {
	command := &cobra.Command{
		Use:   "geodata",
		Short: "Check, ask, compare and update geo data; no daemon is needed",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: no command %q: see 'tidegate geodata --help'", errUsage, args[0])
			}
			return c.Help()
		},
	}
	command.AddCommand(verifyCommand(o), lookupCommand(o), diffCommand(o), updateCommand(o))
	return command
}

func verifyCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE...",
		Short: "Open geo files as a name server would, and print what they are",
		Example: "  tidegate geodata verify city.mmdb asn.csv       # as in 'geodata city.mmdb asn.csv' of a Corefile\n" +
			"  tidegate geodata verify geo-hub.tidegeo         # what a name server keeps of the hub's",
		Args: wantSome("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			table, err := files.Open(args...)
			if err != nil {
				return err
			}
			defer credit(c.ErrOrStderr(), table)
			kinds, err := kindsOf(args)
			if err != nil {
				return err
			}
			v := verified{Files: kinds, tableFacts: factsOf(table)}
			if o.output == "json" {
				return printJSON(c.OutOrStdout(), v)
			}
			return v.print(c.OutOrStdout(), time.Now())
		},
	}
}

// verified is what verify prints.
type verified struct {
	Files []fileKind `json:"files"`
	tableFacts
}

type fileKind struct {
	Path string `json:"path"`
	Kind string `json:"kind"`
}

func kindsOf(paths []string) ([]fileKind, error) {
	var list []fileKind
	for _, path := range paths {
		kind, err := files.Kind(path)
		if err != nil {
			return nil, err
		}
		list = append(list, fileKind{path, kind})
	}
	return list, nil
}

// tableFacts is a table in a few words.
type tableFacts struct {
	Source string    `json:"source"`
	Date   time.Time `json:"date,omitzero"`
	Rows   int       `json:"rows"`
	Places int       `json:"places"`
	Digest string    `json:"digest"`
	// Measured are the sites that there are round-trip times to.
	Measured []gslb.SiteID `json:"measured,omitempty"`
}

func factsOf(table *geodata.Table) tableFacts {
	f := geodata.FiguresOf(table)
	return tableFacts{Source: f.Source, Date: f.Date, Rows: f.Rows, Places: f.Places, Digest: table.Digest(), Measured: plan.MeasuredSites(table)}
}

func (v verified) print(w io.Writer, now time.Time) error {
	for _, f := range v.Files {
		fmt.Fprintf(w, "file    %s: %s\n", f.Path, f.Kind)
	}
	fmt.Fprintf(w, "source  %s\n", v.Source)
	fmt.Fprintf(w, "date    %s\n", dateText(v.Date, now))
	fmt.Fprintf(w, "rows    %d\n", v.Rows)
	fmt.Fprintf(w, "places  %d\n", v.Places)
	if len(v.Measured) > 0 {
		fmt.Fprintf(w, "times   to %v\n", v.Measured)
	}
	_, err := fmt.Fprintf(w, "digest  %s\n", v.Digest)
	return err
}

// dateText is when data was made, and how long ago that is.
func dateText(date, now time.Time) string {
	if date.IsZero() {
		return "unknown: no file says"
	}
	return fmt.Sprintf("%s UTC, %d days old", date.UTC().Format("2006-01-02 15:04"), int(now.Sub(date).Hours()/24))
}

func lookupCommand(o *options) *cobra.Command {
	var paths []string
	command := &cobra.Command{
		Use:   "lookup ADDR... [--file FILE]...",
		Short: "Print where addresses are, and which source says so",
		Example: "  tidegate geodata lookup 84.128.0.1 2003:c0::1                      # by the embedded table\n" +
			"  tidegate geodata lookup 36.110.0.1 --file city.mmdb --file asn.csv   # by files of your own",
		Args: wantSome("ADDR"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			addresses, err := parseAddresses(args)
			if err != nil {
				return err
			}
			table, err := openOr(paths, embedded.Open)
			if err != nil {
				return err
			}
			defer credit(c.ErrOrStderr(), table)
			answers := lookUp(table, addresses)
			if o.output == "json" {
				return printJSON(c.OutOrStdout(), answers)
			}
			return printAnswers(c.OutOrStdout(), answers)
		},
	}
	command.Flags().StringArrayVar(&paths, "file", nil, "geo file, as in a Corefile; several with a flag each (default the embedded table)")
	return command
}

func parseAddresses(args []string) ([]netip.Addr, error) {
	var addresses []netip.Addr
	for _, arg := range args {
		addr, err := netip.ParseAddr(arg)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is no address such as 84.128.0.1 or 2003:c0::1", errUsage, arg)
		}
		addresses = append(addresses, addr)
	}
	return addresses, nil
}

// credit says whose data is shown, where the licence asks for that.
func credit(w io.Writer, tables ...*geodata.Table) {
	if slices.ContainsFunc(tables, dbip.Has) {
		fmt.Fprintln(w, dbip.Credit)
	}
}

func openOr(paths []string, otherwise func() (*geodata.Table, error)) (*geodata.Table, error) {
	if len(paths) == 0 {
		return otherwise()
	}
	return files.Open(paths...)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// openPath opens a file, or all files of a folder.
func openPath(path string) (*geodata.Table, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return files.Open(path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, filepath.Join(path, e.Name()))
		}
	}
	return files.Open(paths...)
}
