package plan

import (
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// Geo is a geo table prepared for compiling: the distinct locations of its places, as directions, are computed once per
// table and shared by all services.
type Geo struct {
	Table      *geodata.Table
	locations  []gslb.Direction
	locationOf []int32 // by PlaceID: an index into locations, -1 without a location
}

// NewGeo prepares a table.
func NewGeo(table *geodata.Table) *Geo {
	g := &Geo{Table: table, locationOf: make([]int32, table.Places())}
	known := map[gslb.Location]int32{}
	for i := range g.locationOf {
		g.locationOf[i] = -1
		place := table.Place(geodata.PlaceID(i))
		if !place.HasLocation {
			continue
		}
		at, ok := known[place.Location]
		if !ok {
			at = int32(len(g.locations))
			known[place.Location], g.locations = at, append(g.locations, place.Location.Direction())
		}
		g.locationOf[i] = at
	}
	return g
}
