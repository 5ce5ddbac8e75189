package plan

import (
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/regions"
)

// audiences are the clients of a table as addresses are meant for them: a few hundred kinds among many thousand places.
type audiences struct {
	list []audience
	of   []int32 // by PlaceID: an index into list
}

// audiencesOf numbers the audiences of a table in the order of its places.
func audiencesOf(table *geodata.Table) *audiences {
	a := &audiences{of: make([]int32, table.Places())}
	known := map[audience]int32{}
	for i := range a.of {
		this := audienceOf(table.Place(geodata.PlaceID(i)))
		at, ok := known[this]
		if !ok {
			at = int32(len(a.list))
			known[this], a.list = at, append(a.list, this)
		}
		a.of[i] = at
	}
	return a
}

func audienceOf(p geodata.Place) audience {
	a := audience{line: p.Line}
	a.in[country], a.in[area], a.in[subdivision] = Region(p.Country), Region(regions.Area(p.Region)), Region(p.Region)
	return a
}
