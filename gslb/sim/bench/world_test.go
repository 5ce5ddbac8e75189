package main

import (
	"testing"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
)

// What does not fit is what the sites that a class may go to have no room for below their high marks, wherever else there is
// some.
func TestUnfit(t *testing.T) {
	in := loop.Input{
		Sites: []loop.Site{{ID: "fra", Capacity: 100_000, Up: true}, {ID: "iad", Capacity: 100_000, Up: true}, {ID: "pek", Capacity: 100_000}},
		Classes: []loop.Class{
			{Key: "00000000000000aa", Candidates: []loop.Candidate{{Site: 0}, {Site: 1, Cost: 10}, {Site: 2, Cost: 20}}},
			{Key: "00000000000000bb", Candidates: []loop.Candidate{{Site: 1}}},
		},
	}
	for name, c := range map[string]struct{ a, b, want gslb.MilliRPS }{
		"it fits":                         {100_000, 50_000, 0},
		"to the brim":                     {130_000, 50_000, 0},
		"10 are too many":                 {140_000, 50_000, 10_000},
		"one may go to one site only":     {10_000, 100_000, 10_000},
		"a site that is down has no room": {180_000, 0, 0},
	} {
		if got, err := unfit(in, loop.Output{}, []gslb.MilliRPS{c.a, c.b}); got != c.want || err != nil {
			t.Errorf("%s: %v do not fit, want %v; %v", name, got, c.want, err)
		}
	}
}
