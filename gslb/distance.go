package gslb

import (
	"math/bits"
	"sort"
	"sync"
)

const (
	// quarterChord is the chord of a quarter of a turn.
	quarterChord Chord = 2 << 60
	// halfTurnKm is the greatest distance there is, rounded down: half a turn is 20,015.087 km.
	halfTurnKm = 20015
	// quarterKm is more than a quarter of a turn.
	quarterKm = 10010
)

// kilometres finds distances by chords: bounds[k] is the chord of k + 1/2 km, and below[k] that of as much less as half a
// turn is more than whole kilometres.
type kilometres struct{ bounds, below bounds }

// bounds ascend. The positions of the first one in every interval of chords save most of the search.
type bounds struct {
	list  []Chord
	first []uint16 // by interval
}

var kmOf = sync.OnceValue(func() *kilometres {
	// In parts of 2^30 of a kilometre, half a turn is this much more than halfTurnKm.
	const rest = halfTurn*EarthRadiusKm - halfTurnKm*one
	return &kilometres{bounds: newBounds(one / 2), below: newBounds(one/2 + rest)}
})

// newBounds are the chords of first, first + 1 km, ... up to a quarter of a turn; first is in parts of 2^30 of a
// kilometre.
func newBounds(first int64) bounds {
	var b bounds
	for k := range int64(quarterKm) {
		sin, _ := sinCos((k*one + first) / (2 * EarthRadiusKm))
		b.list = append(b.list, Chord(4*sin*sin))
	}
	b.first = make([]uint16, interval(quarterChord)+2)
	at := 0
	for i := range b.first {
		for at < len(b.list) && interval(b.list[at]) < i {
			at++
		}
		b.first[i] = uint16(at)
	}
	return b
}

// interval numbers chords so that each interval is 1/64 of its chords wide.
func interval(c Chord) int {
	if c < 64 {
		return 0
	}
	exponent := bits.Len64(uint64(c)) - 7
	return exponent<<6 + int(c>>exponent) - 63
}

// search is the number of bounds that are not above c.
func (b *bounds) search(c Chord) int {
	i := interval(c)
	from := int(b.first[i])
	return from + sort.Search(int(b.first[i+1])-from, func(j int) bool { return b.list[from+j] > c })
}

func (k *kilometres) lookup(c Chord) int { return k.bounds.search(c) }

// lookupBelow is how many whole kilometres the distance is below half a turn, where c is the chord to the point opposite.
func (k *kilometres) lookupBelow(c Chord) int { return k.below.search(c) }
