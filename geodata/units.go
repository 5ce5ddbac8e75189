package geodata

// unitsOf lays the layers over each other, the last on top, and cuts the space into units of 2^shift addresses.
// The runs hold references: number makes IDs of them.
func unitsOf[K key](layers []spans[K], merged *merger, shift int) runs {
	cursors := make([]cursor[K], len(layers))
	for i := range layers {
		cursors[i].rest = layers[i].flat()
	}
	out := unitWriter{shift: shift}
	var at K
	for {
		ref, end := nothing, ^K(0)
		for i := range cursors {
			said, until := cursors[i].at(at)
			ref, end = merged.over(ref, said), min(end, until)
		}
		out.add(uint64(at), uint64(end), ref)
		if end == ^K(0) {
			return out.runs
		}
		at = end + 1
	}
}

// cursor walks along one layer.
type cursor[K key] struct{ rest []span[K] }

// at says what the layer says of an address, and up to which address it says the same.
func (c *cursor[K]) at(address K) (placeRef, K) {
	for len(c.rest) > 0 && c.rest[0].last < address {
		c.rest = c.rest[1:]
	}
	if len(c.rest) == 0 {
		return nothing, ^K(0)
	}
	if c.rest[0].first > address {
		return nothing, c.rest[0].first - 1
	}
	return c.rest[0].ref, c.rest[0].last
}

// unitWriter gives every unit one place: the one that covers most of it, of equals the one that begins first.
// Addresses without a place count only where the whole unit has none: a guess from the neighbours is better.
type unitWriter struct {
	runs  runs
	shift int
	tally []share // of the unit begun
}

// share is how many addresses of a unit have a place.
type share struct {
	ref       placeRef
	addresses uint64
}

// add takes the next stretch of the space, from first to last inclusive.
func (w *unitWriter) add(first, last uint64, ref placeRef) {
	unit := uint64(1) << w.shift
	if head := first % unit; head > 0 || last-first < unit-1 {
		end := min(last, first-head+unit-1)
		w.count(ref, end-first+1)
		if end-first+head == unit-1 {
			w.close(first >> w.shift)
		}
		if end == last {
			return
		}
		first = end + 1
	}
	whole := (last - first + 1) >> w.shift // 0 if the stretch is the whole space, whose size overflows
	if whole > 0 || last-first == ^uint64(0) {
		w.runs.append(first>>w.shift, PlaceID(ref))
	}
	if tail := (last + 1) % unit; tail > 0 {
		w.count(ref, tail)
	}
}

func (w *unitWriter) count(ref placeRef, addresses uint64) {
	for i := range w.tally {
		if w.tally[i].ref == ref {
			w.tally[i].addresses += addresses
			return
		}
	}
	w.tally = append(w.tally, share{ref, addresses})
}

func (w *unitWriter) close(unit uint64) {
	best := share{}
	for _, s := range w.tally {
		if s.ref != nothing && s.addresses > best.addresses {
			best = s
		}
	}
	w.tally = w.tally[:0]
	w.runs.append(unit, PlaceID(best.ref))
}
