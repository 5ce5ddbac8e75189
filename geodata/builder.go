package geodata

import (
	"errors"
	"fmt"
	"net/netip"

	"tidegate.dev/tidegate/gslb"
)

// Builder gathers layers of places and makes a Table of them. The zero Builder is empty and ready.
//
// A later source stands over an earlier one field by field: an ASN database after a city database adds lines and
// keeps the cities. Overrides stand over all sources, and over the special ranges, which no source can place.
type Builder struct {
	sources   []*Layer
	overrides []*Layer
	places    placeSet
}

// Source adds a layer over the sources so far.
func (b *Builder) Source() *Layer {
	layer := &Layer{places: &b.places}
	b.sources = append(b.sources, layer)
	return layer
}

// ErrTooFine says that a table cannot tell the networks of an override from their neighbours.
var ErrTooFine = errors.New("a table tells /24 and /56 networks apart, and nothing finer")

// Override adds a layer over all sources and over the overrides so far. It takes whole units only: where a database is
// finer than the table, most of the unit counts, but what an operator wrote must not be lost in silence.
func (b *Builder) Override() *Layer {
	layer := &Layer{places: &b.places, whole: true}
	b.overrides = append(b.overrides, layer)
	return layer
}

// Build makes the table. The builder keeps its layers: more may be added, and another table built.
func (b *Builder) Build(origin Origin) (*Table, error) {
	var layers4 []spans[uint32]
	var layers6 []spans[uint64]
	for _, layers := range [][]*Layer{b.sources, {special()}, b.overrides} {
		for _, layer := range layers {
			layers4 = append(layers4, layer.v4)
			layers6 = append(layers6, layer.v6)
		}
	}
	merged := merger{places: &b.places, known: map[[2]placeRef]placeRef{}}
	v4 := unitsOf(layers4, &merged, unitShift4)
	v6 := unitsOf(layers6, &merged, unitShift6)
	places, err := number(b.places.list, v4, v6)
	if err != nil {
		return nil, fmt.Errorf("build geo table: %w", err)
	}
	origin.Date = origin.Date.UTC().Truncate(1e9)
	return finish(origin, places, v4, v6), nil
}

// special is the layer that erases what sources say of special ranges.
func special() *Layer {
	layer := new(Layer)
	for _, prefix := range specialPrefixes() {
		layer.add(prefix.Addr(), lastOf(prefix), erase)
	}
	return layer
}

// Layer is one source's networks, added in any order. Where two overlap, the one added later counts.
type Layer struct {
	places *placeSet
	whole  bool // takes whole units only
	v4     spans[uint32]
	v6     spans[uint64]
}

// Add puts a prefix in a place. An IPv4-mapped prefix is the IPv4 prefix that it maps.
func (l *Layer) Add(prefix netip.Prefix, place Place) error {
	if !prefix.IsValid() {
		return fmt.Errorf("add %v: not a prefix", prefix)
	}
	prefix = prefix.Masked()
	return l.AddRange(prefix.Addr(), lastOf(prefix), place)
}

// AddRange puts the addresses from first to last, both inclusive and of one family, in a place.
//
// Of IPv6 the upper 64 bits count: a /64 belongs to whoever holds its first address, as nothing finer is of use to a
// table of /56s.
func (l *Layer) AddRange(first, last netip.Addr, place Place) error {
	first, last = first.Unmap(), last.Unmap()
	if !first.IsValid() || first.BitLen() != last.BitLen() || last.Less(first) {
		return fmt.Errorf("add %v to %v: not a range", first, last)
	}
	if l.whole && (gslb.Unit(first).Addr() != first || lastOf(gslb.Unit(last)) != last) {
		return fmt.Errorf("add %v to %v: %w", first, last, ErrTooFine)
	}
	ref, err := l.places.ref(place)
	if err != nil {
		return fmt.Errorf("add %v to %v: %w", first, last, err)
	}
	l.add(first, last, ref)
	return nil
}

func (l *Layer) add(first, last netip.Addr, ref placeRef) {
	if first.Is4() {
		l.v4.add(uint32Of(first), uint32Of(last), ref)
		return
	}
	from, host := halves(first)
	to, _ := halves(last)
	if host == 0 {
		l.v6.add(from, to, ref)
	} else if from < to {
		l.v6.add(from+1, to, ref)
	}
}
