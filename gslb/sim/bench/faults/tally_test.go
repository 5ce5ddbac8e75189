package main

import (
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb/sim"
)

const rows = "2026-11-23\tabc1234\t111111111111\tsmall\t1\t50\t3\n" +
	"2026-11-23\tabc1234\t222222222222\tsmall\t1\t50\t0\n" +
	"2026-11-24\tabc1235\t222222222222\tsmall\t101\t150\t2\n" +
	"2026-11-24\tabc1235\t222222222222\tlarge\t2\t2\t0\n"

// What the tally has of this state of the code is not run again; what it has of another one is.
func TestTallyGoesOn(t *testing.T) {
	done, err := parse(rows, "222222222222")
	if err != nil {
		t.Fatal(err)
	}
	left := (&tally{done: done}).missing()
	seeds := map[string]uint64{}
	for _, b := range left {
		if b.size.Name == "small" && (b.first == 1 || b.first == 101) || b.size.Name == "large" && b.first == 2 {
			t.Errorf("%s from %d on is run again", b.size.Name, b.first)
		}
		seeds[b.size.Name] += b.seeds()
	}
	if seeds["small"] != 900 || seeds["large"] != 19 {
		t.Errorf("%v seeds are left, want 900 and 19", seeds)
	}
	if all := (&tally{}).missing(); len(all) != 40 || all[0].size != sim.LargeTrial {
		t.Errorf("%d batches in all", len(all))
	}
}

func TestTallyRefusesRowsThatAreNone(t *testing.T) {
	for _, row := range []string{
		"d\tc\ts\ttiny\t1\t2\t0\n", "d\tc\ts\tsmall\t2\t1\t0\n", "d\tc\ts\tsmall\tx\t1\t0\n", "d\tc\ts\tsmall\t1\t1\tno\n",
	} {
		if _, err := parse(rows+row, "s"); err == nil || !strings.Contains(err.Error(), "line 5") {
			t.Errorf("%q: %v", row, err)
		}
	}
}

// Tests are no part of the code that is tallied.
func TestStateWithoutTests(t *testing.T) {
	if got := withoutTests(" M gslb/sim/sim.go\n M gslb/sim/sim_test.go\n\n"); got != "M gslb/sim/sim.go" {
		t.Errorf("%q", got)
	}
}
