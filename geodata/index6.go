package geodata

import (
	"iter"
	"math/bits"
	"sort"
)

// index6 holds the IPv6 ranges as a list of entries and a tree of slots that says where in it to look. The upper 16
// bits of an address choose a root; below it a node takes as many of the next bits as the ranges under it deserve,
// until few enough are left to look through. The space in use is tiny and uneven, a few dozen roots with clusters of
// thousands of ranges inside, which is why a fixed split would not do.
//
// Every root begins a range of its own, so one that crosses roots is written once in each.
type index6 struct {
	roots [buckets]slot
	slots []slot
	// entries ascend within a root; a last one with key 0 closes the list.
	entries []entry
}

// slot is, in its lower 32 bits, a position in slots if it is a node and in entries if it is a leaf. Then come 8 bits:
// of a leaf, how many entries behind that one begin within the slot; and 8 more: of a node, how many bits it takes.
//
// A root with one place has the highest bit, that place in its lower 32 bits, and then the length of the prefix that Lookup
// answers with, at most 16: nearly all of the space has no place at all, and it is answered from here.
type slot uint64

// entry is where a range begins, in units of its root, above 24 bits of PlaceID: half of what two lists would take, and
// one cache line less to touch.
type entry uint64

const (
	entryBits  = unitBits6 - bucketBits // of an entry's key
	entryShift = 64 - entryBits
	rootUnits  = 1 << entryBits
	entryKey   = rootUnits - 1

	// leafEntries is the most entries of a leaf, and entriesPerSlot how many a node's slots would have if they were
	// spread evenly. Smaller numbers make the tree deeper and larger, and lookups slower: measured, a random address
	// costs what its cache misses cost.
	leafEntries    = 24
	entriesPerSlot = 16
)

const wholeRoot slot = 1 << 63

func (s slot) isWhole() bool  { return s&wholeRoot != 0 }
func (s slot) place() PlaceID { return PlaceID(uint32(s)) }
func (s slot) wide() int      { return int(uint8(s >> 32)) }

func wholeSlot(id PlaceID, wide uint8) slot { return wholeRoot | slot(id) | slot(wide)<<32 }
func leafSlot(first, more int) slot         { return slot(first) | slot(more)<<32 }
func nodeSlot(first int, bits uint8) slot   { return slot(first) | slot(bits)<<40 }
func newEntry(key uint64, id PlaceID) entry { return entry(key<<entryShift | uint64(id)) }
func (e entry) key() uint64                 { return uint64(e >> entryShift) }
func (e entry) id() PlaceID                 { return PlaceID(e & (1<<entryShift - 1)) }

// lookup finds the place of a /64 and the length of the widest prefix around it with that place.
func (x *index6) lookup(network uint64) (PlaceID, int) {
	if s := x.roots[network>>(64-bucketBits)]; s.isWhole() {
		return s.place(), s.wide()
	}
	at, key := x.entryOf(network), network>>unitShift6&entryKey
	begin, next := x.entries[at].key(), x.entries[at+1].key()
	if next == 0 { // the next root's
		next = rootUnits
	}
	return x.entries[at].id(), unitBits6 - widestBlock(key, begin, next)
}

// entryOf is the position of the entry that holds a /64 of a root that has several.
func (x *index6) entryOf(network uint64) int {
	s, rest := x.roots[network>>(64-bucketBits)], network<<bucketBits
	for s>>40 != 0 {
		taken := s >> 40
		s = x.slots[uint64(uint32(s))+rest>>(64-taken)]
		rest <<= taken
	}
	at, key := int(uint32(s)), network>>unitShift6&entryKey
	for n := int(s>>32) + 1; n > 1; {
		half := n / 2
		if x.entries[at+half].key() <= key {
			at += half
		}
		n -= half
	}
	return at
}

// newIndex6 lays out runs by unit, which it walks over twice.
func newIndex6(runs iter.Seq2[uint64, PlaceID]) *index6 {
	entries := buckets + 1
	for start := range runs {
		if start%rootUnits != 0 {
			entries++
		}
	}
	x := &index6{entries: make([]entry, 0, entries)}
	last, next := Unknown, 0 // the place of the last run, and the first root that is not begun
	for start, id := range runs {
		root := int(start >> entryBits)
		for ; next < root || next == root && start%rootUnits != 0; next++ {
			x.entries = append(x.entries, newEntry(0, last))
		}
		x.entries = append(x.entries, newEntry(start%rootUnits, id))
		next, last = root+1, id
	}
	for ; next < buckets; next++ {
		x.entries = append(x.entries, newEntry(0, last))
	}
	x.finish()
	return x
}

// finish grows the roots over their entries, and says how wide those with one place reach.
func (x *index6) finish() {
	var wide [buckets]uint8
	var whole [buckets]PlaceID
	first := 0
	for i := range x.roots {
		end := first + 1
		for end < len(x.entries) && x.entries[end].key() != 0 {
			end++
		}
		if whole[i] = x.entries[first].id(); end > first+1 {
			wide[i] = mixed
			x.roots[i] = x.grow(first, end, 0, entryBits)
		}
		first = end
	}
	x.entries = append(x.entries, newEntry(0, Unknown))
	widen(&wide, &whole)
	for i := range x.roots {
		if wide[i] != mixed {
			x.roots[i] = wholeSlot(whole[i], wide[i])
		}
	}
}

// grow makes the slot of 2^width units from begin on. The entry at first holds its first unit; those behind it, up to
// end, begin in it.
func (x *index6) grow(first, end int, begin uint64, width uint8) slot {
	more := end - first - 1
	if more <= leafEntries {
		return leafSlot(first, more)
	}
	taken := min(uint8(bits.Len(uint(more)/entriesPerSlot)), width)
	children := len(x.slots)
	x.slots = append(x.slots, make([]slot, 1<<taken)...)
	for i := range 1 << taken {
		from := begin + uint64(i)<<(width-taken)
		past := from + 1<<(width-taken)
		for first+1 < end && x.entries[first+1].key() <= from {
			first++
		}
		next := first + 1 + sort.Search(end-first-1, func(j int) bool { return x.entries[first+1+j].key() >= past })
		x.slots[children+i] = x.grow(first, next, from, width-taken)
		first = next - 1
	}
	return nodeSlot(children, taken)
}

// units yields the runs by unit: it joins what the roots cut.
func (x *index6) units() iter.Seq2[uint64, PlaceID] {
	return func(yield func(uint64, PlaceID) bool) {
		last, root := Unknown, -1
		for i, e := range x.entries[:len(x.entries)-1] {
			if e.key() == 0 {
				root++
			}
			if i > 0 && e.id() == last {
				continue
			}
			last = e.id()
			if !yield(uint64(root)<<entryBits|e.key(), last) {
				return
			}
		}
	}
}
