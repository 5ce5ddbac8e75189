// Package geofeed reads geolocation feeds that the owners of networks publish of themselves (RFC 8805): rows of a
// prefix, a country, a region, a city and a postal code. Country and region become a place; a feed has no coordinates.
//
// It stands between a file and a layer of a table, beside geodata/mmdb; geodata/load calls it, for feeds of clients and
// for feeds of resolvers, which the operators of public resolvers publish in the same form. The package is pure.
package geofeed

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// Network is a row of a feed.
type Network struct {
	Prefix netip.Prefix
	Place  geodata.Place
	Line   int // of the file
}

// ErrEmpty says that a feed was read and has no network.
var ErrEmpty = errors.New("it has no network: want rows of prefix, country, region, city, postal code (RFC 8805)")

// Read reads a feed. The widest networks come first, so that in a geodata.Layer, where the later addition counts, the
// longest prefix does.
func Read(file io.Reader) ([]Network, error) {
	rows := csv.NewReader(withoutMark(file))
	rows.Comment, rows.TrimLeadingSpace, rows.ReuseRecord, rows.FieldsPerRecord = '#', true, true, -1
	var networks []Network
	lines := map[netip.Prefix]int{} // where each prefix stands
	places := map[netip.Prefix]geodata.Place{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := rows.FieldPos(0)
		n, err := network(row)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if before, twice := lines[n.Prefix]; twice {
			if places[n.Prefix] != n.Place {
				return nil, fmt.Errorf("line %d: %v is in another place on line %d; keep one of them", line, n.Prefix, before)
			}
			continue
		}
		lines[n.Prefix], places[n.Prefix] = line, n.Place
		n.Line = line
		networks = append(networks, n)
	}
	if len(networks) == 0 {
		return nil, ErrEmpty
	}
	slices.SortStableFunc(networks, func(a, b Network) int { return cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()) })
	return networks, nil
}

// withoutMark leaves out the byte order mark with which spreadsheets begin a file.
func withoutMark(file io.Reader) io.Reader {
	buffered := bufio.NewReader(file)
	if begin, _ := buffered.Peek(3); string(begin) == "\ufeff" {
		buffered.Discard(3)
	}
	return buffered
}

func network(row []string) (n Network, err error) {
	if n.Prefix, err = prefix(strings.TrimSpace(row[0])); err != nil {
		return n, err
	}
	n.Place.Country = field(row, 1)
	if n.Place.Country == "ZZ" {
		n.Place.Country = "" // a code that is never assigned, for networks of no country
	}
	if n.Place.Region = field(row, 2); n.Place.Region != "" && n.Place.Country == "" {
		n.Place.Country, _, _ = strings.Cut(n.Place.Region, "-")
	}
	if err := n.Place.Check(); err != nil {
		return n, err
	}
	if r := n.Place.Region; r != "" && !strings.HasPrefix(r, n.Place.Country+"-") {
		return n, fmt.Errorf("region %s is not in country %s", r, n.Place.Country)
	}
	return n, nil
}

// prefix reads a prefix, or an address that stands for itself. Bits behind the length do not count.
func prefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("network %q: want a prefix such as 192.0.2.0/24, or an address", s)
	}
	return p.Masked(), nil
}

// field is one of the codes, which are read in capital letters; it may be empty or missing.
func field(row []string, i int) string {
	if i >= len(row) {
		return ""
	}
	return strings.ToUpper(strings.TrimSpace(row[i]))
}

// finestResolver6 is what a table tells apart of IPv6 resolvers.
const finestResolver6 = 64

// AddTo puts the networks of a feed into a layer of clients. One that a table cannot tell from its neighbours is refused:
// it would take them along.
func AddTo(layer *geodata.Layer, networks []Network) error {
	for _, n := range networks {
		if finest := finestClient(n.Prefix.Addr()); n.Prefix.Bits() > finest {
			return fmt.Errorf("line %d: %v is longer than /%d: %w; addresses of resolvers belong into a feed under resolverFeeds",
				n.Line, n.Prefix, finest, geodata.ErrTooFine)
		}
		if err := layer.Add(n.Prefix, n.Place); err != nil {
			return err
		}
	}
	return nil
}

// finestClient is the length of the longest prefix that a table tells apart, for an address as a feed writes it.
func finestClient(addr netip.Addr) int {
	switch {
	case addr.Is4():
		return gslb.MaxBits4
	case addr.Is4In6():
		return 96 + gslb.MaxBits4
	}
	return gslb.MaxBits6
}

// AddResolversTo puts the networks of a feed into a layer of resolvers. An IPv6 network longer than /64 stands for its
// /64: who publishes single addresses does not say that their neighbours are elsewhere.
func AddResolversTo(layer *geodata.Layer, networks []Network) error {
	for _, n := range networks {
		if n.Prefix.Addr().Is6() && !n.Prefix.Addr().Is4In6() && n.Prefix.Bits() > finestResolver6 {
			n.Prefix = netip.PrefixFrom(n.Prefix.Addr(), finestResolver6).Masked()
		}
		if err := layer.Add(n.Prefix, n.Place); err != nil {
			return err
		}
	}
	return nil
}

// Is says whether the beginning of a CSV file looks like a feed: its first row that is no comment has a prefix or an
// address first, and a country or nothing second, where an ASN list has a number or another address.
func Is(begin []byte) bool {
	rows := csv.NewReader(withoutMark(strings.NewReader(string(begin))))
	rows.Comment, rows.TrimLeadingSpace, rows.FieldsPerRecord = '#', true, -1
	for {
		row, err := rows.Read()
		if err != nil {
			return false
		}
		if _, err := prefix(strings.TrimSpace(row[0])); err == nil && len(row) >= 2 {
			return strings.Trim(field(row, 1), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
		}
	}
}
