// Package regions knows the provinces of China by the names that databases use: which ISO 3166-2 code they have, and
// which area they lie in. Other countries' regions are known by the codes in the databases alone.
//
// It stands between a database and a place, beside geodata/lines: geodata/mmdb and geodata/xdb ask it for every name
// that they meet, gslb/plan for the area of a region. The list is data, china.txt. The package is pure.
package regions

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed china.txt
var china string

// province is a row of the list.
type province struct{ code, area, chinese, english string }

// index finds provinces by their names and codes.
type index struct {
	byName map[string]string // ISO 3166-2 code
	area   map[string]string // by code
}

var known = sync.OnceValue(func() index {
	x := index{byName: map[string]string{}, area: map[string]string{}}
	for _, p := range parse(china) {
		x.byName[p.chinese], x.byName[p.english], x.area[p.code] = p.code, p.code, p.area
	}
	return x
})

// Code is the ISO 3166-2 code of a province by its Chinese or English name, "" if it is none. Chinese names are known
// with and without what kind of province it is: 广西 and 广西壮族自治区.
func Code(name string) string {
	x := known()
	if code := x.byName[name]; code != "" {
		return code
	}
	for _, kind := range []string{"省", "市", "自治区", "回族", "壮族", "维吾尔"} {
		if short, cut := strings.CutSuffix(name, kind); cut && short != "" {
			return Code(short)
		}
	}
	return ""
}

// Area is the area of a region by its code, such as CN-north for CN-BJ, "" if it is in none.
func Area(code string) string {
	if area := known().area[code]; area != "" {
		return "CN-" + area
	}
	return ""
}

// parse panics on a broken row: the list is part of the program, and its test reads it.
func parse(text string) (list []province) {
	for row := range strings.Lines(text) {
		if row = strings.TrimSpace(row); row == "" || row[0] == '#' {
			continue
		}
		fields := strings.Fields(row)
		if len(fields) < 4 {
			panic(fmt.Sprintf("regions: china.txt has the row %q, want code, area, Chinese and English name", row))
		}
		list = append(list, province{fields[0], fields[1], fields[2], strings.Join(fields[3:], " ")})
	}
	return list
}
