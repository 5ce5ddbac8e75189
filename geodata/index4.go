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
	// wideBits is, for a bucket with one place, the length of the prefix that Lookup answers with, at most 16; else mixed.
	wideBits [buckets]uint8
}

// bucket4 is 256 units: a bit is set where a range begins, the first one always.
type bucket4 struct {
	begins unitSet
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
	id := x.ids.at(b.position(unit))
	if wide := x.wideBits[addr>>bucketBits]; wide != mixed {
		return id, int(wide)
	}
	first, next := b.begins.around(unit)
	return id, unitBits4 - widestBlock(uint64(unit), first, next, first > 0, true, bucketShift)
}

// position is where the place of a unit stands in the list of places.
func (b *bucket4) position(unit uint8) int {
	word := unit / 64 % bucketWords
	upTo := b.begins[word] & (2<<(unit%64) - 1)
	return int(b.first) + int(b.before[word]) + bits.OnesCount64(upTo) - 1
}

// newIndex4 lays out runs by unit, which it walks over twice.
func newIndex4(runs iter.Seq2[uint64, PlaceID], places int) *index4 {
	entries := buckets
	for start := range runs {
		if start%bucketUnits != 0 {
			entries++
		}
	}
	x := &index4{ids: newIDColumn(places, entries)}
	last, next := Unknown, 0 // the place of the last run, and the first bucket that is not begun
	for start, id := range runs {
		bucket, unit := int(start>>bucketShift), uint8(start%bucketUnits)
		for ; next < bucket; next++ {
			x.begin(next, last)
		}
		if unit == 0 {
			x.begin(next, id)
			next++
		} else {
			if next == bucket {
				x.begin(next, last)
				next++
			}
			x.buckets[bucket].begins.set(unit)
			x.ids.append(id)
		}
		last = id
	}
	for ; next < buckets; next++ {
		x.begin(next, last)
	}
	x.finish()
	return x
}

// begin opens the next bucket with the place of its first unit.
func (x *index4) begin(bucket int, id PlaceID) {
	b := &x.buckets[bucket]
	b.first = uint32(x.ids.len())
	b.begins.set(0)
	x.ids.append(id)
}

// finish counts the marks of every bucket, and how wide those with one place reach.
func (x *index4) finish() {
	var whole [buckets]PlaceID
	for i := range x.buckets {
		b := &x.buckets[i]
		for word := 1; word < bucketWords; word++ {
			b.before[word] = b.before[word-1] + uint8(bits.OnesCount64(b.begins[word-1]))
		}
		whole[i] = x.ids.at(int(b.first))
		if b.begins != (unitSet{1}) {
			x.wideBits[i] = mixed
		}
	}
	widen(&x.wideBits, &whole)
}

// units yields the runs by unit: it joins what the buckets cut.
func (x *index4) units() iter.Seq2[uint64, PlaceID] {
	return func(yield func(uint64, PlaceID) bool) {
		last, position := Unknown, 0
		for i := range x.buckets {
			for unit := range x.buckets[i].begins.all() {
				id := x.ids.at(position)
				if position++; position > 1 && id == last {
					continue
				}
				last = id
				if !yield(uint64(i)<<bucketShift|uint64(unit), id) {
					return
				}
			}
		}
	}
}
