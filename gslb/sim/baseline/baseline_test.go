package baseline

import (
	"testing"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/sim"
)

var marks = plan.Watermarks{LowPercent: 70, HighPercent: 90}

var deadAt301 = sim.Event{At: 301, Change: sim.SiteDown{Site: "fra", Down: true}}

// Neither static weights nor a random draw care for the dead: each of four equal sites has its quarter for ever.
func TestWithoutHealth(t *testing.T) {
	for name, s := range map[string]sim.Steerer{
		"static": &Static{TTL: ttl}, "random": &Random{TTL: ttl, Draws: sim.NewStream(1, "draws")},
	} {
		if p := parts(answers(t, world(t, 50_000, deadAt301), s), 400, 1200); !alike(p, 0.25, 0.25, 0.25, 0.25) {
			t.Errorf("%s: %v, want a quarter each", name, p)
		}
	}
}

// All that look at health take a drained site out at once; nothing else takes anybody away.
func TestDrained(t *testing.T) {
	for name, s := range map[string]sim.Steerer{
		"nearest": &Nearest{TTL: ttl}, "failover": &Failover{TTL: ttl}, "cliff": &Cliff{TTL: ttl, Marks: marks},
		"shed": &Shed{TTL: ttl, Marks: marks, Draws: sim.NewStream(1, "draws")},
	} {
		c := world(t, 50_000, sim.Event{At: 300, Change: sim.Drain{Site: "fra", Drained: true}})
		got := answers(t, c, s)
		if before, after := parts(got, 0, 300), parts(got, 330, 1200); !alike(before, 1, 0, 0, 0) || !alike(after, 0, 1, 0, 0) {
			t.Errorf("%s: %v, after the drain %v", name, before, after)
		}
	}
}

func TestMonitor(t *testing.T) {
	var v verdict
	text := ""
	for _, r := range "-+-+--+-+--++" {
		v.observe(r == '+')
		text += map[bool]string{true: "D", false: "U"}[v.down]
	}
	if want := "UUUUUDDDDDDDU"; text != want {
		t.Errorf("%s, want %s: two in a row, both ways", text, want)
	}
}

// The hash keeps a client at its site; a draw moves three quarters of them each time.
func TestStaticMovesNobody(t *testing.T) {
	for _, c := range []struct {
		name           string
		steerer        sim.Steerer
		atLeast, below float64 // a part of all clients an hour: 120 answers each
	}{
		{"static", &Static{TTL: ttl}, 0, 1e-9},
		{"random", &Random{TTL: ttl, Draws: sim.NewStream(1, "draws")}, 80, 95},
	} {
		config := world(t, 50_000)
		config.Measure.From = 60
		r, err := sim.Run(config, c.steerer)
		if err != nil || r.MovedPerHour < c.atLeast || r.MovedPerHour > c.below {
			t.Errorf("%s: %v of all move in an hour, want %v to %v (%v)", c.name, r.MovedPerHour, c.atLeast, c.below, err)
		}
	}
}

// Two name servers reconcile every 30 s, half an interval apart.
func TestFailoverReconciles(t *testing.T) {
	got := answers(t, world(t, 50_000, deadAt301), &Failover{TTL: ttl})
	for _, c := range []struct {
		from, to int
		want     []float64
	}{
		{60, 315, []float64{1, 0, 0, 0}}, {315, 330, []float64{0.5, 0.5, 0, 0}}, {330, 1200, []float64{0, 1, 0, 0}},
	} {
		if p := parts(got, c.from, c.to); !alike(p, c.want...) {
			t.Errorf("seconds %d to %d: %v, want %v", c.from, c.to, p, c.want)
		}
	}
}

// shed_load between its marks: at 80 % with marks at 70 and 90, half of the answers go.
func TestShedKeeps(t *testing.T) {
	s := Shed{Marks: marks, Draws: sim.NewStream(1, "draws")}
	for use, want := range map[float64]float64{missing: 1, 0: 1, 0.70: 1, 0.75: 0.75, 0.80: 0.5, 0.85: 0.25, 0.90: 0, 1.5: 0} {
		kept := 0
		for range 10_000 {
			if s.keeps(use) {
				kept++
			}
		}
		if p := float64(kept) / 10_000; !alike([]float64{p}, want) {
			t.Errorf("at %v %v are kept, want %v", use, p, want)
		}
	}
}

// The feed comes once a minute, the monitors look every 10 s.
func TestShedSwings(t *testing.T) {
	c := world(t, 150_000, deadAt301)
	got := answers(t, c, &Shed{TTL: ttl, Marks: marks, Draws: sim.NewStream(1, "draws")})
	if p := parts(got, 0, 60); !alike(p, 1, 0, 0, 0) {
		t.Errorf("before the first feed: %v, want all at the nearest", p)
	}
	if p := parts(got, 60, 120); !alike(p, 0, 1, 0, 0) {
		t.Errorf("after it said that fra is full: %v, want all at the next", p)
	}
	if p := parts(got, 325, 1200); p[0] != 0 {
		t.Errorf("%v of the answers name a dead site", p[0])
	}
}

// Above its limit a site is unavailable: two sites that could share 150 requests/s take turns.
func TestCliffTakesTurns(t *testing.T) {
	c := world(t, 150_000)
	got := answers(t, c, &Cliff{TTL: ttl, Marks: marks})
	turns := 0
	for second := 60; second < 1200; second += 30 {
		p := parts(got, second, second+30)
		if p[0] > 0.01 && p[0] < 0.99 {
			t.Errorf("second %d: %v: a cliff gives all or nothing", second, p)
		}
		if before := parts(got, second-30, second); (p[0] > 0.5) != (before[0] > 0.5) {
			turns++
		}
	}
	if turns < 8 {
		t.Errorf("%d turns", turns)
	}
}
