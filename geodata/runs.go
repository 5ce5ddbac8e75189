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

// idPacking is how place IDs are packed into words behind the marks of a record: each takes 16 bits where these hold them
// all, else 32.
type idPacking struct {
	log  uint8 // of the bits that one takes
	mask uint64
}

// packingOf is for IDs below places.
func packingOf(places int) idPacking {
	if places > 1<<16 {
		return idPacking{5, 1<<32 - 1}
	}
	return idPacking{4, 1<<16 - 1}
}

// find is in which word of a record an ID stands, and how far up in it.
func (p idPacking) find(position int) (word, shift int) {
	return firstIDWord + position>>((6-p.log)%64), position << (p.log % 64) % 64
}

func (p idPacking) of(word uint64, shift int) PlaceID { return PlaceID(word >> (shift % 64) & p.mask) }
