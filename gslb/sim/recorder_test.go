package sim

import (
	"math"
	"testing"
	"time"
)

// TestResult has its numbers worked out by hand: all 100 requests/s at a site that carries 80, up to second 99, then all
// at one that carries 200.
func TestResult(t *testing.T) {
	c := small()
	c.Sites[0].Replicas, c.Sites[1].Replicas = 8, 20
	c.Sites[0].WaitingLimit = 0
	c.ConnectionLife = 0
	c.Length = 200 * time.Second
	c.Measure = Measure{From: 10, High: 0.9, Steady: 150}
	r := run(t, c, &script{answer: func(_ *View, q Question) Answer {
		if q.Now < 100 {
			return Answer{0, time.Second}
		}
		return Answer{1, time.Second}
	}})
	// The answers of second 100 show in the load of second 101: 91 seconds of 20 failures, of 190 seconds of 100.
	want := Result{Seconds: 190, OverHigh: 91, OverFull: 91, LastOver: 100, OvershootSite: 1, OvershootAt: 150}
	if r.Seconds != want.Seconds || r.OverHigh != want.OverHigh || r.OverFull != want.OverFull || r.LastOver != want.LastOver || r.OvershootSite != 1 || r.OvershootAt != 150 {
		t.Errorf("%+v, want %+v", r, want)
	}
	for _, x := range []struct {
		what      string
		got, want float64
	}{
		{"worst", r.Worst, 1.25}, {"overshoot", r.Overshoot, 0.5/0.9 - 1}, {"failed", r.Failed, 91 * 20 / 19000.0},
		{"moved per hour", r.MovedPerHour, 3600.0 / 190},
	} {
		if math.Abs(x.got-x.want) > 1e-6 {
			t.Errorf("%s: %v, want %v", x.what, x.got, x.want)
		}
	}
}

// A site without capacity is neither above its mark nor full: what comes there has failed.
func TestTheDeadAreNotOver(t *testing.T) {
	c := small(Event{100, SiteDown{"fra", true}})
	c.Demand = 50_000
	r := run(t, c, always(0, 10*time.Second))
	if r.OverHigh != 0 || r.Overshoot > 0 || !near(r.Failed, 2.0/3, 0.01) {
		t.Errorf("%+v: want nothing over, and all that came in the last 200 of 300 s failed", r)
	}
}

// Those who have no site have no distance either.
func TestDistanceOfTheServed(t *testing.T) {
	c := small()
	c.Measure.From = 10
	all := run(t, c, always(1, 10*time.Second))
	half := run(t, c, &script{answer: func(_ *View, q Question) Answer { return Answer{1 - 2*(q.Asker%2), 10 * time.Second} }})
	if !near(half.Km, all.Km, 0.05) || half.Failed < 0.3 || half.Failed > 0.7 {
		t.Errorf("%v km for all, %v with %v of them unserved", all.Km, half.Km, half.Failed)
	}
}

// The mean distance is that of a count over all clients.
func TestDistance(t *testing.T) {
	c := small()
	c.Measure.From = 10
	r := run(t, c, always(1, 10*time.Second))
	want, size := 0.0, 0.0
	for _, client := range c.Population.Clients {
		want += float64(client.Size) * float64(client.Direction.DistanceKm(c.Sites[1].Location.Direction()))
		size += float64(client.Size)
	}
	if !near(r.Km, want/size, 1e-6) {
		t.Errorf("%v km, want %v", r.Km, want/size)
	}
}

func TestSwings(t *testing.T) {
	wave := func(amplitude float64, periods int) func(x float64) float64 {
		return func(x float64) float64 { return 100 + amplitude*math.Sin(2*math.Pi*x*float64(periods)) }
	}
	for _, c := range []struct {
		name string
		load func(x float64) float64
		want int
	}{
		{"calm", func(float64) float64 { return 100 }, 0},
		{"a ramp", func(x float64) float64 { return 100 + 80*x }, 0},
		{"one step", func(x float64) float64 { return 100 + 20*math.Floor(2*x) }, 1},
		{"a wave of 4 % is noise", wave(4, 5), 0},
		{"a wave of 10 %", wave(10, 5), 9},
		{"a wave on a ramp", func(x float64) float64 { return wave(15, 4)(x) + 40*x }, 7},
		{"a wave that dies out", func(x float64) float64 { return 100 + (wave(40, 8)(x)-100)*math.Exp(-12*x) }, 1},
	} {
		series := make([]float64, 900)
		for i := range series {
			series[i] = c.load(float64(i) / 900)
		}
		if got, _ := swings(series); got != c.want {
			t.Errorf("%s: %d swings, want %d", c.name, got, c.want)
		}
	}
}

func TestCycles(t *testing.T) {
	c := small()
	c.ConnectionLife = time.Second
	c.Measure.Window = 150 * time.Second
	r := run(t, c, &script{answer: func(_ *View, q Question) Answer { return Answer{int(q.Now / 20 % 2), time.Second} }})
	if r.Windows != 4 || r.Cycles != 4 || r.Swings < 6 {
		t.Errorf("%d windows, %d with a cycle, %d swings", r.Windows, r.Cycles, r.Swings)
	}
}
