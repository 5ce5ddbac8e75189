package geodata

import "iter"

// runs is a whole address space as the units where the place changes: starts begins at 0 and ascends, and neighbouring
// ids differ.
type runs struct {
	starts []uint64
	ids    []PlaceID
}

// units yields the runs.
func (r *runs) units() iter.Seq2[uint64, PlaceID] {
	return func(yield func(uint64, PlaceID) bool) {
		for i, start := range r.starts {
			if !yield(start, r.ids[i]) {
				return
			}
		}
	}
}

// idColumn is a list of place IDs, half as large where 16 bits hold them all.
type idColumn struct {
	narrow []uint16
	wide   []uint32
}

// newIDColumn is an empty column for IDs below places.
func newIDColumn(places, capacity int) idColumn {
	if places > 1<<16 {
		return idColumn{wide: make([]uint32, 0, capacity)}
	}
	return idColumn{narrow: make([]uint16, 0, capacity)}
}

func (c *idColumn) append(id PlaceID) {
	if c.narrow != nil {
		c.narrow = append(c.narrow, uint16(id))
		return
	}
	c.wide = append(c.wide, uint32(id))
}

func (c *idColumn) len() int { return len(c.narrow) + len(c.wide) }

func (c *idColumn) at(i int) PlaceID {
	if c.narrow != nil {
		return PlaceID(c.narrow[i])
	}
	return PlaceID(c.wide[i])
}
