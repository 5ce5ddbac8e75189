package geodata

import "iter"

// Table adds what another table says, below the sources so far: an operator may list a finished table beside databases.
// Its sources keep their names. Its places of special ranges are not taken, as those of no source are. What it knows of
// resolvers and its round-trip times go below those that come by Resolvers and RTT, before or after.
func (b *Builder) Table(t *Table) {
	from := make([]SourceID, len(t.sources)+1)
	for i, name := range t.sources {
		from[i+1] = b.named(name)
	}
	places, times := make([]sourced, len(t.places)), make([]sourced, len(t.places))
	for id, p := range t.places {
		p.from = From{from[p.from.Location], from[p.from.Country], from[p.from.Region], from[p.from.Line], from[p.from.RTT]}
		if p.RTT != 0 {
			p.RTT = b.places.row(t.rtt[p.RTT-1])
			times[id] = sourced{Place: Place{RTT: p.RTT}, from: From{RTT: p.from.RTT}}
		}
		places[id], places[id].RTT, places[id].from.RTT = p, 0, 0
	}
	b.sources = append(b.sources, b.saidBy(t, places))
	if len(t.rtt) > 0 {
		b.overrides = append([]source{b.saidBy(t, times)}, b.overrides...)
	}
	if t.resolvers != nil {
		b.imported = append(b.imported, b.resolversOf(t, places))
	}
}

// tableSource is what a table says, by unit.
type tableSource struct {
	v4 said[uint32]
	v6 said[uint64]
}

func (s *tableSource) said4() *said[uint32] { return &s.v4 }
func (s *tableSource) said6() *said[uint64] { return &s.v6 }

func (b *Builder) saidBy(t *Table, places []sourced) *tableSource {
	refs := make([]placeRef, len(places))
	for id, p := range places {
		refs[id] = b.places.add(p)
	}
	s := new(tableSource)
	appendRuns(&s.v4, t.v4.units(), refs)
	appendRuns(&s.v6, t.v6.units(), refs)
	return s
}

func appendRuns[K key](s *said[K], units iter.Seq2[uint64, PlaceID], refs []placeRef) {
	for unit, id := range units {
		s.append(K(unit), refs[id])
	}
}

// resolversOf is the layer that makes of the table's places what its resolvers make of them.
func (b *Builder) resolversOf(t *Table, places []sourced) *Layer {
	layer := &Layer{places: &b.places}
	refs := make([]placeRef, len(places))
	for id := range refs {
		refs[id] = placeRef(id)
	}
	add := func(id PlaceID, top placeRef) sourced { return places[top].without(places[id]) }
	for _, p := range pieces(t.resolvers.v4.spans(refs), 32, t.v4.lookup, add) {
		layer.v4.add(p.first, p.last, b.places.add(p.place))
	}
	for _, p := range pieces(t.resolvers.v6.spans(refs), 64, t.v6.lookup, add) {
		layer.v6.add(p.first, p.last, b.places.add(p.place))
	}
	return layer
}

// without is s with only those fields that it does not share with below: over below it makes s.
func (s sourced) without(below sourced) sourced {
	if s.Location == below.Location && s.HasLocation == below.HasLocation && s.from.Location == below.from.Location {
		s.Location, s.HasLocation, s.from.Location = Place{}.Location, false, 0
	}
	if s.Country == below.Country && s.from.Country == below.from.Country {
		s.Country, s.from.Country = "", 0
	}
	if s.Region == below.Region && s.from.Region == below.from.Region {
		s.Region, s.from.Region = "", 0
	}
	if s.Line == below.Line && s.from.Line == below.from.Line {
		s.Line, s.from.Line = "", 0
	}
	return s
}
