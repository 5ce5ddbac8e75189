package geodata

import (
	"fmt"
	"iter"

	"tidegate.dev/tidegate/gslb"
)

// Coarsen makes a smaller table: all locations of a country's region within a square of the grid become one, the mean of their
// networks. A mean is nearer to most of them than the square's middle is, since people live in cities: with squares of
// half a degree and 64 sites it sends 0.4 % of the IPv4 addresses to another site than the full database does, where the
// middle sends 7.8 % (whole /8s of one owner are in one place, and then it matters on which side of a border that is).
func (t *Table) Coarsen(grid Grid) (*Table, error) {
	means := t.means(grid)
	set := placeSet{rows: rowSet{list: t.rtt}}
	refs := make([]placeRef, len(t.places))
	for id, p := range t.places {
		if p.HasLocation {
			p.Location = means[grid.square(p.Place)].location()
		}
		refs[id] = set.add(p)
	}
	v4, v6 := referred(t.v4.units(), refs), referred(t.v6.units(), refs)
	places, ids, err := set.number(v4, v6)
	if err != nil {
		return nil, fmt.Errorf("coarsen geo table: %w", err)
	}
	coarse := newTable(t.origin, t.sources, places, numbered(v4, ids), numbered(v6, ids))
	if t.resolvers != nil {
		known4, known6 := t.resolvers.v4.spans(refs), t.resolvers.v6.spans(refs)
		err = coarse.addResolvers(&set, known4, known6, func(_ PlaceID, ref placeRef) sourced { return set.list[ref] })
		if err != nil {
			return nil, fmt.Errorf("coarsen geo table: %w", err)
		}
	}
	if coarse.rtt, err = set.rows.number(coarse.places); err != nil {
		return nil, fmt.Errorf("coarsen geo table: %w", err)
	}
	return coarse, nil
}

// referred yields the runs with other places, joined where they became equal.
func referred(runs iter.Seq2[uint64, PlaceID], refs []placeRef) iter.Seq2[uint64, placeRef] {
	return func(yield func(uint64, placeRef) bool) {
		last := erase // no run has it
		for start, id := range runs {
			if refs[id] != last && !yield(start, refs[id]) {
				return
			}
			last = refs[id]
		}
	}
}

// square is what shares one location.
type square struct {
	centre          gslb.Location
	country, region string
}

func (g Grid) square(p Place) square { return square{g.Centre(p.Location), p.Country, p.Region} }

// mean sums locations, each as often as networks have it.
type mean struct{ latitude, longitude, networks int64 }

func (m *mean) add(l gslb.Location, networks int64) {
	m.latitude += int64(l.LatMicro) * networks
	m.longitude += int64(l.LonMicro) * networks
	m.networks += networks
}

func (m *mean) location() gslb.Location {
	return gslb.Location{LatMicro: int32(m.latitude / m.networks), LonMicro: int32(m.longitude / m.networks)}
}

// means weighs an IPv4 run by its units, and an IPv6 run as one unit: the size of an IPv6 network says little about how
// many clients it has. A place of resolvers alone counts once.
func (t *Table) means(grid Grid) map[square]*mean {
	units := make([]int64, len(t.places))
	began, of := uint64(0), Unknown
	for start, id := range t.v4.units() {
		units[of] += int64(start - began)
		began, of = start, id
	}
	units[of] += int64(1<<unitBits4 - began)
	for _, id := range t.v6.units() {
		units[id]++
	}
	means := map[square]*mean{}
	for id, p := range t.places {
		if !p.HasLocation {
			continue
		}
		m := means[grid.square(p.Place)]
		if m == nil {
			m = new(mean)
			means[grid.square(p.Place)] = m
		}
		m.add(p.Location, max(units[id], 1))
	}
	return means
}
