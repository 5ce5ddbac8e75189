package geodata

import (
	"cmp"
	"errors"
	"fmt"

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
	// Line is the ISP line, gslb.NoLine if there is none.
	Line gslb.Line
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

// over is p with every field that top knows taken from top.
func (p Place) over(top Place) Place {
	if top.HasLocation {
		p.Location, p.HasLocation = top.Location, true
	}
	if top.Country != "" {
		p.Country = top.Country
	}
	if top.Line != gslb.NoLine {
		p.Line = top.Line
	}
	return p
}

// compare puts places in an order that does not depend on how they were found.
func (p Place) compare(q Place) int {
	known := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(p.Country, q.Country),
		cmp.Compare(p.Line, q.Line),
		cmp.Compare(known(p.HasLocation), known(q.HasLocation)),
		cmp.Compare(p.Location.LatMicro, q.Location.LatMicro),
		cmp.Compare(p.Location.LonMicro, q.Location.LonMicro),
	)
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
