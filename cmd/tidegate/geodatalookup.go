package main

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// looked is what lookup prints of one address.
type looked struct {
	Addr netip.Addr `json:"addr"`
	lookedPlace
	// Prefix is the widest network around the address that is in the same place.
	Prefix netip.Prefix `json:"prefix"`
	// RTT are the times that were measured from there, the shortest first.
	RTT []siteRTT `json:"rtt,omitempty"`
	// Resolver is where the clients of a known resolver at the address are, who send no client subnet.
	Resolver *lookedPlace `json:"resolver,omitempty"`
}

type lookedPlace struct {
	Location *gslb.Location `json:"location,omitempty"`
	Country  string         `json:"country,omitempty"`
	Region   string         `json:"region,omitempty"`
	Line     gslb.Line      `json:"line,omitempty"`
	// Sources say so, each once.
	Sources []string `json:"sources,omitempty"`
}

type siteRTT struct {
	Site         gslb.SiteID `json:"site"`
	Milliseconds uint16      `json:"milliseconds"`
}

func lookUp(table *geodata.Table, addresses []netip.Addr) []looked {
	var answers []looked
	for _, addr := range addresses {
		id, prefix := table.Lookup(addr)
		l := looked{Addr: addr, lookedPlace: lookedAt(table, id), Prefix: prefix, RTT: times(table, id)}
		if known, ok := table.KnownResolver(addr); ok {
			place := lookedAt(table, known)
			l.Resolver = &place
		}
		answers = append(answers, l)
	}
	return answers
}

func lookedAt(table *geodata.Table, id geodata.PlaceID) lookedPlace {
	place, from := table.Place(id), table.From(id)
	l := lookedPlace{Country: place.Country, Region: place.Region, Line: place.Line}
	if place.HasLocation {
		l.Location = &place.Location
	}
	for _, source := range []geodata.SourceID{from.Location, from.Country, from.Region, from.Line, from.RTT} {
		if name := table.Source(source); name != "" && !slices.Contains(l.Sources, name) {
			l.Sources = append(l.Sources, name)
		}
	}
	return l
}

func times(table *geodata.Table, id geodata.PlaceID) (list []siteRTT) {
	for _, t := range table.RTT(table.Place(id).RTT) {
		list = append(list, siteRTT{t.Site, t.Milliseconds})
	}
	slices.SortStableFunc(list, func(a, b siteRTT) int { return cmp.Compare(a.Milliseconds, b.Milliseconds) })
	return list
}

// printAnswers prints a row for each address, one more for a known resolver, and below the table what was measured.
func printAnswers(w io.Writer, answers []looked) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ADDRESS\tLOCATION\tCOUNTRY\tREGION\tLINE\tTHE SAME FOR\tSOURCES")
	for _, l := range answers {
		l.printRow(table, l.Addr.String(), l.Prefix.String())
		if l.Resolver != nil {
			l.Resolver.printRow(table, "  its clients, as a known resolver", "-")
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, l := range answers {
		if len(l.RTT) == 0 {
			continue
		}
		var sites []string
		for _, t := range l.RTT {
			sites = append(sites, fmt.Sprintf("%s %d ms", t.Site, t.Milliseconds))
		}
		if _, err := fmt.Fprintf(w, "measured from %s: %s\n", l.Addr, strings.Join(sites, ", ")); err != nil {
			return err
		}
	}
	return nil
}

func (l lookedPlace) printRow(w io.Writer, what, sameFor string) {
	location := "-"
	if l.Location != nil {
		location = fmt.Sprintf("%.2f, %.2f", float64(l.Location.LatMicro)/1e6, float64(l.Location.LonMicro)/1e6)
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", what, location, orDash(l.Country), orDash(l.Region),
		orDash(string(l.Line)), sameFor, orDash(strings.Join(l.Sources, ", ")))
}
