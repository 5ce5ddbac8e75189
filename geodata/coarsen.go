package geodata

import (
	"crypto/sha256"
	"fmt"

	"tidegate.dev/tidegate/gslb"
)

// Coarsen makes a smaller table: all locations of a country within a square of the grid become one, the mean of their
// networks. A mean is nearer to most of them than the square's middle is, since people live in cities: with squares of
// half a degree and 64 sites it sends 0.4 % of the IPv4 addresses to another site than the full database does, where the
// middle sends 7.8 % (whole /8s of one owner are in one place, and then it matters on which side of a border that is).
func (t *Table) Coarsen(grid Grid) (*Table, error) {
	v4, v6 := t.v4.runs(), t.v6.runs()
	means := t.means(grid, v4, v6)
	set := placeSet{}
	set.add(Place{})
	refs := make([]placeRef, len(t.places))
	for id, p := range t.places {
		if p.HasLocation {
			p.Location = means[grid.square(p)].location()
		}
		refs[id] = set.add(p)
	}
	v4, v6 = v4.with(refs), v6.with(refs)
	places, err := number(set.list, v4, v6)
	if err != nil {
		return nil, fmt.Errorf("coarsen geo table: %w", err)
	}
	return finish(t.origin, places, v4, v6), nil
}

// square is what shares one location.
type square struct {
	centre  gslb.Location
	country string
}

func (g Grid) square(p Place) square { return square{g.Centre(p.Location), p.Country} }

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
// many clients it has.
func (t *Table) means(grid Grid, v4, v6 runs) map[square]*mean {
	units := make([]int64, len(t.places))
	for i, start := range v4.starts {
		next := uint64(1) << unitBits4
		if i+1 < len(v4.starts) {
			next = v4.starts[i+1]
		}
		units[v4.ids[i]] += int64(next - start)
	}
	for _, id := range v6.ids {
		units[id]++
	}
	means := map[square]*mean{}
	for id, p := range t.places {
		if !p.HasLocation {
			continue
		}
		m := means[grid.square(p)]
		if m == nil {
			m = new(mean)
			means[grid.square(p)] = m
		}
		m.add(p.Location, units[id])
	}
	return means
}

// finish makes the table of numbered runs, and names it.
func finish(origin Origin, places []Place, v4, v6 runs) *Table {
	t := newTable(origin, places, v4, v6, [sha256.Size]byte{})
	t.digest = sha256.Sum256(t.payload())
	return t
}
