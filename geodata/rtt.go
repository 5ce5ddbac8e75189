package geodata

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tidegate.dev/tidegate/gslb"
)

// RTTRow is the index of a row of round-trip times in Table.RTT, from 1 on; 0 is none. The rows of two tables have
// nothing to do with each other.
type RTTRow uint32

// SiteRTT is the round-trip time measured between a network and a site.
type SiteRTT struct {
	Site         gslb.SiteID
	Milliseconds uint16
}

// MaxSiteRTTs is the most times that the rows of a table hold together.
const MaxSiteRTTs = 1 << 22

// ErrRTT is the reason for every row of round-trip times that a Builder or Decode refuses.
var ErrRTT = errors.New("not a row of round-trip times")

// RTT is a row of measured times, by site; nil for a row that is not of this table. It belongs to the table.
func (t *Table) RTT(row RTTRow) []SiteRTT {
	if row == 0 || int(row) > len(t.rtt) {
		return nil
	}
	return t.rtt[row-1]
}

// RTTLayer is one source's measured times. Like an override it takes whole units only, and stands over special ranges.
type RTTLayer struct{ layer *Layer }

// RTT adds a layer of measured times over those so far. Where two know a network, the row of the upper counts, whole.
func (b *Builder) RTT(name string) *RTTLayer { return &RTTLayer{b.override(name, kindRTT)} }

// Add gives the networks of a prefix a row of times, in any order.
func (l *RTTLayer) Add(prefix netip.Prefix, times []SiteRTT) error {
	times = slices.SortedFunc(slices.Values(times), func(a, b SiteRTT) int { return cmp.Compare(a.Site, b.Site) })
	if err := checkRTT(times); err != nil {
		return fmt.Errorf("add %v: %w", prefix, err)
	}
	if !prefix.IsValid() {
		return fmt.Errorf("add %v: not a prefix", prefix)
	}
	prefix = prefix.Masked()
	row := l.layer.places.row(times)
	place := sourced{Place: Place{RTT: row}, from: From{RTT: l.layer.source}}
	return l.layer.addRange(prefix.Addr(), lastOf(prefix), place)
}

// checkRTT says why a row cannot stand in a table.
func checkRTT(times []SiteRTT) error {
	if len(times) == 0 {
		return fmt.Errorf("%w: it has no site", ErrRTT)
	}
	for i, t := range times {
		if err := gslb.CheckLabel(string(t.Site)); err != nil {
			return fmt.Errorf("%w: site %q: %w", ErrRTT, t.Site, err)
		}
		if i > 0 && t.Site <= times[i-1].Site {
			return fmt.Errorf("%w: site %q is in it twice, or not in order", ErrRTT, t.Site)
		}
	}
	return nil
}

// rowSet gives every distinct row one number, in the order in which they come.
type rowSet struct {
	list  [][]SiteRTT // by RTTRow less 1
	known map[string]RTTRow
}

func (s *rowSet) row(times []SiteRTT) RTTRow {
	key := keyOf(times)
	if row, known := s.known[key]; known {
		return row
	}
	if s.known == nil {
		s.known = map[string]RTTRow{}
	}
	s.list = append(s.list, times)
	s.known[key] = RTTRow(len(s.list))
	return s.known[key]
}

// keyOf tells rows apart: no site's name has a zero byte.
func keyOf(times []SiteRTT) string {
	var key strings.Builder
	for _, t := range times {
		key.WriteString(string(t.Site))
		key.Write([]byte{0, byte(t.Milliseconds >> 8), byte(t.Milliseconds)})
	}
	return key.String()
}

// compare orders rows by content.
func (s *rowSet) compare(a, b RTTRow) int {
	if a == b || a == 0 || b == 0 {
		return cmp.Compare(a, b)
	}
	return slices.CompareFunc(s.list[a-1], s.list[b-1], func(a, b SiteRTT) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Milliseconds, b.Milliseconds))
	})
}

// number gives the rows that places use numbers in the order of the places, which it changes.
func (s *rowSet) number(places []sourced) ([][]SiteRTT, error) {
	var rows [][]SiteRTT
	numbers, times := map[RTTRow]RTTRow{}, 0
	for i := range places {
		old := places[i].RTT
		if old == 0 {
			continue
		}
		if numbers[old] == 0 {
			rows = append(rows, s.list[old-1])
			numbers[old], times = RTTRow(len(rows)), times+len(s.list[old-1])
		}
		places[i].RTT = numbers[old]
	}
	if times > MaxSiteRTTs {
		return nil, fmt.Errorf("%w: %d round-trip times, a table holds %d; list fewer prefixes, or fewer sites of each",
			ErrRTT, times, MaxSiteRTTs)
	}
	return rows, nil
}
