package geodata

import (
	"iter"
	"math/bits"
)

// index4 holds the IPv4 ranges. The upper 16 bits of an address choose a bucket; the bucket marks the units where a
// range begins, and counting the marks up to a unit gives the position of its place. Nothing is searched.
//
// Every bucket begins a range of its own, so one that crosses buckets is written once in each: 65,536 entries at most.
type index4 struct {
	buckets [buckets]bucket4
	ids     idColumn
	// wideBits is, for a bucket with one place, the length of the prefix that Lookup answers with: at most 16.
	wideBits [buckets]uint8
}

// bucket4 is 256 units: a bit is set where a range begins, the first one always.
type bucket4 struct {
	begins [bucketWords]uint64
	// before is how many ranges begin in the words before each.
	before [bucketWords]uint8
	// first is the position of the bucket's first place.
	first uint32
}

const (
	buckets     = 1 << 16
	bucketBits  = 16
	bucketShift = unitBits4 - bucketBits
	bucketUnits = 1 << bucketShift
	bucketWords = bucketUnits / 64
)

// lookup finds the place of an address and the length of the widest prefix around it with that place.
func (x *index4) lookup(addr uint32) (PlaceID, int) {
	b := &x.buckets[addr>>bucketBits]
	unit := uint8(addr >> unitShift4)
	word := unit / 64 % bucketWords
	upTo := b.begins[word] & (2<<(unit%64) - 1)
	id := x.ids.at(int(b.first) + int(b.before[word]) + bits.OnesCount64(upTo) - 1)
	if b.begins == [bucketWords]uint64{1} {
		return id, int(x.wideBits[addr>>bucketBits])
	}
	first, next := b.around(unit)
	return id, unitBits4 - widestBlock(uint64(unit), first, next, first > 0, true, bucketShift)
}

// around is the unit where the range of a unit begins, and the one where the next range does.
func (b *bucket4) around(unit uint8) (first, next uint64) {
	word := int(unit) / 64
	upTo := b.begins[word] & (2<<(unit%64) - 1)
	after := b.begins[word] &^ (2<<(unit%64) - 1)
	down, up := word, word
	for upTo == 0 { // ends at the bucket's first unit, which is always marked
		down--
		upTo = b.begins[down]
	}
	for after == 0 {
		if up++; up == bucketWords {
			return uint64(down*64 + 63 - bits.LeadingZeros64(upTo)), bucketUnits
		}
		after = b.begins[up]
	}
	return uint64(down*64 + 63 - bits.LeadingZeros64(upTo)), uint64(up*64 + bits.TrailingZeros64(after))
}

// newIndex4 lays out runs.
func newIndex4(runs runs) *index4 {
	x := &index4{ids: newIDColumn(runs.ids, countEntries4(runs.starts))}
	at := 0 // the run that holds the current unit
	for i := range x.buckets {
		b, begin := &x.buckets[i], uint64(i)<<bucketShift
		if at+1 < len(runs.starts) && runs.starts[at+1] == begin {
			at++
		}
		b.first = uint32(x.ids.len())
		b.begins[0] = 1
		x.ids.append(runs.ids[at])
		x.wideBits[i] = uint8(unitBits4 - runs.widest(at, begin, unitBits4))
		for at+1 < len(runs.starts) && runs.starts[at+1] < begin+bucketUnits {
			at++
			unit := runs.starts[at] - begin
			b.begins[unit/64] |= 1 << (unit % 64)
			x.ids.append(runs.ids[at])
		}
		for word := 1; word < bucketWords; word++ {
			b.before[word] = b.before[word-1] + uint8(bits.OnesCount64(b.begins[word-1]))
		}
	}
	return x
}

func countEntries4(starts []uint64) int {
	entries := buckets
	for _, start := range starts {
		if start%bucketUnits != 0 {
			entries++
		}
	}
	return entries
}

// ranges joins what the buckets cut.
func (x *index4) ranges() iter.Seq2[uint32, PlaceID] {
	return func(yield func(uint32, PlaceID) bool) {
		last, position := Unknown, 0
		for i := range x.buckets {
			for word, begins := range x.buckets[i].begins {
				for ; begins != 0; begins &= begins - 1 {
					id := x.ids.at(position)
					if position++; position > 1 && id == last {
						continue
					}
					last = id
					unit := i<<bucketShift | word*64 | bits.TrailingZeros64(begins)
					if !yield(uint32(unit)<<unitShift4, id) {
						return
					}
				}
			}
		}
	}
}

// runs is what newIndex4 was given.
func (x *index4) runs() runs {
	var r runs
	for start, id := range x.ranges() {
		r.append(uint64(start)>>unitShift4, id)
	}
	return r
}
