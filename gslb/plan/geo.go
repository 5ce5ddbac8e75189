package plan

import (
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// Geo is a geo table prepared for compiling: the direction of every place is computed once per table and shared by all
// services.
type Geo struct {
	Table      *geodata.Table
	directions []gslb.Direction
}

// NewGeo prepares a table.
func NewGeo(table *geodata.Table) *Geo {
	g := &Geo{Table: table, directions: make([]gslb.Direction, table.Places())}
	known := map[gslb.Location]gslb.Direction{}
	for i := range g.directions {
		place := table.Place(geodata.PlaceID(i))
		if !place.HasLocation {
			continue
		}
		direction, ok := known[place.Location]
		if !ok {
			direction = place.Location.Direction()
			known[place.Location] = direction
		}
		g.directions[i] = direction
	}
	return g
}
