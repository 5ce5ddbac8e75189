package geodata

import (
	"errors"
	"fmt"
)

// The guards of an update: a table that takes the place of another while it is in use is held against it, and refused if
// it is older or changes more than an update does. A table of other files than before may be anything, so whoever
// chooses the files asks no guard.
const (
	maxRowsChangedPercent    = 20
	maxCountryChangedPercent = 5
)

// The reasons for which a table is refused. Each has its own counter.
var (
	ErrOlder     = errors.New("the geo data is older than what is in use")
	ErrRows      = errors.New("the geo table's number of rows changed too much")
	ErrCountries = errors.New("too many addresses are in another country")
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
