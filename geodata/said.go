package geodata

import "iter"

// said is what one layer says of one family, by unit: the units from starts[i] up to the next start have refs[i]. The
// first run begins at 0, and neighbours differ.
type said[K key] struct {
	starts column[K]
	refs   column[placeRef]
}

// append adds the run that begins at a unit, unless it says what the one before says.
func (s *said[K]) append(unit K, ref placeRef) {
	if n := s.refs.size; n > 0 && s.refs.at(n-1) == ref {
		return
	}
	s.starts.append(unit)
	s.refs.append(ref)
}

// unitWriter takes the spans of a layer in ascending order and gives every unit one place: the one that covers most of
// it, of equals the one that begins first. Addresses without a place count only where the whole unit has none: a guess
// from the neighbours is better.
type unitWriter[K key] struct {
	out   said[K]
	shift int    // a unit is 2^shift addresses
	next  uint64 // the first address that nothing was said of
	rows  int    // how many spans came
	full  bool   // there is none
	tally []share
}

// share is how many addresses of the unit begun have a place.
type share struct {
	ref       placeRef
	addresses uint64
}

// add says that the addresses from first to last inclusive have a place; it says no if they are not behind all others.
func (w *unitWriter[K]) add(first, last K, ref placeRef) bool {
	from, to := uint64(first), uint64(last)
	if w.full || from < w.next {
		return false
	}
	if from > w.next {
		w.stretch(w.next, from-1, nothing)
	}
	w.stretch(from, to, ref)
	w.next, w.full = to+1, last == ^K(0)
	w.rows++
	return true
}

// finish closes the space, and returns what was said of it.
func (w *unitWriter[K]) finish() *said[K] {
	if !w.full {
		w.stretch(w.next, uint64(^K(0)), nothing)
		w.full = true
	}
	return &w.out
}

// stretch takes the next stretch of the space, from first to last inclusive.
func (w *unitWriter[K]) stretch(first, last uint64, ref placeRef) {
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
		w.out.append(K(first>>w.shift), ref)
	}
	if tail := (last + 1) % unit; tail > 0 {
		w.count(ref, tail)
	}
}

func (w *unitWriter[K]) count(ref placeRef, addresses uint64) {
	for i := range w.tally {
		if w.tally[i].ref == ref {
			w.tally[i].addresses += addresses
			return
		}
	}
	w.tally = append(w.tally, share{ref, addresses})
}

func (w *unitWriter[K]) close(unit uint64) {
	best := share{}
	for _, s := range w.tally {
		if s.ref != nothing && s.addresses > best.addresses {
			best = s
		}
	}
	w.tally = w.tally[:0]
	w.out.append(K(unit), best.ref)
}

// overlay lays layers over each other, the last on top, and yields the runs of the result in order.
func overlay[K key](layers []*said[K], merged *merger) iter.Seq2[uint64, placeRef] {
	return func(yield func(uint64, placeRef) bool) {
		cursors := make([]cursor[K], len(layers))
		for i, layer := range layers {
			cursors[i] = newCursor(layer)
		}
		at, before, begun := K(0), nothing, false
		for {
			ref, next := nothing, ^K(0)
			for i := range cursors {
				c := &cursors[i]
				for c.next <= at {
					c.advance()
				}
				ref, next = merged.over(ref, c.ref), min(next, c.next)
			}
			if (!begun || ref != before) && !yield(uint64(at), ref) {
				return
			}
			if next == ^K(0) {
				return
			}
			at, before, begun = next, ref, true
		}
	}
}

// cursor walks along one layer: ref holds up to next, which is beyond every unit behind the last run.
type cursor[K key] struct {
	layer *said[K]
	run   int
	ref   placeRef
	next  K
}

func newCursor[K key](layer *said[K]) cursor[K] {
	c := cursor[K]{layer: layer, run: -1}
	c.advance()
	return c
}

func (c *cursor[K]) advance() {
	c.run++
	c.ref, c.next = c.layer.refs.at(c.run), ^K(0)
	if c.run+1 < c.layer.starts.size {
		c.next = c.layer.starts.at(c.run + 1)
	}
}
