package baseline

import (
	"testing"

	"tidegate.dev/tidegate/gslb/sim"
)

// A monitor that looks every 10 s calls a site down after 10 failures and up again after 20 successes: 100 and 200 s.
func TestNearestFollowsItsMonitors(t *testing.T) {
	got := answers(t, world(t, 50_000, sim.Event{At: 301, Change: sim.SiteDown{Site: "fra", Down: true}},
		sim.Event{At: 601, Change: sim.SiteDown{Site: "fra", Down: false}}), &Nearest{TTL: ttl})
	for _, c := range []struct {
		from, to int
		want     []float64
	}{
		{0, 400, []float64{1, 0, 0, 0}}, {400, 800, []float64{0, 1, 0, 0}}, {800, 1200, []float64{1, 0, 0, 0}},
	} {
		if p := parts(got, c.from, c.to); !alike(p, c.want...) {
			t.Errorf("seconds %d to %d: %v, want %v", c.from, c.to, p, c.want)
		}
	}
}

// Failures count on until there were ten successes in a row.
func TestNearestAntiFlap(t *testing.T) {
	var s gdnsdState
	observe := func(results string) {
		for _, r := range results {
			s.observe(r == '+')
		}
	}
	if observe("-----++++-----"); !s.down {
		t.Error("ten failures with four successes among them: up")
	}
	s = gdnsdState{}
	if observe("-----++++++++++-----"); s.down {
		t.Error("five failures, ten successes, five failures: down")
	}
	s = gdnsdState{down: true}
	if observe("+++++++++++++++++++-+++++++++++++++++++"); !s.down {
		t.Error("twice nineteen successes: up")
	}
	if observe("+"); s.down {
		t.Error("twenty successes in a row: down")
	}
}

// Of three sites that are down the nearest is answered; the fourth is never thought of.
func TestNearestAllDown(t *testing.T) {
	var events []sim.Event
	for _, c := range world(t, 1).Sites[:3] {
		events = append(events, sim.Event{At: 0, Change: sim.SiteDown{Site: c.ID, Down: true}})
	}
	if p := parts(answers(t, world(t, 50_000, events...), &Nearest{TTL: ttl}), 200, 1200); !alike(p, 1, 0, 0, 0) {
		t.Errorf("%v, want the nearest alone", p)
	}
}
