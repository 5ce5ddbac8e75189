package plan

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/regions"
	"tidegate.dev/tidegate/gslb"
)

// dumbTags tries every tag at every level.
func dumbTags(tags []Tag, order []Level, place geodata.Place) (text string) {
	if !slices.ContainsFunc(tags, func(t Tag) bool { return t != tags[0] }) {
		return ""
	}
	seen := map[Tag]bool{}
	for _, level := range order {
		for _, tag := range tags {
			if !seen[tag] && dumbMatch(tag, level, place) {
				seen[tag] = true
				text += fmt.Sprintf("[%s %s]", tag.Line, tag.Region)
			}
		}
	}
	return withoutEverybody(text)
}

// withoutEverybody leaves a text out that says nothing: every client matches the tag of everybody.
func withoutEverybody(text string) string {
	if text == "[ ]" {
		return ""
	}
	return text
}

// dumbMatch says whether a client of a place matches a tag at a level, by the words of the level's name.
func dumbMatch(tag Tag, level Level, place geodata.Place) bool {
	words := strings.Split(string(level), "-")
	asksLine := slices.Contains(words, "line")
	if asksLine != (tag.Line != "") || asksLine && tag.Line != place.Line {
		return false
	}
	dumbArea := map[string]Region{"CN-GD": "CN-south", "CN-GX": "CN-south", "CN-BJ": "CN-north"}
	switch words[len(words)-1] {
	case "region":
		return tag.Region != "" && string(tag.Region) == place.Region
	case "area":
		return tag.Region != "" && tag.Region == dumbArea[place.Region]
	case "country":
		return tag.Region != "" && string(tag.Region) == place.Country
	}
	return tag.Region == ""
}

// randomTags are those of a service's addresses: often few, often one several times.
func randomTags(rng *rand.Rand) (tags []Tag) {
	for range 1 + rng.IntN(6) {
		tags = append(tags, Tag{
			Line:   []gslb.Line{"", "", "telecom", "mobile"}[rng.IntN(4)],
			Region: []Region{"", "", "CN-GD", "CN-BJ", "CN-south", "CN", "DE"}[rng.IntN(7)],
		})
	}
	return tags
}

func randomPrecedence(rng *rand.Rand) Precedence {
	switch rng.IntN(3) {
	case 0:
		return Precedence{}
	case 1:
		return Precedence{Preset: Presets()[rng.IntN(len(Presets()))]}
	}
	list := Levels()
	rng.Shuffle(len(list), reflect.Swapper(list))
	return Precedence{Levels: list[:1+rng.IntN(len(list))]}
}

// The orders are written out: who changes one changes what names answer.
func TestOrders(t *testing.T) {
	for name, c := range map[string]struct {
		precedence Precedence
		want       string
	}{
		"default":          {Precedence{}, "line-region line-area line-country line region area country default"},
		"alibaba":          {Precedence{Preset: "alibaba"}, "line-region line-area line-country line region area country default"},
		"huawei":           {Precedence{Preset: "huawei"}, "line-region line-area line-country line region area country default"},
		"dnspod":           {Precedence{Preset: "dnspod"}, "line-region region line-area area line-country line country default"},
		"volcengine":       {Precedence{Preset: "volcengine"}, "line-region region line-area line-country area line country default"},
		"list":             {Precedence{Levels: []Level{AtArea, AtLine}}, "area line default"},
		"list and default": {Precedence{Levels: []Level{AtDefault, AtLine}}, "default line"},
	} {
		var got []string
		for _, level := range c.precedence.Order() {
			got = append(got, string(level))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, " "), c.want)
		}
	}
	if got := Presets(); !slices.Equal(got, []string{"alibaba", "dnspod", "huawei", "volcengine"}) {
		t.Errorf("presets %v", got)
	}
}

// A preset leaves no level out, and has none twice.
func TestPresetsAreWhole(t *testing.T) {
	for _, name := range Presets() {
		if got := slices.Sorted(slices.Values(presets[name])); !slices.Equal(got, slices.Sorted(slices.Values(Levels()))) {
			t.Errorf("%s: %v", name, presets[name])
		}
	}
}

func TestLevelOfATag(t *testing.T) {
	for tag, want := range map[Tag]Level{
		{"telecom", "CN-GD"}: AtLineRegion, {"", "CN-GD"}: AtRegion, {"telecom", "CN-south"}: AtLineArea, {"", "CN-south"}: AtArea,
		{"telecom", "CN"}: AtLineCountry, {"", "CN"}: AtCountry, {"telecom", ""}: AtLine, {"", ""}: AtDefault, {"", "US-1A"}: AtRegion,
	} {
		if got := tag.Level(); got != want {
			t.Errorf("%v: %s, want %s", tag, got, want)
		}
	}
}

// Worlds that declare lines only are answered as before there were levels: the client's line, else no line.
func TestLinesAlone(t *testing.T) {
	tags := []Tag{{"telecom", ""}, {"unicom", ""}, {}}
	for _, precedence := range append([]Precedence{{}}, presetsOf(Presets())...) {
		set := NewTagSet(tags, precedence)
		for line, want := range map[gslb.Line]string{"telecom": "[telecom ][ ]", "unicom": "[unicom ][ ]", "mobile": "", "": ""} {
			client := audience{line: line, in: [extents]Region{country: "CN", area: "CN-south", subdivision: "CN-GD"}}
			if got := textOf(Class{Tags: set.match(nil, client)}, set, nil); got != want {
				t.Errorf("%v: line %q matches %s, want %s", precedence, line, got, want)
			}
		}
	}
}

func presetsOf(names []string) (list []Precedence) {
	for _, name := range names {
		list = append(list, Precedence{Preset: name})
	}
	return list
}

// A set is made only where it tells somebody apart, and equal needs share one.
func TestTagSets(t *testing.T) {
	gd, telecom, everybody := Tag{"", "CN-GD"}, Tag{"telecom", ""}, Tag{}
	key := func(precedence Precedence, tags ...Tag) string { return NewTagSet(tags, precedence).key() }
	noLines := Precedence{Levels: []Level{AtRegion}}
	for name, got := range map[string]string{
		"no tag": key(Precedence{}), "one tag twice": key(Precedence{}, telecom, telecom), "nothing that matches": key(noLines, telecom, Tag{"unicom", ""}),
	} {
		if got != "" {
			t.Errorf("%s: %q, want no set", name, got)
		}
	}
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"order of addresses":            {key(Precedence{}, telecom, gd), key(Precedence{}, gd, telecom), true},
		"two names of one order":        {key(Precedence{Preset: "huawei"}, telecom, gd), key(Precedence{}, telecom, gd), true},
		"orders that lines do not feel": {key(Precedence{Preset: "dnspod"}, telecom, everybody), key(Precedence{}, telecom, everybody), true},
		"orders that regions do feel":   {key(Precedence{Preset: "dnspod"}, telecom, gd), key(Precedence{}, telecom, gd), false},
		"other tags":                    {key(Precedence{}, telecom, gd), key(Precedence{}, telecom, everybody), false},
	} {
		if (c.a == c.b) != c.same || c.a == "" {
			t.Errorf("%s: %q and %q, want the same: %v", name, c.a, c.b, c.same)
		}
	}
}

func TestRegionCheck(t *testing.T) {
	for _, region := range []Region{"CN", "NO", "CN-GD", "CN-south", "CN-northwest", "DE-BY", "US-CA", "FR-75", "GB-ENG", "CN-HK", "TW"} {
		if err := region.check(); err != nil {
			t.Errorf("%s: %v", region, err)
		}
	}
	for region, want := range map[Region]string{
		"cn": "want a subdivision", "CHN": "want a subdivision", "CN-": "want a subdivision", "CN-gd": "want a subdivision",
		"CN-GDGD": "want a subdivision", "-GD": "want a subdivision", "C1-GD": "want a subdivision", "CN GD": "want a subdivision",
		"CN-South": "want a subdivision", "CN-huanan": "CN-south or CN-southwest", "DE-south": "want a subdivision", "CN-GD-GZ": "want a subdivision",
		"CN-44": "China has no such subdivision", "CN-ZZ": "China has no such subdivision",
	} {
		if err := region.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", region, err, want)
		}
	}
}

// Every area that a client can be in may be declared.
func TestAreasAreThoseOfRegions(t *testing.T) {
	found := map[Region]bool{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if got := regions.Area("CN-" + string(a) + string(b)); got != "" {
				found[Region(got)] = true
			}
		}
	}
	for _, a := range areas {
		if !found[a] {
			t.Errorf("no province is in %s", a)
		}
		delete(found, a)
	}
	if len(found) > 0 {
		t.Errorf("areas that cannot be declared: %v", found)
	}
}

func TestContradictions(t *testing.T) {
	table := tableOf(t, map[string]geodata.Place{"192.0.2.0/24": {Line: "telecom"}})
	m := world() // pek declares telecom for 192.0.2.1
	if got := m.Contradictions(table, 9); got != nil {
		t.Errorf("what agrees contradicts: %v", got)
	}
	addresses := m.Services[0].Endpoints[1].Addresses
	for line, want := range map[gslb.Line]string{
		"": "", "default": "", "telecom": "",
		"unicom": "chat.edge.example., site pek: 192.0.2.1 is declared to be on line unicom and the geo data has it on line telecom: line unicom is used",
	} {
		addresses[0].Line = line
		addresses[1].Line = "unicom" // of an address whose line nobody knows
		got := m.Contradictions(table, 9)
		if len(got) > 1 || len(got) == 1 && got[0].String() != want || len(got) == 0 && want != "" {
			t.Errorf("%q: %v, want %q", line, got, want)
		}
	}
	addresses[0].Line, m.Services = "unicom", append(m.Services, m.Services...)
	if got := m.Contradictions(table, 1); len(got) != 1 {
		t.Errorf("limit 1: %v", got)
	}
}
