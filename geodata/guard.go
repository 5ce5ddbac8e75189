package geodata

import (
	"cmp"
	"errors"
	"fmt"
)

// The guards of an update: a table that takes the place of another while it is in use is held against it, and refused if
// it is older or changes more than an update does. A table of other files than before may be anything, so whoever
// chooses the files asks no guard.
const (
	maxRowsChangedPercent    = 20
	maxSourceLostPercent     = 20
	maxCountryChangedPercent = 5
	maxLineChangedPercent    = 2  // of all addresses
	maxLineLostPercent       = 20 // of those that had a line
	maxMovedPercent          = 20 // of those that had a location
	// A percentage of fewer than these is not asked for: lists that people write by hand change by half.
	minSourceRows, minLined = 100, 100
)

// The reasons for which a table is refused. Each has its own counter.
var (
	ErrOlder     = errors.New("the geo data is older than what is in use")
	ErrRows      = errors.New("the geo table's number of rows changed too much")
	ErrCountries = errors.New("too many addresses are in another country")
	ErrLines     = errors.New("too many addresses are on another line")
	ErrMoved     = errors.New("too many addresses moved farther than 100 km, or have no location any more")
)

// Accept says whether next may take the place of current. An error says which figure is wrong.
func Accept(current, next *Table) error { return Compare(current, next).Accept() }

// Accept says whether the guards let the table after take the place of the one before. A table without a date is neither
// older nor newer than another.
func (c Comparison) Accept() error {
	was, is := c.Before.Date, c.After.Date
	if !was.IsZero() && !is.IsZero() && is.Before(was) {
		return fmt.Errorf("%w: it is of %s, that in use of %s: is it the newest file?", ErrOlder, is.Format(dateFormat), was.Format(dateFormat))
	}
	if changed := abs(c.After.Rows - c.Before.Rows); changed*100 > maxRowsChangedPercent*c.Before.Rows {
		return fmt.Errorf("%w: %d after %d is %s, the limit is %d %%: is the file whole, and of the same kind?",
			ErrRows, c.After.Rows, c.Before.Rows, percent(c.After.Rows-c.Before.Rows, c.Before.Rows, "%+.1f %%"), maxRowsChangedPercent)
	}
	if c.Country*100 > maxCountryChangedPercent*c.Sampled {
		return fmt.Errorf("%w: %s of %d addresses, the limit is %d %%: is it the right file?",
			ErrCountries, percent(c.Country, c.Sampled, "%.1f %%"), c.Sampled, maxCountryChangedPercent)
	}
	return cmp.Or(c.acceptSources(), c.acceptLines(), c.acceptMoves())
}

// acceptSources asks each source for its rows: half a list of AS numbers leaves the rows of the table nearly as they were.
// That one grows is left to the other guards.
func (c Comparison) acceptSources() error {
	for _, s := range c.Sources {
		if lost := s.Rows - s.After; s.Rows >= minSourceRows && lost*100 > maxSourceLostPercent*s.Rows {
			return fmt.Errorf("%w: %v: %d after %d is %s, the limit is -%d %%: is the file whole?",
				ErrRows, s, s.After, s.Rows, percent(-lost, s.Rows, "%+.1f %%"), maxSourceLostPercent)
		}
	}
	return nil
}

func (c Comparison) acceptLines() error {
	if c.Line*100 > maxLineChangedPercent*c.Sampled {
		return fmt.Errorf("%w: %s of %d, the limit is %d %%: is the file whole, and the right one?",
			ErrLines, percent(c.Line, c.Sampled, "%.1f %%"), c.Sampled, maxLineChangedPercent)
	}
	if c.Lined >= minLined && c.LineLost*100 > maxLineLostPercent*c.Lined {
		return fmt.Errorf("%w: %s of %d that had one, the limit is %d %%: is the file whole, and the right one?",
			ErrLines, percent(c.LineLost, c.Lined, "%.1f %%"), c.Lined, maxLineLostPercent)
	}
	return nil
}

func (c Comparison) acceptMoves() error {
	if c.Moved*100 > maxMovedPercent*c.Located {
		return fmt.Errorf("%w: %s of %d, the limit is %d %%: is the file whole, and the right one?",
			ErrMoved, percent(c.Moved, c.Located, "%.1f %%"), c.Located, maxMovedPercent)
	}
	return nil
}

const dateFormat = "2006-01-02 15:04"

// percent is for people to read; what decides is compared in integers.
func percent(part, whole int, format string) string {
	if whole == 0 {
		return "all"
	}
	return fmt.Sprintf(format, 100*float64(part)/float64(whole))
}

func abs(n int) int { return max(n, -n) }
