package geodata

import (
	"iter"
	"math/bits"
)

// index4 holds the IPv4 ranges. The upper 16 bits of an address choose a bucket. A bucket with one place says it; any
// other names a record, which marks the units where a range begins, and counting the marks up to a unit gives the
// position of its place. Nothing is searched.
//
// A lookup costs what it waits for memory. The buckets, 256 KB, stay in the processor's second cache. A record begins
// with a cache line that has all marks and the first places, and the others follow it, so that both are mostly on one page.
//
// Every bucket begins a range of its own, so one that crosses buckets is written once in each.
type index4 struct {
	buckets [buckets]bucket4
	records []cacheLine
	ids     idPacking
}

// bucket4 is the position of a record, or, with the highest bit, the one place of the bucket and above it the length of
// the prefix that Lookup answers with, at most 16.
type bucket4 uint32

const (
	wholeBucket bucket4 = 1 << 31
	placeBits           = 20 // enough for MaxPlaces

	buckets     = 1 << 16
	bucketBits  = 16
	bucketShift = unitBits4 - bucketBits
	bucketUnits = 1 << bucketShift
	bucketWords = bucketUnits / 64
)

func (b bucket4) isWhole() bool  { return b&wholeBucket != 0 }
func (b bucket4) place() PlaceID { return PlaceID(b & (1<<placeBits - 1)) }
func (b bucket4) wide() int      { return int(b &^ wholeBucket >> placeBits) }

// lookup finds the place of an address and the length of the widest prefix around it with that place.
func (x *index4) lookup(addr uint32) (PlaceID, int) {
	b := x.buckets[addr>>bucketBits]
	if b.isWhole() {
		return b.place(), b.wide()
	}
	unit := uint8(addr >> unitShift4)
	position, first, next := x.records[b].around(unit)
	return x.id(b, position), unitBits4 - widestBlock(uint64(unit), first, next)
}

// place is lookup without the prefix.
func (x *index4) place(addr uint32) PlaceID {
	b := x.buckets[addr>>bucketBits]
	if b.isWhole() {
		return b.place()
	}
	position, _, _ := x.records[b].around(uint8(addr >> unitShift4))
	return x.id(b, position)
}

// id is the place at a position of a record.
func (x *index4) id(record bucket4, position int) PlaceID {
	word, shift := x.ids.find(position)
	return x.ids.of(x.records[int(record)+word/lineWords][word%lineWords], shift)
}

// newIndex4 lays out runs by unit, which it walks over twice.
func newIndex4(runs iter.Seq2[uint64, PlaceID], places int) *index4 {
	x := &index4{ids: packingOf(places)}
	x.makeRecords(runs)
	last, next := Unknown, 0 // the place of the last run, and the first bucket that is not begun
	beginUpTo := func(end int) {
		for ; next < end; next++ {
			x.begin(next, last)
		}
	}
	for start, id := range runs {
		beginUpTo(int((start + bucketUnits - 1) >> bucketShift))
		if unit := uint8(start % bucketUnits); unit > 0 {
			x.append(x.buckets[start>>bucketShift], unit, id)
		}
		last = id
	}
	beginUpTo(buckets)
	x.finish()
	return x
}

// makeRecords gives a record to every bucket inside which a range begins.
func (x *index4) makeRecords(runs iter.Seq2[uint64, PlaceID]) {
	var more [buckets]uint8 // how many ranges begin in a bucket behind its beginning
	for start := range runs {
		if start%bucketUnits != 0 {
			more[start>>bucketShift]++
		}
	}
	lines := 0
	for i, n := range more {
		if n == 0 {
			x.buckets[i] = wholeBucket
			continue
		}
		x.buckets[i] = bucket4(lines)
		word, _ := x.ids.find(int(n))
		lines += word/lineWords + 1
	}
	x.records = make([]cacheLine, lines)
}

// begin gives a bucket the place of its first unit.
func (x *index4) begin(bucket int, id PlaceID) {
	if b := x.buckets[bucket]; b.isWhole() {
		x.buckets[bucket] |= bucket4(id)
	} else {
		x.append(b, 0, id)
	}
}

// append adds a range behind those of a record so far.
func (x *index4) append(record bucket4, unit uint8, id PlaceID) {
	begins := x.records[record].begins()
	word, shift := x.ids.find(begins.size())
	x.records[int(record)+word/lineWords][word%lineWords] |= uint64(id) << shift
	begins.set(unit)
}

// finish writes the hints of every record, and how wide the buckets with one place reach.
func (x *index4) finish() {
	var wide [buckets]uint8
	var whole [buckets]PlaceID
	for i, b := range x.buckets {
		if whole[i] = b.place(); !b.isWhole() {
			wide[i] = mixed
			x.records[b].hint()
		}
	}
	widen(&wide, &whole)
	for i := range x.buckets {
		if wide[i] != mixed {
			x.buckets[i] |= bucket4(wide[i]) << placeBits
		}
	}
}

// in yields the ranges of a bucket.
func (x *index4) in(bucket int) iter.Seq2[uint8, PlaceID] {
	return func(yield func(uint8, PlaceID) bool) {
		b := x.buckets[bucket]
		if b.isWhole() {
			yield(0, b.place())
			return
		}
		position := 0
		for unit := range x.records[b].begins().all() {
			if !yield(unit, x.id(b, position)) {
				return
			}
			position++
		}
	}
}

// units yields the runs by unit: it joins what the buckets cut.
func (x *index4) units() iter.Seq2[uint64, PlaceID] {
	return func(yield func(uint64, PlaceID) bool) {
		last := noPlace
		for i := range x.buckets {
			for unit, id := range x.in(i) {
				if id == last {
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

// cacheLine is 64 bytes, which a large list of them is aligned to. The first one of a record has the marks, a hint for
// each word of them, and places; the others have places alone.
type cacheLine [lineWords]uint64

const (
	lineWords   = 8
	hintWord    = bucketWords
	firstIDWord = hintWord + bucketWords/2
)

func (l *cacheLine) begins() *unitSet { return (*unitSet)(l[:bucketWords]) }

// hint is what a word of marks does not say itself: how many marks are in the words before it, the last of these, and the
// first mark in the words behind it or the number of units.
type hint uint32

func newHint(before int, last, next uint64) hint {
	return hint(before) | hint(last)<<8 | hint(next)<<16
}
func (h hint) before() int  { return int(h & 0xff) }
func (h hint) last() uint64 { return uint64(h >> 8 & 0xff) }
func (h hint) next() uint64 { return uint64(h >> 16) }

// hint fills in the hints.
func (l *cacheLine) hint() {
	before, last := 0, uint64(0)
	for word := range bucketWords {
		_, next := l.begins().around(uint8(word*64 + 63))
		l[hintWord+word/2] |= uint64(newHint(before, last, next)) << (word % 2 * 32)
		if members := l[word]; members != 0 {
			before, last = before+bits.OnesCount64(members), uint64(word*64+highest(members))
		}
	}
}

// around is how many ranges begin before that of a unit, where that one begins, and where the next one does. There is no
// branch in it: which words have marks is different for every unit, and a wrong guess would hold up the lookups that wait
// behind this one.
func (l *cacheLine) around(unit uint8) (position int, first, next uint64) {
	word := uint64(unit / 64)
	h := hint(l[hintWord+word/2] >> (word % 2 * 32))
	upTo := l[word] & (2<<(unit%64) - 1)
	behind := l[word] ^ upTo
	first, next = h.last(), h.next()
	if last := word*64 + 63 - uint64(bits.LeadingZeros64(upTo)); upTo != 0 {
		first = last
	}
	if begin := word*64 + uint64(bits.TrailingZeros64(behind)); behind != 0 {
		next = begin
	}
	return h.before() + bits.OnesCount64(upTo) - 1, first, next
}
