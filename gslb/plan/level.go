package plan

import (
	"cmp"
	"strings"

	"tidegate.dev/tidegate/gslb"
)

// Level is how closely an address is meant for a client.
type Level string

// The levels. At AtLineRegion an address has the client's line and subdivision, at AtRegion its subdivision and no line,
// and so on; at AtDefault it has neither line nor region. An address has exactly one level.
const (
	AtLineRegion  Level = "line-region"
	AtRegion      Level = "region"
	AtLineArea    Level = "line-area"
	AtArea        Level = "area"
	AtLineCountry Level = "line-country"
	AtCountry     Level = "country"
	AtLine        Level = "line"
	AtDefault     Level = "default"
)

// levels says what an address of each level declares.
var levels = []struct {
	level  Level
	line   bool
	extent extent
}{
	{AtLineRegion, true, subdivision}, {AtRegion, false, subdivision},
	{AtLineArea, true, area}, {AtArea, false, area},
	{AtLineCountry, true, country}, {AtCountry, false, country},
	{AtLine, true, everywhere}, {AtDefault, false, everywhere},
}

// Levels lists every level, the closest first.
func Levels() (list []Level) {
	for _, l := range levels {
		list = append(list, l.level)
	}
	return list
}

// Tag is whom an address is meant for. The zero Tag is everybody.
type Tag struct {
	Line   gslb.Line
	Region Region
}

// Tag is whom an address of a compiled endpoint is meant for: its line is looked up already.
func (a Address) Tag() Tag { return Tag{a.Line, a.Region} }

// Level is the level at which clients can match a tag.
func (t Tag) Level() Level {
	for _, l := range levels {
		if l.line == (t.Line != gslb.NoLine) && l.extent == t.Region.extent() {
			return l.level
		}
	}
	return AtDefault // not reached: the levels are all there is
}

func (t Tag) compare(other Tag) int {
	return cmp.Or(strings.Compare(string(t.Line), string(other.Line)), strings.Compare(string(t.Region), string(other.Region)))
}

// audience is a client as addresses are meant for it.
type audience struct {
	line gslb.Line
	in   [extents]Region // its region of each extent, NoRegion if unknown
}

// at is the tag that matches the audience at a level; ok is false if the audience has none.
func (a audience) at(l Level) (tag Tag, ok bool) {
	for _, level := range levels {
		if level.level != l {
			continue
		}
		tag.Region = a.in[level.extent]
		ok = level.extent == everywhere || tag.Region != NoRegion
		if level.line {
			tag.Line = a.line
			ok = ok && tag.Line != gslb.NoLine
		}
	}
	return tag, ok
}
