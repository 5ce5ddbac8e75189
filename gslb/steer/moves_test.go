package steer

import (
	"fmt"
	"math"
	"testing"

	"tidegate.dev/tidegate/gslb"
)

// manyUnits is how many equal units a change of weights and the chi-square test are measured with.
const manyUnits = 100_000

// drawn is the site that a unit draws, by shares.
func drawn(key unitKey, seeds []uint64, shares []gslb.Share) int {
	p := (*decider)(nil).newPick(healthy, key)
	for i, seed := range seeds {
		if shares[i] > 0 {
			p.draw(i, seed, uint64(shares[i]))
		}
	}
	return p.best
}

func keysOf(n int) (keys []unitKey) {
	for _, client := range units(n) {
		keys = append(keys, keyOf(client))
	}
	return keys
}

// seedsOf are the seeds of eight sites of a service.
func seedsOf(service int) (seeds []uint64) {
	for i := range 8 {
		seeds = append(seeds, mix(uint64(service)<<8|uint64(i)))
	}
	return seeds
}

// A weight that changes by a tenth moves little more than what it must, and nothing between sites whose weights stayed.
func TestATenthMovesATenth(t *testing.T) {
	keys, seeds := keysOf(manyUnits), seedsOf(1)
	base := []gslb.Share{3000, 2000, 1500, 1200, 1000, 700, 400, 200}
	drew := make([]int, len(keys))
	for i, key := range keys {
		drew[i] = drawn(key, seeds, base)
	}
	for _, site := range []int{0, 4, 7} {
		for _, factor := range []gslb.Share{90, 110} {
			after := append([]gslb.Share(nil), base...)
			after[site] = base[site] * factor / 100
			moved := 0
			for i, key := range keys {
				a, b := drew[i], drawn(key, seeds, after)
				if a == b {
					continue
				}
				if moved++; a != site && b != site {
					t.Fatalf("the weight of %d changed, and %x moved from %d to %d", site, key.low, a, b)
				}
			}
			ideal := manyUnits * math.Abs(partOf(base, site)-partOf(after, site))
			if float64(moved) > 1.2*ideal {
				t.Errorf("site %d times %d %%: %d moved, ideal %.0f", site, factor, moved, ideal)
			}
		}
	}
}

func partOf(shares []gslb.Share, site int) float64 {
	sum := gslb.Share(0)
	for _, s := range shares {
		sum += s
	}
	return float64(shares[site]) / float64(sum)
}

// chiSquare3 is the 1 % quantile of the chi-square distribution with 3 degrees of freedom.
const chiSquare3 = 11.345

// The shares of the units pass chi-square at 1 % for nearly all seeds, as those of true chance would.
func TestUnitsFollowTheShares(t *testing.T) {
	keys := keysOf(manyUnits)
	shares, passed := []gslb.Share{5500, 3000, 1400, 100}, 0
	for service := range 100 {
		seeds := seedsOf(service)
		var got [4]float64
		for _, key := range keys {
			got[drawn(key, seeds[:4], shares)]++
		}
		chi := 0.0
		for i := range shares {
			want := manyUnits * partOf(shares, i)
			chi += (got[i] - want) * (got[i] - want) / want
		}
		if chi <= chiSquare3 {
			passed++
		}
	}
	t.Logf("%d of 100 seeds pass", passed)
	if passed < 97 {
		t.Errorf("%d of 100 seeds pass, want 97", passed)
	}
}

// The draws are written out: who changes them moves clients of every service.
func TestDrawsStay(t *testing.T) {
	text := ""
	for _, key := range keysOf(24) {
		text += fmt.Sprint(drawn(key, seedsOf(1), []gslb.Share{3000, 2000, 1500, 1200, 1000, 700, 400, 200}))
	}
	if want := "061221630017234036064131"; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
}
