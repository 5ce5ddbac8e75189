package plan

import (
	"sync"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// Geo is a geo table prepared for compiling: the distinct locations of its places, as directions, are computed once per
// table and shared by all services.
type Geo struct {
	Table      *geodata.Table
	locations  []gslb.Direction
	locationOf []int32 // by PlaceID: an index into locations, -1 without a location
	audiences  func() *audiences
	networks   func() []network     // by PlaceID
	measured   func() []gslb.SiteID // those with measured times, sorted
}

// NewGeo prepares a table.
func NewGeo(table *geodata.Table) *Geo {
	g := &Geo{Table: table, locationOf: make([]int32, table.Places())}
	g.audiences = sync.OnceValue(func() *audiences { return audiencesOf(table) })
	g.networks = sync.OnceValue(func() []network { return networksOf(table) })
	g.measured = sync.OnceValue(func() []gslb.SiteID { return MeasuredSites(table) })
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

// Rounding says how finely classes tell clients apart.
type Rounding struct {
	// Candidates bounds a class's list, from 1 to MaxCandidates.
	Candidates int
	// NearEqualKm is the detour within which sites share a tier. With it and NearEqualPercent at 0 every site has its own.
	NearEqualKm int32
	// NearEqualMilliseconds is the same where times to sites were measured.
	NearEqualMilliseconds int32
	// NearEqualPercent is the same as a part of the way to the first site of the tier; the wider of the two counts.
	NearEqualPercent int32
}

// DefaultRounding is that of every service whose policy does not choose what is near.
var DefaultRounding = Rounding{Candidates: MaxCandidates, NearEqualKm: NearEqualKm, NearEqualMilliseconds: NearEqualMilliseconds}

// Classes compiles the classes of sites, by the tags that tell clients apart. Without sites distance plays no part.
func (g *Geo) Classes(sites []*Site, tags *TagSet, rounding Rounding) *Classes {
	return g.ClassesWithin(sites, tags, rounding, nil)
}

// ClassesWithin is Classes where clients of some regions must stay: their candidates are only sites that may serve them.
func (g *Geo) ClassesWithin(sites []*Site, tags *TagSet, rounding Rounding, residency []Residency) *Classes {
	compiler := classCompiler{geo: g, tags: tags, rounding: rounding, ids: map[gslb.SiteID]uint16{}, residency: residency}
	for i, s := range sites {
		compiler.sites = append(compiler.sites, s.Location.Direction())
		compiler.ids[s.ID] = uint16(i)
	}
	compiler.allowed = allowedOf(residency, sites)
	return compiler.compile()
}
