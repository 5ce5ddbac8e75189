package geodata

// runs is a whole address space as the units where the place changes: starts begins at 0 and ascends, and neighbouring
// ids differ.
type runs struct {
	starts []uint64
	ids    []PlaceID
}

// append adds the run that begins at start, unless its place is the one before.
func (r *runs) append(start uint64, id PlaceID) {
	if n := len(r.ids); n > 0 && r.ids[n-1] == id {
		return
	}
	r.starts = append(r.starts, start)
	r.ids = append(r.ids, id)
}

// with is the same space with other places, joined where they became equal. The result holds references.
func (r *runs) with(refs []placeRef) runs {
	var out runs
	for i, start := range r.starts {
		out.append(start, PlaceID(refs[r.ids[i]]))
	}
	return out
}

// widest is the log2 size of the widest aligned block around unit inside run at, in a space of 2^space units.
func (r *runs) widest(at int, unit uint64, space int) int {
	next, hasNext := uint64(0), at+1 < len(r.starts)
	if hasNext {
		next = r.starts[at+1]
	}
	return widestBlock(unit, r.starts[at], next, at > 0, hasNext, space)
}

// idColumn is a list of place IDs, half as large where 16 bits hold them all.
type idColumn struct {
	narrow []uint16
	wide   []uint32
}

// newIDColumn is an empty column that will hold capacity of the given ids.
func newIDColumn(ids []PlaceID, capacity int) idColumn {
	for _, id := range ids {
		if id > 1<<16-1 {
			return idColumn{wide: make([]uint32, 0, capacity)}
		}
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
