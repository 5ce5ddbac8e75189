package geodata

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sort"
)

// ErrTooFineResolver says that a table cannot tell the networks of a resolver from their neighbours.
var ErrTooFineResolver = errors.New("a table tells resolvers apart by address, of IPv6 by /64, and nothing finer")

// Resolvers adds a layer of known resolvers below those so far: where the clients of the resolvers in a network are,
// whatever the sources say of the network itself. Public anycast resolvers ask from addresses that databases place at
// their owner's seat. What it says stands over everything else, field by field, and only for LookupResolver.
//
// Lists of resolvers go below /24: the networks of a layer are kept as they are, down to an address, of IPv6 to a /64.
func (b *Builder) Resolvers(name string) *Layer {
	layer := &Layer{source: b.named(name), places: &b.places, finest: &finest{32, 64, ErrTooFineResolver}}
	b.count(name, kindResolvers, func() int { return layer.rows })
	b.resolvers = append(b.resolvers, layer)
	return layer
}

// LookupResolver finds the place of the clients of a resolver that sent no client subnet, by its address: what the known
// resolvers say of it, and for the rest what Lookup says. Do not cut the address to its unit before.
func (t *Table) LookupResolver(addr netip.Addr) PlaceID {
	if id, known := t.KnownResolver(addr); known {
		return id
	}
	id, _ := t.Find(addr)
	return id
}

// KnownResolver is LookupResolver for known resolvers alone.
func (t *Table) KnownResolver(addr netip.Addr) (id PlaceID, known bool) {
	if t.resolvers == nil {
		return Unknown, false
	}
	id = t.resolvers.lookup(addr)
	return id, id != noPlace
}

// resolvers are the ranges where a known resolver changes the place. There are few.
type resolvers struct {
	v4 sparse[uint32]
	v6 sparse[uint64]
}

func (r *resolvers) lookup(addr netip.Addr) PlaceID {
	if addr.Is4() {
		return r.v4.lookup(uint32Of(addr))
	}
	if !addr.IsValid() {
		return noPlace
	}
	at := locate(addr)
	if at.is4 {
		return r.v4.lookup(at.addr4)
	}
	return r.v6.lookup(at.network)
}

// noPlace stands for the ranges between those of a sparse index.
const noPlace = ^PlaceID(0)

// sparse holds some ranges of a space: starts ascend, each range ends where the next one begins, the last with the
// space. Neighbouring ids differ, and the first is not noPlace.
type sparse[K key] struct {
	starts []K
	ids    []PlaceID
}

func (s *sparse[K]) lookup(at K) PlaceID {
	next := sort.Search(len(s.starts), func(i int) bool { return s.starts[i] > at })
	if next == 0 {
		return noPlace
	}
	return s.ids[next-1]
}

// append adds the range that begins at start, unless its place is the one before.
func (s *sparse[K]) append(start K, id PlaceID) {
	before := noPlace
	if n := len(s.ids); n > 0 {
		before = s.ids[n-1]
	}
	if id != before {
		s.starts, s.ids = append(s.starts, start), append(s.ids, id)
	}
}

// newSparse lays out pieces, which must be sorted and without overlaps, but for those that change no place.
func newSparse[K key](pieces []piece[K], ids map[sourced]PlaceID) (s sparse[K]) {
	for i := range pieces {
		p := &pieces[i]
		if id := ids[p.place]; id != p.below {
			s.append(p.first, id)
		} else {
			s.append(p.first, noPlace)
		}
		if gap := i+1 == len(pieces) || pieces[i+1].first != p.last+1; gap && p.last != ^K(0) {
			s.append(p.last+1, noPlace)
		}
	}
	return s
}

// spans are the ranges that have a place, by reference.
func (s *sparse[K]) spans(refs []placeRef) (out []span[K]) {
	for i, id := range s.ids {
		if id == noPlace {
			continue
		}
		last := ^K(0)
		if i+1 < len(s.starts) {
			last = s.starts[i+1] - 1
		}
		out = append(out, span[K]{s.starts[i], last, refs[id]})
	}
	return out
}

// piece is a range of resolvers inside one range of the table: below is the table's place, place what comes of it.
type piece[K key] struct {
	first, last K
	below       PlaceID
	place       sourced
}

// pieces cuts the spans of resolvers where the place below them changes. Below finds that place, and the length of a
// prefix that has it.
func pieces[K key](spans []span[K], spaceBits int, below func(K) (PlaceID, int), over func(PlaceID, placeRef) sourced) (out []piece[K]) {
	for _, sp := range spans {
		for at := sp.first; ; {
			id, bits := below(at)
			last := min(sp.last, at|K(uint64(1)<<(spaceBits-bits)-1)) // all ones for a block of the whole space
			out = append(out, piece[K]{at, last, id, over(id, sp.ref)})
			if last == sp.last {
				break
			}
			at = last + 1
		}
	}
	return out
}

// flatResolvers is what all layers of resolvers say together, an earlier one over a later one.
func (b *Builder) flatResolvers(centres *centres) (v4 []span[uint32], v6 []span[uint64]) {
	merged := merger{places: &b.places, centres: centres, partial: true, known: map[[2]placeRef]placeRef{}}
	for _, layer := range slices.Backward(slices.Concat(b.resolvers, b.imported)) {
		v4, v6 = lay(v4, layer.v4.flat(), merged.over), lay(v6, layer.v6.flat(), merged.over)
	}
	return v4, v6
}

// lay puts the spans of top over those below. Both are sorted and without overlaps, and so is the result.
func lay[K key](below, top []span[K], over func(below, top placeRef) placeRef) (out []span[K]) {
	below, top = slices.Clone(below), slices.Clone(top)
	// upTo takes the part of the first span that ends at last from a list.
	upTo := func(list *[]span[K], last K) span[K] {
		part := (*list)[0]
		if part.last == last {
			*list = (*list)[1:]
			return part
		}
		(*list)[0].first, part.last = last+1, last
		return part
	}
	for len(below) > 0 && len(top) > 0 {
		switch b, t := below[0], top[0]; {
		case b.first < t.first:
			out = append(out, upTo(&below, min(b.last, t.first-1)))
		case t.first < b.first:
			out = append(out, upTo(&top, min(t.last, b.first-1)))
		default:
			last := min(b.last, t.last)
			part := upTo(&below, last)
			part.ref = over(part.ref, upTo(&top, last).ref)
			out = append(out, part)
		}
	}
	return append(append(out, below...), top...)
}

// addResolvers gives the table the resolvers of spans; over is the place that comes of one on a place of the table.
// Places that are new get IDs behind the others, by content.
func (t *Table) addResolvers(set *placeSet, v4 []span[uint32], v6 []span[uint64], over func(PlaceID, placeRef) sourced) error {
	pieces4, pieces6 := pieces(v4, 32, t.v4.lookup, over), pieces(v6, 64, t.v6.lookup, over)
	ids := make(map[sourced]PlaceID, len(t.places))
	for id, p := range t.places {
		ids[p] = PlaceID(id)
	}
	added := newPlaces(pieces6, ids, newPlaces(pieces4, ids, nil))
	if n := len(t.places) + len(added); n > MaxPlaces {
		return fmt.Errorf("%w: %d, a table holds %d; use a wider grid", ErrTooManyPlaces, n-1, MaxPlaces-1)
	}
	slices.SortFunc(added, set.compare)
	for _, p := range added {
		ids[p] = PlaceID(len(t.places))
		t.places = append(t.places, p)
	}
	known := &resolvers{newSparse(pieces4, ids), newSparse(pieces6, ids)}
	if len(known.v4.ids)+len(known.v6.ids) > 0 {
		t.resolvers = known
	}
	return nil
}

// newPlaces adds the places of pieces that have no ID to a list, and notes them.
func newPlaces[K key](pieces []piece[K], ids map[sourced]PlaceID, added []sourced) []sourced {
	for i := range pieces {
		if _, known := ids[pieces[i].place]; !known {
			ids[pieces[i].place] = noPlace
			added = append(added, pieces[i].place)
		}
	}
	return added
}
