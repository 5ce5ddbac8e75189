package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Precedence is the order in which a policy takes the levels: a preset by its name, or a list. The zero Precedence is the
// default order. The first level at which the chosen site has an address for the client gives the answer; a level that is
// left out never matches, except AtDefault, which then comes last.
type Precedence struct {
	Preset string  `json:"preset,omitempty"`
	Levels []Level `json:"levels,omitempty"`
}

// defaultOrder puts the line first: clients that cross over to another ISP lose more than those that stay on their own and
// go farther. A world that declares lines only is answered as if there were no levels.
var defaultOrder = ispFirst

// ispFirst has all ISP lines before all regions, and of each the finer first.
var ispFirst = []Level{AtLineRegion, AtLineArea, AtLineCountry, AtLine, AtRegion, AtArea, AtCountry, AtDefault}

// presets are the published orders of Chinese DNS operators, without the levels that we do not have: custom lines (a
// network of the operator's own is an override of the geo data), search engines, cloud vendors and continents.
var presets = map[string][]Level{
	// "Custom lines > Search engine lines > Cloud provider lines > ISP lines > Region lines > Default line", and within a
	// category "more specific lines take higher priority":
	// https://help.aliyun.com/en/dns/pubz-resolve-line-enumeration/
	"alibaba": ispFirst,
	// "Custom lines > ISP lines > Region lines > Default lines"; of region lines "the more accurate the range is, the
	// higher the priority is". It says nothing of ISP lines among themselves; the finer first is ours:
	// https://support.huaweicloud.com/intl/en-us/dns_faq/dns_faq_045.html
	"huawei": ispFirst,
	// ISP by province, province, ISP by area, area, ISP, mainland China, country, continent, abroad, default. Its ISPs are
	// those of China, so that line-country comes right before line, which it narrows:
	// https://cloud.tencent.com/document/product/302/105427
	"dnspod": {AtLineRegion, AtRegion, AtLineArea, AtArea, AtLineCountry, AtLine, AtCountry, AtDefault},
	// ISP by province (2), province (4), ISP by area (5), ISP by country abroad (6), area (7), ISP (8), mainland China (9)
	// and country (12), default (15). States abroad (10) come after the ISP there; we have one level for them and for
	// provinces, and keep the provinces' place:
	// https://www.volcengine.com/docs/6758/382793
	"volcengine": {AtLineRegion, AtRegion, AtLineArea, AtLineCountry, AtArea, AtLine, AtCountry, AtDefault},
}

// Presets lists the names of the presets.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// PrecedenceOf reads a list as people write it: the name of one preset, or levels. Without a list it is the default.
func PrecedenceOf(list []string) Precedence {
	if len(list) == 1 && presets[list[0]] != nil {
		return Precedence{Preset: list[0]}
	}
	var p Precedence
	if list != nil {
		p.Levels = []Level{}
	}
	for _, name := range list {
		p.Levels = append(p.Levels, Level(name))
	}
	return p
}

// Order is the levels in order. It must not be changed.
func (p Precedence) Order() []Level {
	switch {
	case p.Preset != "":
		return presets[p.Preset]
	case p.Levels == nil:
		return defaultOrder
	case slices.Contains(p.Levels, AtDefault):
		return p.Levels
	}
	return append(slices.Clone(p.Levels), AtDefault)
}

// String is the precedence for people: its name, or its levels.
func (p Precedence) String() string {
	switch {
	case p.Preset != "":
		return p.Preset
	case p.Levels == nil:
		return "default"
	}
	names := make([]string, len(p.Levels))
	for i, l := range p.Levels {
		names[i] = string(l)
	}
	return "[" + strings.Join(names, ", ") + "]"
}

func (v *validator) precedence(path string, p Precedence) {
	switch {
	case p.Preset != "" && p.Levels != nil:
		v.fail(path, "give either a preset or levels")
	case p.Preset != "" && presets[p.Preset] == nil:
		v.fail(path, "%q, want %s, or a list of levels", p.Preset, joined(Presets()))
	case p.Levels != nil && len(p.Levels) == 0:
		v.fail(path, "an empty list: leave it out for the default order, or write [default] if lines and regions shall not count")
	}
	for i, level := range p.Levels {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !slices.Contains(Levels(), level):
			v.fail(at, "%q, want %s", level, joined(Levels()))
		case slices.Contains(p.Levels[:i], level):
			v.fail(at, "%s is listed twice", level)
		}
	}
}
