package steer

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// chiSquareLimit is the 0.001 quantile of the chi-square distribution with 3 degrees of freedom. The clients are fixed,
// so a run that passes passes for ever.
const chiSquareLimit = 16.27

func weightedWorld(t *testing.T, capacities [4]int) *world.Snapshot {
	return snapshotOf(t, plan.Steering{Method: plan.Weighted},
		endpoint{"ams", capacities[0], ""}, endpoint{"fra", capacities[1], ""}, endpoint{"iad", capacities[2], ""}, endpoint{"pek", capacities[3], ""})
}

// units are different /24s, in the order of a real client population: neighbours beside each other.
func units(n int) (list []netip.Addr) {
	for i := range n {
		list = append(list, netip.AddrFrom4([4]byte{byte(40 + i>>16), byte(i >> 8), byte(i), 0}))
	}
	return list
}

func TestSharesFollowTheWeights(t *testing.T) {
	const clients = 50_000
	for _, capacities := range [][4]int{{1, 1, 1, 1}, {1, 2, 3, 4}, {1, 10, 100, 1000}, {120, 240, 360, 5}} {
		snapshot := weightedWorld(t, capacities)
		var got [4]float64
		for _, client := range units(clients) {
			got[Decide(snapshot, from(client)).Endpoint]++
		}
		sum, chi := 0.0, 0.0
		for _, c := range capacities {
			sum += float64(c)
		}
		for i, c := range capacities {
			want := clients * float64(c) / sum
			chi += (got[i] - want) * (got[i] - want) / want
		}
		t.Logf("capacities %v: clients %v, chi-square %.2f", capacities, got, chi)
		if chi > chiSquareLimit {
			t.Errorf("capacities %v: clients %v, chi-square %.2f above %.2f", capacities, got, chi, chiSquareLimit)
		}
	}
}

// When one weight changes, only the difference moves, and only to or from that endpoint.
func TestChangeOfOneWeightMovesLittle(t *testing.T) {
	const clients = 50_000
	for _, c := range []struct{ before, after [4]int }{
		{[4]int{100, 100, 100, 100}, [4]int{100, 50, 100, 100}},
		{[4]int{100, 100, 100, 100}, [4]int{100, 200, 100, 100}},
		{[4]int{100, 100, 100, 100}, [4]int{100, 90, 100, 100}},
		{[4]int{10, 20, 30, 40}, [4]int{10, 0, 30, 40}},
	} {
		before, after := weightedWorld(t, c.before), weightedWorld(t, c.after)
		moved := 0
		for _, client := range units(clients) {
			a, b := Decide(before, from(client)).Endpoint, Decide(after, from(client)).Endpoint
			if a == b {
				continue
			}
			moved++
			if a != 1 && b != 1 {
				t.Fatalf("%v to %v: %s moved from %d to %d", c.before, c.after, client, a, b)
			}
		}
		ideal := clients * math.Abs(share(c.before)-share(c.after))
		t.Logf("%v to %v: %d clients moved, ideal %.0f", c.before, c.after, moved, ideal)
		if float64(moved) > 1.2*ideal {
			t.Errorf("%v to %v: %d clients moved, ideal %.0f", c.before, c.after, moved, ideal)
		}
	}
}

// share is the second endpoint's.
func share(capacities [4]int) float64 {
	sum := 0
	for _, c := range capacities {
		sum += c
	}
	return float64(capacities[1]) / float64(sum)
}

func TestNegLog2(t *testing.T) {
	exact := func(h uint64) float64 { return 64 - math.Log2(float64(h)+1) }
	rng := rand.New(rand.NewPCG(2, 3))
	values := []uint64{0, 1, 2, 3, 1<<32 - 1, 1 << 63, 1<<63 - 1, 1<<64 - 2, 1<<64 - 1}
	for range 100_000 {
		values = append(values, rng.Uint64()>>rng.IntN(64))
	}
	slices.Sort(values)
	worst, last := 0.0, uint64(math.MaxUint64)
	for _, h := range values {
		if now := negLog2(h); now > last {
			t.Fatalf("-log2 grows from %d to %d at %d", last, now, h)
		} else {
			last = now
		}
		got := float64(negLog2(h)) / (1 << 32)
		off := got - exact(h)
		if worst = max(worst, off); off < -1e-9 || off > math.Exp2(-22)+1e-9 {
			t.Fatalf("-log2 of (%d+1)/2^64 is %.9f, want %.9f", h, got, exact(h))
		}
	}
	t.Logf("%d values, largest error %.2g", len(values), worst)
	for h, want := range map[uint64]uint64{0: 64 << 32, 1: 63 << 32, 1<<63 - 1: 1 << 32, 1<<64 - 1: 0} {
		if got := negLog2(h); got != want {
			t.Errorf("-log2 of (%d+1)/2^64: %d, want %d", h, got, want)
		}
	}
}
