package geodata

import (
	"iter"
	"math/bits"
)

// unitSet is a set of the units of a bucket.
type unitSet [bucketWords]uint64

func (s *unitSet) set(unit uint8) { s[unit/64] |= 1 << (unit % 64) }

func (s *unitSet) size() (n int) {
	for _, members := range s {
		n += bits.OnesCount64(members)
	}
	return n
}

// all yields the members in order.
func (s *unitSet) all() iter.Seq[uint8] {
	return func(yield func(uint8) bool) {
		for word, rest := range s {
			for ; rest != 0; rest &= rest - 1 {
				if !yield(uint8(word*64 + bits.TrailingZeros64(rest))) {
					return
				}
			}
		}
	}
}

// around is the last member up to unit, and the first behind it or the number of units. Unit 0 must be a member. There
// is no branch in it: which words have members is different for every unit, and a wrong guess would hold up the lookups
// that wait behind this one.
func (s *unitSet) around(unit uint8) (first, next uint64) {
	first, next = 0, bucketUnits
	word, upTo := int(unit)/64, uint64(2)<<(unit%64)-1
	for i := range bucketWords {
		members := s[i]
		if i > word {
			members = 0
		}
		if i == word {
			members &= upTo
		}
		if last := uint64(i*64 + 63 - bits.LeadingZeros64(members)); members != 0 {
			first = last
		}
	}
	for i := bucketWords - 1; i >= 0; i-- {
		members := s[i]
		if i < word {
			members = 0
		}
		if i == word {
			members &^= upTo
		}
		if behind := uint64(i*64 + bits.TrailingZeros64(members)); members != 0 {
			next = behind
		}
	}
	return first, next
}

// markSet is a set of positions in a long list. Which of its words are not zero stands in a second level, so that the
// nearest member is found at once over gaps of thousands.
type markSet struct{ words, used []uint64 }

func newMarkSet(size int) markSet {
	words := (size + 63) / 64
	return markSet{words: make([]uint64, words), used: make([]uint64, (words+63)/64)}
}

func (s *markSet) set(i int) {
	s.words[i/64] |= 1 << (i % 64)
	s.used[i/64/64] |= 1 << (i / 64 % 64)
}

// upTo is the last member that is not behind i; there must be one.
func (s *markSet) upTo(i int) int {
	word := i / 64
	if here := s.words[word] & (2<<(i%64) - 1); here != 0 {
		return word*64 + highest(here)
	}
	group := word / 64
	used := s.used[group] & (1<<(word%64) - 1)
	for used == 0 {
		group--
		used = s.used[group]
	}
	word = group*64 + highest(used)
	return word*64 + highest(s.words[word])
}

// after is the first member behind i; there must be one.
func (s *markSet) after(i int) int {
	word := i / 64
	if here := s.words[word] &^ (2<<(i%64) - 1); here != 0 {
		return word*64 + bits.TrailingZeros64(here)
	}
	group := word / 64
	used := s.used[group] &^ (2<<(word%64) - 1)
	for used == 0 {
		group++
		used = s.used[group]
	}
	word = group*64 + bits.TrailingZeros64(used)
	return word*64 + bits.TrailingZeros64(s.words[word])
}

func highest(word uint64) int { return 63 - bits.LeadingZeros64(word) }
