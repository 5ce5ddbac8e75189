// Package lines knows which ISP line an autonomous system belongs to.
//
// It stands between an ASN database and a place: geodata/mmdb asks it for every AS that it meets. The list is data,
// lines.txt, with the name beside each number under which the AS is known; an operator's own list has the same form.
// The package is pure: who wants a list from a file reads the file and calls Parse.
package lines

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"tidegate.dev/tidegate/gslb"
)

// ASN is the number of an autonomous system.
type ASN uint32

// Entry puts an AS on a line.
type Entry struct {
	ASN  ASN
	Line gslb.Line
	// Organisation is the holder's name in the database that the entry was confirmed with.
	Organisation string
}

// List knows the line of every AS that it names. It never changes.
type List struct {
	entries []Entry
	lines   map[ASN]gslb.Line
}

//go:embed lines.txt
var builtIn string

// Default is the list that Tidegate comes with.
func Default() (*List, error) {
	list, err := Parse(builtIn)
	if err != nil {
		return nil, fmt.Errorf("built-in line list: %w", err)
	}
	return list, nil
}

// Line is the line of an AS, gslb.NoLine if the list does not name it.
func (l *List) Line(asn ASN) gslb.Line { return l.lines[asn] }

// Entries are the entries in the order of the text. The slice is the caller's.
func (l *List) Entries() []Entry { return append([]Entry(nil), l.entries...) }

// Parse reads a list: an AS number, a line and an organisation in each row, with blanks between them. Empty rows and
// rows that begin with # are skipped. An AS on two lines is an error.
func Parse(text string) (*List, error) {
	list := &List{lines: map[ASN]gslb.Line{}}
	row := 0
	for s := range strings.Lines(text) {
		row++
		if s = strings.TrimSpace(s); s == "" || s[0] == '#' {
			continue
		}
		entry, err := parseEntry(s)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", row, err)
		}
		if line, twice := list.lines[entry.ASN]; twice {
			return nil, fmt.Errorf("row %d: AS %d is on line %q already", row, entry.ASN, line)
		}
		list.lines[entry.ASN] = entry.Line
		list.entries = append(list.entries, entry)
	}
	return list, nil
}

func parseEntry(s string) (Entry, error) {
	number, rest, _ := strings.Cut(s, " ")
	line, organisation, _ := strings.Cut(strings.TrimSpace(rest), " ")
	asn, err := strconv.ParseUint(number, 10, 32)
	if err != nil || asn == 0 {
		return Entry{}, fmt.Errorf("AS number %q: want 1 to 4294967295", number)
	}
	if err := gslb.CheckLabel(line); err != nil {
		return Entry{}, fmt.Errorf("line %q: %w", line, err)
	}
	return Entry{ASN: ASN(asn), Line: gslb.Line(line), Organisation: strings.TrimSpace(organisation)}, nil
}
