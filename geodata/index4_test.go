package geodata

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
)

// spaceOf draws what the units of the first buckets hold, and nothing behind them: buckets with as many ranges as there
// are units, with a few, and with one, beside neighbours of the same place.
func spaceOf(random *rand.Rand, places int) []PlaceID {
	units := make([]PlaceID, 64*bucketUnits)
	draw := func() PlaceID { // the highest one is not rare
		return PlaceID(min(random.IntN(places+places/8+1), places-1))
	}
	for bucket := 0; bucket < len(units); bucket += bucketUnits {
		id, changes := draw(), []int{0, 0, 1, 4, 64, 256}[random.IntN(6)]
		if bucket > 0 && random.IntN(2) == 0 {
			id = units[bucket-1]
		}
		for i := range bucketUnits {
			if random.IntN(bucketUnits) < changes {
				id = draw()
			}
			units[bucket+i] = id
		}
	}
	return units
}

// runsOf yields the runs of units that nothing follows.
func runsOf(units []PlaceID) iter.Seq2[uint64, PlaceID] {
	return func(yield func(uint64, PlaceID) bool) {
		last := noPlace
		for unit, id := range append(units[:len(units):len(units)], Unknown) {
			if id != last && !yield(uint64(unit), id) {
				return
			}
			last = id
		}
	}
}

// Every unit has its place and the widest prefix around it with that place, and the runs come out as they went in,
// however many places there are.
func TestIndex4(t *testing.T) {
	for _, places := range []int{3, 1 << 16, 1<<16 + 1, MaxPlaces} {
		t.Run(fmt.Sprint(places, " places"), func(t *testing.T) {
			random := rand.New(rand.NewPCG(4, uint64(places)))
			for range 3 {
				units := spaceOf(random, places)
				x := newIndex4(runsOf(units), places)
				for unit, want := range units {
					addr := uint32(unit)<<unitShift4 | uint32(random.IntN(1<<unitShift4))
					id, length := x.lookup(addr)
					if wantLength := widestOf(units, unit); id != want || length != wantLength || x.place(addr) != want {
						t.Fatalf("unit %#x: place %d, length %d; want %d, %d", unit, id, length, want, wantLength)
					}
				}
				checkRuns(t, x.units(), runsOf(units))
			}
		})
	}
}

// widestOf tries the prefixes around a unit of the first buckets, behind which nothing is, from long to short.
func widestOf(units []PlaceID, unit int) (length int) {
	for length = unitBits4; length > 0; length-- {
		size := 1 << (unitBits4 - length + 1)
		for i := unit &^ (size - 1); i < unit&^(size-1)+size; i++ {
			id := Unknown
			if i < len(units) {
				id = units[i]
			} else if i > len(units) {
				break
			}
			if id != units[unit] {
				return length
			}
		}
	}
	return length
}

func checkRuns(t *testing.T, got, want iter.Seq2[uint64, PlaceID]) {
	t.Helper()
	next, stop := iter.Pull2(want)
	defer stop()
	for start, id := range got {
		if wantStart, wantID, ok := next(); !ok || start != wantStart || id != wantID {
			t.Fatalf("a run of %d begins at %#x; want %d at %#x, %v", id, start, wantID, wantStart, ok)
		}
	}
	if start, _, more := next(); more {
		t.Fatalf("the run at %#x is missing", start)
	}
}
