package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"maps"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/node"
)

func statusCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Print what a daemon serves, since when, and what it refused",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			var status node.Status
			if err := admin.Get(c.Context(), o.socket, "/v1/status", nil, &status); err != nil {
				return err
			}
			if o.output == "json" {
				return printJSON(c.OutOrStdout(), status)
			}
			return printStatus(c.OutOrStdout(), status, time.Now())
		},
	}
}

func printStatus(w io.Writer, s node.Status, now time.Time) error {
	fmt.Fprintf(w, "generation  %d, served for %v%s\n", s.Generation, now.Sub(s.ServedSince).Round(time.Second), fromDisk(s))
	fmt.Fprintf(w, "map         %s: %d sites, %d services\n", s.MapDigest, s.Sites, s.Services)
	fmt.Fprintf(w, "geo table   %s\n", s.GeoDigest)
	if s.GeoWanted != "" {
		fmt.Fprintf(w, "            the map was planned with %s\n", s.GeoWanted)
	}
	for _, d := range s.Down {
		fmt.Fprintf(w, "down        %s %s for %v\n", d.Service, d.Address, now.Sub(d.Since).Round(time.Second))
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Refused)) {
		fmt.Fprintf(w, "refused     %d maps: %s\n", s.Refused[reason], reason)
	}
	if s.LastRefused != "" {
		fmt.Fprintf(w, "last        %s\n", s.LastRefused)
	}
	return nil
}

func fromDisk(s node.Status) string {
	if s.FromDisk {
		return ", from disk: not confirmed by the hub yet"
	}
	return ""
}
