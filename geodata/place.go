package geodata

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"tidegate.dev/tidegate/gslb"
)

// PlaceID is the index of a place in its table: dense, the most used places first, so that a compiler can keep its
// verdicts in a slice. The IDs of two tables have nothing to do with each other.
type PlaceID uint32

// Unknown is the place of every address that no source places: unassigned and special ranges.
const Unknown PlaceID = 0

// Place is what the table knows about a network. A source fills in what it knows; the zero Place knows nothing.
type Place struct {
	// Location counts only if HasLocation: 0, 0 is a point in the Gulf of Guinea, not "unknown".
	Location    gslb.Location
	HasLocation bool
	// Country is the ISO 3166-1 alpha-2 code in upper case, "" if unknown.
	Country string
	// Region is the ISO 3166-2 code of the subdivision, such as CN-GD, "" if unknown.
	Region string
	// Line is the ISP line, gslb.NoLine if there is none.
	Line gslb.Line
	// RTT is a row of Table.RTT, 0 if nothing was measured. A row is given by Builder.RTT, never with a place.
	RTT RTTRow
}

// ErrPlace is the reason for every place that a Builder or Decode refuses.
var ErrPlace = errors.New("not a place")

// Check says why a place cannot stand in a table.
func (p Place) Check() error {
	if p.HasLocation && !p.Location.Valid() {
		return fmt.Errorf("%w: latitude %d or longitude %d micro-degrees is not on the earth",
			ErrPlace, p.Location.LatMicro, p.Location.LonMicro)
	}
	if !p.HasLocation && p.Location != (gslb.Location{}) {
		return fmt.Errorf("%w: it has coordinates and says that it has none", ErrPlace)
	}
	if p.Country != "" && !isCountry(p.Country) {
		return fmt.Errorf("%w: country %q, want two capital letters (ISO 3166-1 alpha-2)", ErrPlace, p.Country)
	}
	if p.Region != "" && !isRegion(p.Region) {
		return fmt.Errorf("%w: region %q, want a code such as CN-GD (ISO 3166-2)", ErrPlace, p.Region)
	}
	if p.Line == gslb.NoLine {
		return nil
	}
	if err := gslb.CheckLabel(string(p.Line)); err != nil {
		return fmt.Errorf("%w: line: %w", ErrPlace, err)
	}
	return nil
}

func isCountry(s string) bool {
	return len(s) == 2 && 'A' <= s[0] && s[0] <= 'Z' && 'A' <= s[1] && s[1] <= 'Z'
}

// isRegion asks for a country, a dash, and one to three letters or digits.
func isRegion(s string) bool {
	if len(s) < 4 || len(s) > 6 || s[2] != '-' || !isCountry(s[:2]) {
		return false
	}
	return strings.Trim(s[3:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// SourceID is the index of a source in Table.Sources, from 1 on; 0 is none.
type SourceID uint8

// From says which source gave each field of a place.
type From struct{ Location, Country, Region, Line, RTT SourceID }

// sourced is a place with where it is from.
type sourced struct {
	Place
	from From
}

// of is a place of one source.
func of(p Place, source SourceID) sourced {
	s := sourced{Place: p}
	if p.HasLocation {
		s.from.Location = source
	}
	if p.Country != "" {
		s.from.Country = source
	}
	if p.Region != "" {
		s.from.Region = source
	}
	if p.Line != gslb.NoLine {
		s.from.Line = source
	}
	return s
}

// over is s with every field that top knows taken from top, and with what follows from top's country and region.
func (s sourced) over(top sourced, centres *centres) sourced {
	was := s
	if top.HasLocation {
		s.Location, s.HasLocation, s.from.Location = top.Location, true, top.from.Location
	}
	if top.Country != "" || top.Region != "" {
		if s = s.inAreaOf(top); !top.HasLocation && centres != nil {
			s = s.located(was, centres)
		}
	}
	if top.Line != gslb.NoLine {
		s.Line, s.from.Line = top.Line, top.from.Line
	}
	if top.RTT != 0 {
		s.RTT, s.from.RTT = top.RTT, top.from.RTT
	}
	return s
}

// compare puts places in an order that does not depend on how they were found, but for their rows of round-trip times,
// which it leaves to the set that has them.
func (s sourced) compare(t sourced) int {
	known := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(s.Country, t.Country),
		cmp.Compare(s.Region, t.Region),
		cmp.Compare(s.Line, t.Line),
		cmp.Compare(known(s.HasLocation), known(t.HasLocation)),
		cmp.Compare(s.Location.LatMicro, t.Location.LatMicro),
		cmp.Compare(s.Location.LonMicro, t.Location.LonMicro),
		cmp.Compare(s.from.order(), t.from.order()),
	)
}

func (f From) order() uint64 {
	return uint64(f.Location)<<32 | uint64(f.Country)<<24 | uint64(f.Region)<<16 | uint64(f.Line)<<8 | uint64(f.RTT)
}

// Grid is the width of a square of latitude and longitude in micro-degrees. Rounding locations to the middle of their
// square lets neighbouring networks share a place.
type Grid int32

// Centre is the middle of the square that holds l, which must be valid.
func (g Grid) Centre(l gslb.Location) gslb.Location {
	return gslb.Location{
		LatMicro: min(g.centre(l.LatMicro), 90_000_000),
		LonMicro: min(g.centre(l.LonMicro), 180_000_000),
	}
}

func (g Grid) centre(micro int32) int32 {
	square := micro / int32(g)
	if micro%int32(g) < 0 {
		square-- // round down, not towards zero: squares west of Greenwich are as wide as those east of it
	}
	return square*int32(g) + int32(g)/2
}
