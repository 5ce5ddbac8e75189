package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/node"
)

func statusCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Print what a daemon serves, since when, and what it refused",
		Example: "  tidegate status --socket /run/tidegate/hub.sock    # sites, names, name servers\n" +
			"  tidegate status -o json                            # one name server",
		Args: wantArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			var raw json.RawMessage
			if err := admin.Get(c.Context(), o.socket, "/v1/status", nil, &raw); err != nil {
				return err
			}
			if o.output == "json" {
				return printJSON(c.OutOrStdout(), raw)
			}
			return printStatus(c.OutOrStdout(), raw, time.Now())
		},
	}
}

// printStatus writes what a daemon says of itself for people. A daemon without a table of its own is shown as it is.
func printStatus(w io.Writer, raw json.RawMessage, now time.Time) error {
	var whose struct {
		Daemon string `json:"daemon"`
	}
	if err := json.Unmarshal(raw, &whose); err != nil {
		return err
	}
	switch whose.Daemon {
	case "nameserver":
		var s node.Status
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		printNameServer(w, s, now)
		return nil
	case "hub":
		var s hub.Status
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		return printHub(w, s, now)
	}
	return printJSON(w, raw)
}

func printNameServer(w io.Writer, s node.Status, now time.Time) {
	if s.Generation == 0 {
		fmt.Fprintln(w, "no map yet: queries get SERVFAIL until the first one comes")
	} else {
		fmt.Fprintf(w, "generation  %d, served for %v%s\n", s.Generation, now.Sub(s.ServedSince).Round(time.Second), fromDisk(s))
		fmt.Fprintf(w, "map         %s: %d sites, %d services\n", s.MapDigest, s.Sites, s.Services)
	}
	printGeo(w, s.GeoStatus, now)
	if s.BusTrouble != "" {
		fmt.Fprintf(w, "bus         not followed: %s\n", hanging(s.BusTrouble, 12))
	}
	for _, name := range s.Names {
		fmt.Fprintf(w, "name        %s\n", name)
	}
	for _, d := range s.Down {
		fmt.Fprintf(w, "down        %s %s for %v\n", d.Service, d.Address, now.Sub(d.Since).Round(time.Second))
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Refused)) {
		fmt.Fprintf(w, "refused     %d maps: %s\n", s.Refused[reason], reason)
	}
	if s.LastRefused != "" {
		fmt.Fprintf(w, "last        %s\n", hanging(s.LastRefused, 12))
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "warning     %s\n", hanging(warning, 12))
	}
}

func fromDisk(s node.Status) string {
	if s.FromDisk {
		return ", from disk: its source has not confirmed it yet"
	}
	return ""
}

func printHub(w io.Writer, s hub.Status, now time.Time) error {
	if !s.Leading {
		_, err := fmt.Fprintln(w, "this hub does not lead: another one does, or it is still starting")
		return err
	}
	fmt.Fprintf(w, "leading for %v, generation %d\n", now.Sub(s.Since).Round(time.Second), s.Generation)
	if s.GeoDigest != "" {
		fmt.Fprintf(w, "geo table %s: %s, data of %s\n", s.GeoDigest, s.GeoSource, dateText(s.GeoDate, now))
	}
	if s.HeavyResolvers > 0 {
		fmt.Fprintf(w, "%d heavy resolvers: where their clients' class is split, they are cut by time\n", s.HeavyResolvers)
	}
	for _, trouble := range append([]string{s.Hold, s.Refused, s.GeoTrouble}, s.Warnings...) {
		if trouble != "" {
			fmt.Fprintf(w, "! %s\n", hanging(trouble, 2))
		}
	}
	// UP counts ready replicas that their load balancer has up, and sites with any: those that clients are sent to.
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nSITE\tREPORT\tUP\tWORK\tSTATE")
	for _, site := range s.Sites {
		fmt.Fprintf(table, "%s\t%s\t%d/%d\t%d/%d\t%s\n", site.Name, ageText(site.ReportAgeMilliseconds),
			site.UpReplicas, site.DesiredReplicas, site.WorkApplied, site.Work, site.State())
	}
	fmt.Fprintln(table, "\nNAME\tEXPORT\tSITES\tUP\tSTATE\tSINCE GENERATION")
	for _, n := range s.Names {
		for _, name := range append([]string{n.Name}, n.Aliases...) {
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%d\n", name, n.Export, n.Sites, n.UpReplicas, n.Ready, n.MapGeneration)
		}
	}
	printLoads(table, s.Loads)
	printShifts(table, s.Shifts, now)
	fmt.Fprintln(table, "\nNAME SERVER\tREPORT\tGENERATION\tGEO TABLE\tDEAD\tREFUSED")
	for _, ns := range s.NameServers {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%d\t%s\n", ns.Name, ageText(&ns.ReportAgeMilliseconds), ns.Generation,
			whoseTable(s, ns), len(ns.Dead), ns.Refused)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, ns := range s.NameServers {
		if ns.GeoTrouble != "" {
			fmt.Fprintf(w, "! %s: geo table: %s\n", ns.Name, hanging(ns.GeoTrouble, 2))
		}
	}
	return nil
}

// printLoads writes how full services are. GETS is the demand that the answers bring to a site in the end.
func printLoads(table io.Writer, loads []hub.LoadStatus) {
	if len(loads) == 0 {
		return
	}
	fmt.Fprintln(table, "\nSERVICE\tSITE\tFULL\tCAPACITY\tGETS\tSTATE")
	for _, l := range loads {
		for _, s := range l.Sites {
			full := "unknown"
			if s.Known {
				full = fmt.Sprintf("%d %% (%s)", s.Saturation*100/load.Full, s.By)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%v/s\t%v/s\t%s\n", l.Service, s.ID, full,
				gslb.MilliRPS(float64(s.Counted)*s.Correction), s.After, s.State())
		}
		for _, note := range l.Notes {
			fmt.Fprintf(table, "%s\t! %s\n", l.Service, note)
		}
	}
}

// printShifts writes the operators' moves. MOVED is how much of what the source would get the shares
// bring to the destination, of how much by now, of how much in the end.
func printShifts(table io.Writer, shifts []hub.ShiftStatus, now time.Time) {
	if len(shifts) == 0 {
		return
	}
	fmt.Fprintln(table, "\nSHIFT\tSERVICE\tFROM\tTO\tMOVED\tFOR\tENDS\tSTATE")
	for _, s := range shifts {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d/%d/%d %%\t%s\t%s\t%s\n", s.Shift, s.Service, s.From, s.To, s.Moved, s.Percent, s.Of,
			sinceText(s.Since, now), endText(s.Expires), s.State())
	}
	for _, s := range shifts {
		fmt.Fprintf(table, "%s\t! %s\n", s.Shift, strings.TrimPrefix(s.Author+": "+s.Reason, ": "))
		if s.Forecast != "" {
			fmt.Fprintf(table, "%s\t! forecast before it began: %s\n", s.Shift, s.Forecast)
		}
	}
}

func sinceText(since, now time.Time) string {
	if since.IsZero() {
		return "-"
	}
	return now.Sub(since).Round(time.Second).String()
}

func endText(end time.Time) string {
	if end.IsZero() {
		return "when deleted"
	}
	return end.UTC().Format(time.RFC3339)
}

// whoseTable says whether a name server has the geo table that the hub hands out.
func whoseTable(s hub.Status, ns hub.ServerStatus) string {
	if ns.GeoDigest == s.GeoDigest {
		return "the hub's"
	}
	return "another"
}

// geoFrom says where a name server's geo table came from.
var geoFrom = map[node.GeoFrom]string{
	node.GeoEmbedded: "the one inside the binary",
	node.GeoFiles:    "from files of its own",
	node.GeoHub:      "the hub's",
}

func printGeo(w io.Writer, s node.GeoStatus, now time.Time) {
	kept := ""
	if s.GeoKept {
		kept = ", as it was kept on disk"
	}
	fmt.Fprintf(w, "geo table   %s: %s%s\n", s.GeoDigest, geoFrom[s.GeoFrom], kept)
	fmt.Fprintf(w, "            %s, data of %s\n", s.GeoSource, dateText(s.GeoDate, now))
	if s.GeoWanted != "" {
		fmt.Fprintf(w, "            the map was planned with another: %s\n", s.GeoWanted)
	}
	for _, result := range slices.Sorted(maps.Keys(s.GeoReloads)) {
		fmt.Fprintf(w, "            %d offered since the start: %s\n", s.GeoReloads[result], result)
	}
	if s.GeoTrouble != "" {
		fmt.Fprintf(w, "            ! %s\n", hanging(s.GeoTrouble, 14))
	}
}

// hanging puts the lines of a text after the first one below its begin: a file may have several mistakes.
func hanging(text string, columns int) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", columns))
}

func ageText(milliseconds *int64) string {
	if milliseconds == nil {
		return "never"
	}
	return (time.Duration(*milliseconds) * time.Millisecond).Round(100*time.Millisecond).String() + " ago"
}
