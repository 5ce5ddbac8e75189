package load

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
)

func number(v int64) *int64        { return &v }
func level(v Level) *Level         { return &v }
func rps(v int64) *gslb.MilliRPS   { r := gslb.MilliRPS(v * 1000); return &r }
func seconds(n int) time.Duration  { return time.Duration(n) * time.Second }
func after(n int) (now time.Time)  { return time.Unix(1_800_000_000, 0).Add(seconds(n)) }
func near(a, b, most float64) bool { return math.Abs(a-b) <= most }

func TestSaturation(t *testing.T) {
	for _, c := range []struct {
		name   string
		sample Sample
		want   Level
		by     Cause
		known  bool
	}{
		{"nothing was measured", Sample{}, 0, "", false},
		{"a rate against the capacity", Sample{Rate: rps(30)}, 3000, ByRate, true},
		{"no requests at all is measured", Sample{Rate: rps(0)}, 0, ByRate, true},
		{"a queue of five for each replica is full", Sample{Waiting: number(10), Replicas: 2}, 10_000, ByWaiting, true},
		{"a queue without known replicas is of one", Sample{Waiting: number(5)}, 10_000, ByWaiting, true},
		{"four fifths of the KV cache are full", Sample{KVUse: level(8000)}, 10_000, ByKVCache, true},
		{"running requests of those that fit", Sample{Running: number(64), RunningLimit: number(256)}, 2500, ByRunning, true},
		{"running requests without a limit say nothing", Sample{Running: number(64)}, 0, "", false},
		{"in-flight requests", Sample{InFlight: number(90), InFlightLimit: number(100)}, 9000, ByInFlight, true},
		{"the CPU", Sample{CPUUse: level(7000)}, 7000, ByCPU, true},
		{"the fullest counts", Sample{Rate: rps(30), CPUUse: level(4000), KVUse: level(4000)}, 5000, ByKVCache, true},
		{"a busy GPU says nothing", Sample{Rate: rps(30), GPUUse: level(10_000)}, 3000, ByRate, true},
		{"a GPU alone says nothing", Sample{GPUUse: level(10_000)}, 0, "", false},
		{"an idle GPU caps the rest", Sample{CPUUse: level(9000), GPUUse: level(100)}, 500, ByGPU, true},
		{"ten times full is enough to say", Sample{Waiting: number(1 << 60)}, 100_000, ByWaiting, true},
	} {
		got, by, known := c.sample.Saturation(100_000)
		if got != c.want || by != c.by || known != c.known {
			t.Errorf("%s: %d by %q, %v; want %d by %q, %v", c.name, got, by, known, c.want, c.by, c.known)
		}
	}
	if _, _, known := (&Sample{Rate: rps(30)}).Saturation(0); known {
		t.Error("a rate without a capacity says how full it is")
	}
}

// Shedding begins at once, and ends when the level has been well below the low mark for the dwell.
func TestTide(t *testing.T) {
	tide := Tide{}
	for i, c := range []struct {
		second int
		level  Level
		want   bool
	}{
		{0, 7000, false}, {1, 7001, true}, {2, 6900, true}, {70, 6500, true}, {80, 6499, true}, {139, 6400, true},
		{140, 6500, true}, {141, 6400, true}, {200, 6400, true}, {201, 6400, false}, {202, 6900, false}, {203, 9999, true},
	} {
		tide = tide.Observe(c.level, DefaultMarks, time.Minute, after(c.second))
		if tide.Shedding != c.want {
			t.Errorf("step %d, second %d, level %d: shedding %v", i, c.second, c.level, tide.Shedding)
		}
	}
}

func TestRamp(t *testing.T) {
	for _, c := range []struct{ counted, capacity, elapsed, want int64 }{
		{0, 100, 15, 25}, {25, 100, 15, 50}, {90, 100, 15, 100}, {0, 100, 600, 100}, {100, 40, 1, 40}, {100, 0, 1, 0}, {0, 0, 15, 0},
	} {
		if got := Ramp(gslb.MilliRPS(c.counted), gslb.MilliRPS(c.capacity), seconds(int(c.elapsed))); got != gslb.MilliRPS(c.want) {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func delays() Delays {
	return Delays{Report: seconds(1), Epoch: seconds(15), Publish: seconds(2), TTL: seconds(30), ConnectionLife: seconds(57)}
}

func TestGain(t *testing.T) {
	d := delays()
	if d.DeadTime() != seconds(105) || !near(d.MaxGain(), 0.0526, 0.0001) {
		t.Errorf("dead time %v, gain %.4f", d.DeadTime(), d.MaxGain())
	}
	var refused *ErrOscillates
	if err := d.Check(0.06); !errors.As(err, &refused) || !strings.Contains(err.Error(), "dead time of 1m45s") || !strings.Contains(err.Error(), "at most 0.053") {
		t.Errorf("%v", err)
	}
	if err := d.Check(d.MaxGain()); err != nil {
		t.Error(err)
	}
}

// The bound is where overshoot begins: an integrator with that gain and dead time comes home without passing its aim, and with
// twice the gain it passes it.
func TestMaxGainIsWhereOvershootBegins(t *testing.T) {
	d := delays()
	for factor, passes := range map[float64]bool{1: false, 2: true} {
		const steps = 10_000 // in one second each
		x, gain := make([]float64, steps), factor*d.MaxGain()/d.Epoch.Seconds()
		most := 0.0
		for i := range x[:steps-1] {
			seen := 0.0
			if late := i - int(d.DeadTime().Seconds()); late >= 0 {
				seen = x[late]
			}
			x[i+1] = x[i] + gain*(1-seen)
			most = max(most, x[i+1])
		}
		if (most > 1.001) != passes {
			t.Errorf("%v times the gain: at most %.4f", factor, most)
		}
	}
}
