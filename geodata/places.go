package geodata

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
)

// placeRef is a place while a table is being built: an index into placeSet.list.
type placeRef uint32

const (
	// nothing is the place of networks that a layer does not mention.
	nothing placeRef = 0
	// erase takes away what the layers below say.
	erase = ^placeRef(0)
)

// placeSet gives every distinct place one placeRef, in the order in which they come. Layers that are read at once share
// it.
type placeSet struct {
	mu   sync.Mutex
	list []sourced
	refs map[sourced]placeRef
	rows rowSet
	bare refSet // the places that are
}

// refSet is a set of places. Every run of a database is asked for in it, so it is small: one bit for each place.
type refSet []uint64

func (s *refSet) set(ref placeRef) {
	for int(ref/64) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[ref/64] |= 1 << (ref % 64)
}

func (s refSet) has(ref placeRef) bool {
	return int(ref/64) < len(s) && s[ref/64]>>(ref%64)&1 == 1
}

// row gives a row of round-trip times its number among those of the set.
func (s *placeSet) row(times []SiteRTT) RTTRow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows.row(times)
}

// compare orders places by content.
func (s *placeSet) compare(a, b sourced) int {
	return cmp.Or(a.compare(b), s.rows.compare(a.RTT, b.RTT))
}

func (s *placeSet) ref(p sourced) (placeRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ref, known := s.refs[p]; known {
		return ref, nil
	}
	if err := p.Check(); err != nil {
		return nothing, err
	}
	return s.add(p), nil
}

func (s *placeSet) add(p sourced) placeRef {
	if s.refs == nil {
		s.list, s.refs = []sourced{{}}, map[sourced]placeRef{{}: nothing}
	}
	if ref, known := s.refs[p]; known {
		return ref
	}
	ref := placeRef(len(s.list))
	if p.bare() {
		s.bare.set(ref)
	}
	s.list, s.refs[p] = append(s.list, p), ref
	return ref
}

// merger joins what two layers say of a network, and remembers it.
type merger struct {
	places  *placeSet
	centres *centres
	partial bool // what it makes is laid over more: it may lack a location
	known   map[[2]placeRef]placeRef
}

func (m *merger) over(below, top placeRef) placeRef {
	switch {
	case top == nothing:
		return below
	case top == erase:
		return nothing
	case below == nothing && !m.places.bare.has(top):
		return top
	}
	ref, known := m.known[[2]placeRef{below, top}]
	if !known {
		centres := m.centres
		if m.partial && !m.places.list[below].HasLocation {
			centres = nil
		}
		ref = m.places.add(m.places.list[below].over(m.places.list[top], centres))
		m.known[[2]placeRef{below, top}] = ref
	}
	return ref
}

// ErrTooManyPlaces says that the sources distinguish more places than a table holds.
var ErrTooManyPlaces = errors.New("too many places")

// MaxPlaces is the most places that a table holds, the unknown one among them.
const MaxPlaces = 1 << 20

// number finds the places that the runs use, and gives each an ID: places are by ID, ids by reference. The place with the
// most runs comes first, so that its ID is short in a file; what is equal there is ordered by content, so that equal
// sources make equal tables in whatever order they were read.
func (s *placeSet) number(all ...iter.Seq2[uint64, placeRef]) (places []sourced, ids []PlaceID, err error) {
	var used []int
	for _, runs := range all {
		for _, ref := range runs {
			for int(ref) >= len(used) {
				used = append(used, make([]int, max(len(s.list), 1)-len(used))...)
			}
			used[ref]++
		}
	}
	var order []placeRef
	for ref := 1; ref < len(used); ref++ {
		if used[ref] > 0 {
			order = append(order, placeRef(ref))
		}
	}
	if len(order) >= MaxPlaces {
		return nil, nil, fmt.Errorf("%w: %d, a table holds %d; use a wider grid", ErrTooManyPlaces, len(order), MaxPlaces-1)
	}
	slices.SortFunc(order, func(a, b placeRef) int {
		return cmp.Or(cmp.Compare(used[b], used[a]), s.compare(s.list[a], s.list[b]))
	})
	places, ids = make([]sourced, 1, 1+len(order)), make([]PlaceID, len(used))
	for _, ref := range order {
		ids[ref] = PlaceID(len(places))
		places = append(places, s.list[ref])
	}
	return places, ids, nil
}
