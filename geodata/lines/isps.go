package lines

import (
	_ "embed"
	"fmt"
	"strings"

	"tidegate.dev/tidegate/gslb"
)

// ISPs knows the line of an ISP by the name that a database gives it. It never changes.
type ISPs struct {
	lines map[string]gslb.Line // by name in small letters
}

//go:embed isps.txt
var builtInISPs string

// DefaultISPs are the names that Tidegate comes with.
func DefaultISPs() (*ISPs, error) {
	isps, err := ParseISPs(builtInISPs)
	if err != nil {
		return nil, fmt.Errorf("built-in ISP list: %w", err)
	}
	return isps, nil
}

// Line is the line of an ISP, gslb.NoLine if no name is listed, or if a name with strokes joins several lines.
func (l *ISPs) Line(name string) gslb.Line {
	if line, known := l.lines[folded(name)]; known {
		return line
	}
	found := gslb.NoLine
	for part := range strings.SplitSeq(name, "/") {
		line, known := l.lines[folded(part)]
		if known && found != gslb.NoLine && line != found {
			return gslb.NoLine
		}
		if known {
			found = line
		}
	}
	return found
}

func folded(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// ParseISPs reads a list: a line and a name in each row, with blanks between them. Empty rows and rows that begin with #
// are skipped. A name that is listed twice is an error.
func ParseISPs(text string) (*ISPs, error) {
	isps := &ISPs{lines: map[string]gslb.Line{}}
	row := 0
	for s := range strings.Lines(text) {
		row++
		if s = strings.TrimSpace(s); s == "" || s[0] == '#' {
			continue
		}
		line, name, _ := strings.Cut(s, " ")
		if err := gslb.CheckLabel(line); err != nil {
			return nil, fmt.Errorf("row %d: line %q: %w", row, line, err)
		}
		if name = folded(name); name == "" {
			return nil, fmt.Errorf("row %d: no name: want a line and a name, such as telecom 电信", row)
		}
		if line, twice := isps.lines[name]; twice {
			return nil, fmt.Errorf("row %d: the name is on line %q already", row, line)
		}
		isps.lines[name] = gslb.Line(line)
	}
	return isps, nil
}
