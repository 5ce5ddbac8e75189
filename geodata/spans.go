package geodata

import (
	"container/heap"
	"slices"
)

// key is an address as layers see it: an IPv4 address, or the upper 64 bits of an IPv6 one.
type key interface{ uint32 | uint64 }

// span puts the addresses from first to last, both inclusive, in a place.
type span[K key] struct {
	first, last K
	ref         placeRef
}

// spans is what one layer says of one family, in the order in which it was added. Sources come sorted and without
// overlaps, and then nothing needs to be sorted.
type spans[K key] struct {
	list     []span[K]
	unsorted bool
}

// add appends a span. One that continues the last one lengthens it.
func (s *spans[K]) add(first, last K, ref placeRef) {
	if len(s.list) == 0 {
		s.list = append(s.list, span[K]{first, last, ref})
		return
	}
	before := &s.list[len(s.list)-1]
	if first <= before.last {
		s.unsorted = true
	} else if first == before.last+1 && ref == before.ref {
		before.last = last
		return
	}
	s.list = append(s.list, span[K]{first, last, ref})
}

// flat is the same content sorted and without overlaps: where spans overlap, the one added later counts.
func (s *spans[K]) flat() []span[K] {
	if !s.unsorted {
		return s.list
	}
	waiting := make([]layered[K], len(s.list))
	for i, sp := range s.list {
		waiting[i] = layered[K]{sp, i}
	}
	slices.SortFunc(waiting, func(a, b layered[K]) int {
		if a.first < b.first {
			return -1
		}
		if a.first > b.first {
			return 1
		}
		return a.order - b.order
	})
	return sweep(waiting)
}

// said gives every unit of 2^shift addresses one place.
func (s *spans[K]) said(shift int) *said[K] {
	writer := unitWriter[K]{shift: shift}
	for _, sp := range s.flat() {
		writer.add(sp.first, sp.last, sp.ref)
	}
	return writer.finish()
}

// sweep walks over the space with the spans that contain the position in a heap, the one added last on top.
func sweep[K key](waiting []layered[K]) []span[K] {
	var out []span[K]
	var open topmost[K]
	var at K
	for {
		for len(waiting) > 0 && waiting[0].first <= at {
			heap.Push(&open, waiting[0])
			waiting = waiting[1:]
		}
		for len(open) > 0 && open[0].last < at {
			heap.Pop(&open)
		}
		if len(open) == 0 {
			if len(waiting) == 0 {
				return out
			}
			at = waiting[0].first
			continue
		}
		end := open[0].last
		if len(waiting) > 0 {
			end = min(end, waiting[0].first-1)
		}
		out = append(out, span[K]{at, end, open[0].ref})
		if end == ^K(0) {
			return out
		}
		at = end + 1
	}
}

// layered is a span and its place in the order of adding.
type layered[K key] struct {
	span[K]
	order int
}

// topmost is a heap of the spans under the sweep.
type topmost[K key] []layered[K]

func (t topmost[K]) Len() int           { return len(t) }
func (t topmost[K]) Less(i, j int) bool { return t[i].order > t[j].order }
func (t topmost[K]) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *topmost[K]) Push(x any)        { *t = append(*t, x.(layered[K])) }
func (t *topmost[K]) Pop() any {
	old := *t
	last := old[len(old)-1]
	*t = old[:len(old)-1]
	return last
}
