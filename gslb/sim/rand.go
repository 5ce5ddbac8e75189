package sim

import (
	"hash/fnv"
	"math/bits"
)

// Stream is a stream of random numbers (SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", 2014).
type Stream struct{ state uint64 }

// NewStream is the stream of one purpose. Each purpose has its own, so that drawing more for one changes no other.
func NewStream(seed uint64, purpose string) *Stream {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return &Stream{state: mix(seed) ^ h.Sum64()}
}

// Uint64 is any number.
func (s *Stream) Uint64() uint64 {
	s.state += 0x9e3779b97f4a7c15
	return mix(s.state)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// IntN is a number from 0 to n-1; n is above 0.
func (s *Stream) IntN(n int) int {
	high, _ := bits.Mul64(s.Uint64(), uint64(n))
	return int(high)
}

// Float is a number from 0 up to, not including, 1.
func (s *Stream) Float() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// order is a random order of n things (Fisher and Yates).
func (s *Stream) order(n int) []int {
	list := make([]int, n)
	for i := range list {
		at := s.IntN(i + 1)
		list[i] = list[at]
		list[at] = i
	}
	return list
}
