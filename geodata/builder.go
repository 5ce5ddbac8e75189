package geodata

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"tidegate.dev/tidegate/gslb"
)

// Builder gathers layers of places and makes a Table of them. The zero Builder is empty and ready.
//
// An earlier source stands over a later one field by field: an ASN database after a city database adds lines and
// keeps the cities. Overrides stand over all sources, and over the special ranges, which no source can place.
//
// Each layer first gives every unit one place, then the layers are laid over each other.
type Builder struct {
	names     []string // of all layers, by SourceID less 1
	sources   []source
	overrides []source
	resolvers []*Layer
	imported  []*Layer // of resolvers, by tables; below the others
	counters  []counter
	places    placeSet
}

// source is a layer of either kind, by unit.
type source interface {
	said4() *said[uint32]
	said6() *said[uint64]
	located(at func(placeRef) bool) (v4, v6 bool)
}

// Source adds a layer below the sources so far. The name is for people: a file, or what it has.
func (b *Builder) Source(name string) *Layer {
	layer := &Layer{source: b.named(name), places: &b.places}
	b.count(name, "", func() int { return layer.rows })
	b.sources = append(b.sources, layer)
	return layer
}

// Stream adds a layer below the sources so far, for one that comes in order.
func (b *Builder) Stream(name string) *Stream {
	stream := newStream(b.named(name), &b.places)
	b.count(name, "", stream.rows)
	b.sources = append(b.sources, stream)
	return stream
}

// named numbers a source; those past what a SourceID holds have no name.
func (b *Builder) named(name string) SourceID {
	if len(b.names) == math.MaxUint8 {
		return 0
	}
	b.names = append(b.names, name)
	return SourceID(len(b.names))
}

// ErrTooFine says that a table cannot tell the networks of an override from their neighbours.
var ErrTooFine = errors.New("a table tells /24 and /56 networks apart, and nothing finer")

// Override adds a layer over all sources and over the overrides so far. It takes whole units only: where a database is
// finer than the table, most of the unit counts, but what an operator wrote must not be lost in silence.
func (b *Builder) Override(name string) *Layer { return b.override(name, kindOverrides) }

func (b *Builder) override(name, kind string) *Layer {
	layer := &Layer{source: b.named(name), places: &b.places, finest: &finest{gslb.MaxBits4, gslb.MaxBits6, ErrTooFine}}
	b.count(name, kind, func() int { return layer.rows })
	b.overrides = append(b.overrides, layer)
	return layer
}

// Build makes the table. The builder keeps its layers: more may be added, and another table built.
func (b *Builder) Build(origin Origin) (*Table, error) {
	var layers4 []*said[uint32]
	var layers6 []*said[uint64]
	lowestFirst := slices.Clone(b.sources)
	slices.Reverse(lowestFirst)
	for _, layers := range [][]source{lowestFirst, {special()}, b.overrides} {
		for _, layer := range layers {
			layers4, layers6 = append(layers4, layer.said4()), append(layers6, layer.said6())
		}
	}
	centres := newCentres(&b.places, layers4[:len(b.sources)])
	merged := merger{places: &b.places, centres: centres, known: map[[2]placeRef]placeRef{}}
	v4, v6 := overlay(layers4, &merged), overlay(layers6, &merged)
	places, ids, err := b.places.number(v4, v6)
	if err != nil {
		return nil, fmt.Errorf("build geo table: %w", err)
	}
	t := newTable(origin, slices.Clone(b.names), places, numbered(v4, ids), numbered(v6, ids))
	if len(b.resolvers)+len(b.imported) > 0 {
		over := func(below PlaceID, top placeRef) sourced { return places[below].over(b.places.list[top], centres) }
		known4, known6 := b.flatResolvers(centres)
		if err := t.addResolvers(&b.places, known4, known6, over); err != nil {
			return nil, fmt.Errorf("build geo table: %w", err)
		}
	}
	t.rows = b.sourceRows()
	if t.rtt, err = b.places.rows.number(t.places); err != nil {
		return nil, fmt.Errorf("build geo table: %w", err)
	}
	return t, nil
}

// numbered yields runs by ID. What two references have in common by then is not joined: they differ, so their IDs do.
func numbered(refs iter.Seq2[uint64, placeRef], ids []PlaceID) iter.Seq2[uint64, PlaceID] {
	return func(yield func(uint64, PlaceID) bool) {
		for start, ref := range refs {
			if !yield(start, ids[ref]) {
				return
			}
		}
	}
}

// special is the layer that erases what sources say of special ranges.
func special() *Layer {
	layer := new(Layer)
	for _, prefix := range specialPrefixes() {
		layer.add(prefix.Addr(), lastOf(prefix), erase)
	}
	return layer
}
