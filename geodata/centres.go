package geodata

import (
	"cmp"
	"slices"

	"tidegate.dev/tidegate/gslb"
)

// centres says where the middle of a country or a region is, by its code, as the sources of a table have its networks.
// Feeds and operators name countries and regions without coordinates, and the query path goes by coordinates.
//
// The middle is the location nearest to the median latitude and longitude of the area's /24 networks: half of them lie
// to each side, and someone is there, where a mean of coordinates can fall into the sea. Longitudes are not joined at the
// date line; the countries that cross it have nearly all of their networks on one side.
type centres struct {
	make  func() map[string]gslb.Location // for the first that is asked for: most tables ask for none
	known map[string]gslb.Location
}

// weighed is a location with the number of /24 networks there.
type weighed struct {
	gslb.Location
	units uint64
}

// newCentres is for the places of a set as its layers say them.
func newCentres(places *placeSet, layers []*said[uint32]) *centres {
	return &centres{make: func() map[string]gslb.Location {
		middles := map[string]gslb.Location{}
		for area, list := range areasOf(places, layers) {
			middles[area] = middle(list)
		}
		return middles
	}}
}

// of is the middle of an area; not ok if no source places a network there.
func (c *centres) of(area string) (l gslb.Location, ok bool) {
	if c.known == nil {
		c.known = c.make()
	}
	l, ok = c.known[area]
	return l, ok
}

// areasOf lists the locations of every country and region.
func areasOf(places *placeSet, layers []*said[uint32]) map[string][]weighed {
	units := make([]uint64, len(places.list))
	for _, layer := range layers {
		for i := range layer.refs.size {
			next := uint64(1) << unitBits4
			if i+1 < layer.starts.size {
				next = uint64(layer.starts.at(i + 1))
			}
			units[layer.refs.at(i)] += next - uint64(layer.starts.at(i))
		}
	}
	areas := map[string][]weighed{}
	for ref, n := range units {
		p := places.list[ref].Place
		if n == 0 || !p.HasLocation || p.Country == "" {
			continue
		}
		land := landOf(p)
		areas[land] = append(areas[land], weighed{p.Location, n})
		if p.Region != "" {
			areas[p.Region] = append(areas[p.Region], weighed{p.Location, n})
		}
	}
	return areas
}

// middle is the location of a list that is nearest to the medians of its coordinates.
func middle(list []weighed) gslb.Location {
	byLat := func(a, b weighed) int { return cmp.Compare(a.LatMicro, b.LatMicro) }
	byLon := func(a, b weighed) int { return cmp.Compare(a.LonMicro, b.LonMicro) }
	medians := gslb.Location{LonMicro: median(list, byLon).LonMicro, LatMicro: median(list, byLat).LatMicro}
	centre := medians.Direction()
	type candidate struct {
		gslb.Location
		gslb.Chord
	}
	nearest := candidate{Chord: 1<<63 - 1}
	for _, w := range list {
		c := candidate{w.Location, w.Direction().Chord(centre)}
		if cmp.Or(cmp.Compare(c.Chord, nearest.Chord), cmp.Compare(c.LatMicro, nearest.LatMicro), cmp.Compare(c.LonMicro, nearest.LonMicro)) < 0 {
			nearest = c
		}
	}
	return nearest.Location
}

// median sorts a list, and finds the location that has half of the networks on each side.
func median(list []weighed, order func(a, b weighed) int) gslb.Location {
	slices.SortFunc(list, order)
	total, below := uint64(0), uint64(0)
	for _, w := range list {
		total += w.units
	}
	for _, w := range list {
		if below += w.units; 2*below >= total {
			return w.Location
		}
	}
	return gslb.Location{}
}

// ofTheirOwn are the regions of ISO 3166-2 that databases list as countries.
var ofTheirOwn = map[string]string{"CN-HK": "HK", "CN-MO": "MO", "CN-TW": "TW"}

// landOf is the country of a place as databases list them.
func landOf(p Place) string {
	if land := ofTheirOwn[p.Region]; land != "" {
		return land
	}
	return p.Country
}

// bare says that a place has a country or a region, and lacks what follows from it.
func (p Place) bare() bool {
	return p.Region != "" && p.Country == "" || p.Country != "" && !p.HasLocation
}

// inAreaOf puts a place into the country and region that top names, if any. A region is in its country: one that names a
// region only names the country with it, and one that names another country takes the region away.
func (s sourced) inAreaOf(top sourced) sourced {
	switch {
	case top.Country != "":
		s.Country, s.from.Country = top.Country, top.from.Country
	case top.Region != "" && countryOf(top.Region) != s.Country:
		s.Country, s.from.Country = countryOf(top.Region), top.from.Region
	}
	switch {
	case top.Region != "":
		s.Region, s.from.Region = top.Region, top.from.Region
	case s.Region != "" && countryOf(s.Region) != s.Country:
		s.Region, s.from.Region = "", 0
	}
	return s
}

// countryOf is the first part of a region's code.
func countryOf(region string) string { return region[:2] }

// located moves a place that is in another country or region than it was, and was not given coordinates with it, to the
// middle of that. Where no middle is known it stays where it was: nobody knows better.
func (s sourced) located(was sourced, centres *centres) sourced {
	if was.HasLocation && (was.Country == s.Country || was.Country == "") && was.Region == s.Region {
		return s
	}
	if s.Region != "" {
		if centre, known := centres.of(s.Region); known {
			s.Location, s.HasLocation, s.from.Location = centre, true, s.from.Region
			return s
		}
	}
	if was.HasLocation && (was.Country == "" || landOf(was.Place) == landOf(s.Place)) {
		return s
	}
	if centre, known := centres.of(landOf(s.Place)); known {
		s.Location, s.HasLocation, s.from.Location = centre, true, s.from.Country
	}
	return s
}
