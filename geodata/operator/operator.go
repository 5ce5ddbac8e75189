package operator

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v3"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// MaxBytes bounds a file.
const MaxBytes = 64 << 20

// File is what an operator says. Each list has the widest networks first.
type File struct {
	Overrides, Resolvers []Place
	// ResolverFeeds are paths of geofeeds of resolvers, as written.
	ResolverFeeds []string
	RTT           []Times
}

// Place puts a network in a place.
type Place struct {
	Prefix netip.Prefix
	Place  geodata.Place
}

// Times gives a network its round-trip times.
type Times struct {
	Prefix netip.Prefix
	Sites  []geodata.SiteRTT
}

// The finest networks of each list. Clients are told apart by units, resolvers by address.
var (
	units     = finest{24, 56, geodata.ErrTooFine}
	addresses = finest{32, 64, geodata.ErrTooFineResolver}
)

// Parse reads a file.
func Parse(data []byte) (*File, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the file has %d bytes, the limit is %d", len(data), MaxBytes)
	}
	document, err := documentOf(data)
	if err != nil {
		return nil, err
	}
	var f File
	p := parser{}
	p.mapping(document, keys{
		"overrides":     func(n *yaml.Node) { f.Overrides = p.places(n, units) },
		"resolvers":     func(n *yaml.Node) { f.Resolvers = p.places(n, addresses) },
		"resolverFeeds": func(n *yaml.Node) { f.ResolverFeeds = p.paths(n) },
		"rtt":           func(n *yaml.Node) { f.RTT = p.times(n) },
	})
	if err := p.err(); err != nil {
		return nil, err
	}
	if len(f.Overrides)+len(f.Resolvers)+len(f.ResolverFeeds)+len(f.RTT) == 0 {
		return nil, errors.New("it says nothing: give overrides, resolvers, resolverFeeds or rtt")
	}
	return &f, nil
}

// places reads a list of networks with their places.
func (p *parser) places(list *yaml.Node, finest finest) (places []Place) {
	seen := duplicates{}
	p.sequence(list, func(item *yaml.Node) {
		var place Place
		failed := len(p.problems)
		p.mapping(item, keys{
			"prefix":   func(n *yaml.Node) { place.Prefix = p.prefix(n, finest) },
			"location": func(n *yaml.Node) { place.Place.Location, place.Place.HasLocation = p.location(n), true },
			"country":  func(n *yaml.Node) { place.Place.Country = p.country(n) },
			"region":   func(n *yaml.Node) { place.Place.Region = p.region(n) },
			"line":     func(n *yaml.Node) { place.Place.Line = p.line(n) },
		})
		if len(p.problems) > failed {
			return
		}
		p.whole(item, place)
		p.once(seen, item, place.Prefix)
		places = append(places, place)
	})
	slices.SortStableFunc(places, func(a, b Place) int { return cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()) })
	inherit(places)
	return places
}

// inherit gives a network what it does not say itself from the narrowest network around it that is listed.
func inherit(places []Place) {
	listed := make(map[netip.Prefix]geodata.Place, len(places))
	for i := range places {
		p := &places[i]
		for bits := p.Prefix.Bits() - 1; bits >= 0; bits-- {
			around, _ := p.Prefix.Addr().Prefix(bits)
			if wider, found := listed[around]; found {
				p.Place = filled(p.Place, wider)
				break
			}
		}
		listed[p.Prefix] = p.Place
	}
}

// filled is a place with what it lacks from the network around it. A region goes with its country, and coordinates go with
// both: those of another country would steer its clients there.
func filled(p, wider geodata.Place) geodata.Place {
	if !p.HasLocation && (p.Country == "" || p.Country == wider.Country) && (p.Region == "" || p.Region == wider.Region) {
		p.Location, p.HasLocation = wider.Location, wider.HasLocation
	}
	if p.Country == "" && p.Region == "" {
		p.Country, p.Region = wider.Country, wider.Region
	}
	if p.Line == gslb.NoLine {
		p.Line = wider.Line
	}
	return p
}

// whole holds a network's entry to what its keys must say together.
func (p *parser) whole(item *yaml.Node, place Place) {
	switch {
	case !place.Prefix.IsValid():
		p.fail(item, "no prefix: want one such as 192.0.2.0/24")
	case place.Place == geodata.Place{}:
		p.fail(item, "nothing is said of %v: give location, country, region or line", place.Prefix)
	case place.Place.Region != "" && place.Place.Country != "" && place.Place.Region[:2] != place.Place.Country:
		p.fail(item, "region %s is not in country %s", place.Place.Region, place.Place.Country)
	}
}

func (p *parser) paths(list *yaml.Node) (paths []string) {
	p.sequence(list, func(item *yaml.Node) {
		paths = append(paths, p.text(item))
	})
	return paths
}

// times reads a list of networks with their round-trip times.
func (p *parser) times(list *yaml.Node) (times []Times) {
	seen := duplicates{}
	p.sequence(list, func(item *yaml.Node) {
		var t Times
		failed := len(p.problems)
		p.mapping(item, keys{
			"prefix": func(n *yaml.Node) { t.Prefix = p.prefix(n, units) },
			"sites":  func(n *yaml.Node) { t.Sites = p.sites(n) },
		})
		switch {
		case len(p.problems) > failed:
			return
		case !t.Prefix.IsValid():
			p.fail(item, "no prefix: want one such as 192.0.2.0/24")
		case len(t.Sites) == 0:
			p.fail(item, "no sites: want milliseconds by site, such as sites: {fra: 12}")
		}
		p.once(seen, item, t.Prefix)
		times = append(times, t)
	})
	slices.SortStableFunc(times, func(a, b Times) int { return cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()) })
	return times
}

// AddOverrides adds the overrides of a file to a builder, over those so far, and its round-trip times.
func (f *File) AddOverrides(b *geodata.Builder, name string) error {
	if len(f.Overrides) > 0 {
		if err := addPlaces(b.Override(name), f.Overrides); err != nil {
			return err
		}
	}
	if len(f.RTT) == 0 {
		return nil
	}
	layer := b.RTT(name)
	for _, t := range f.RTT {
		if err := layer.Add(t.Prefix, t.Sites); err != nil {
			return err
		}
	}
	return nil
}

// AddResolvers adds the resolvers of a file to a builder, below those so far. Its feeds are the caller's to read.
func (f *File) AddResolvers(b *geodata.Builder, name string) error {
	if len(f.Resolvers) == 0 {
		return nil
	}
	return addPlaces(b.Resolvers(name), f.Resolvers)
}

func addPlaces(layer *geodata.Layer, places []Place) error {
	for _, p := range places {
		if err := layer.Add(p.Prefix, p.Place); err != nil {
			return err
		}
	}
	return nil
}
