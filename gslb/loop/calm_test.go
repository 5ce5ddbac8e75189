package loop

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/load"
)

// calmWorld is one in which nothing happens, as long before the Step of which calm may come as it takes.
func calmWorld(t *testing.T, calmTTL time.Duration) *world {
	w := trio(t, 50, 60, 40)
	w.policy.CalmTTL = calmTTL
	return w
}

// untilCalm is after how many Steps a site may be calm: the first sees it, and two dead times have passed since.
func untilCalm(p Policy) int {
	epochs := (2*p.withDefaults().Delays().DeadTime() + Epoch - 1) / Epoch
	return int(epochs) + 1
}

func TestCalmAfterTwoDeadTimes(t *testing.T) {
	for _, c := range []struct {
		calmTTL time.Duration
		steps   int
	}{{time.Minute, 14}, {2 * time.Minute, 22}} {
		w := calmWorld(t, c.calmTTL)
		if got := untilCalm(w.policy); got != c.steps {
			t.Errorf("%v: %d Steps, want %d", c.calmTTL, got, c.steps)
		}
		for step := range c.steps + 10 {
			w.pass()
			want := "[]"
			if step+1 >= c.steps {
				want = "[ams fra iad]"
			}
			if got := fmt.Sprint(w.out.Calm); got != want {
				t.Fatalf("%v, Step %d: %s are calm, want %s:%s", c.calmTTL, step+1, got, want, w.text())
			}
		}
		if len(w.out.Splits) > 0 || len(w.out.Brief) > 0 {
			t.Errorf("splits %v, brief %v", w.out.Splits, w.out.Brief)
		}
	}
}

func TestNobodyIsCalmWithoutAPolicy(t *testing.T) {
	w := calmWorld(t, 0)
	w.settle(40)
	if len(w.out.Calm) > 0 || !w.state.Sites["fra"].CalmSince.IsZero() {
		t.Errorf("%v are calm: %+v", w.out.Calm, w.state.Sites["fra"])
	}
}

// A site is calm no more as soon as anything is unknown or under way there, and then waits for two dead times again.
func TestCalmEndsAtOnce(t *testing.T) {
	rate := func(v float64) func(*Input) {
		return func(in *Input) { *in.Sites[1].Sample.Rate = rps(v) }
	}
	for _, c := range []struct {
		name   string
		change func(*Input)
		want   string
	}{
		{"nothing", func(*Input) {}, "[ams fra iad]"},
		{"above the low mark", rate(71), "[ams iad]"},
		{"just below it", rate(65), "[ams iad]"},
		{"farther below it", rate(64), "[ams fra iad]"},
		{"a queue", func(in *Input) { *in.Sites[1].Sample.Waiting = 1000 }, "[ams iad]"},
		{"less capacity", func(in *Input) { in.Sites[1].Capacity = rps(80) }, "[ams iad]"},
		{"silent", func(in *Input) { in.Sites[1].Sample.At = in.Now.Add(-FrozenFor - time.Second) }, "[ams iad]"},
		{"never heard", func(in *Input) { in.Sites[1].Sample = nil }, "[ams iad]"},
		{"nobody measures what arrives", func(in *Input) { in.Sites[1].Sample.Rate = nil }, "[ams iad]"},
		{"nothing is measured", func(in *Input) { in.Sites[1].Sample = &load.Sample{At: in.Now} }, "[ams iad]"},
		{"down", func(in *Input) { in.Sites[1].Up = false }, "[ams iad]"},
		{"drained", func(in *Input) { in.Sites[1].Drained = true }, "[ams iad]"},
		{"cordoned", func(in *Input) { in.Sites[1].Cordoned = true }, "[ams iad]"},
		{"a shift from it", func(in *Input) { in.Shifts = []Shift{{From: 1, To: 2, Share: 100}} }, "[ams]"},
		{"a shift to it", func(in *Input) { in.Shifts = []Shift{{From: 2, To: 1, Share: 100}} }, "[ams]"},
		{"the clock is set back", func(in *Input) { in.Now = in.Now.Add(-time.Hour) }, "[]"},
		{"most are silent", func(in *Input) { in.Sites[0].Sample, in.Sites[2].Sample = nil, nil }, "[]"},
	} {
		w := calmWorld(t, time.Minute)
		w.settle(untilCalm(w.policy) + 3)
		in := w.input()
		in.Now = in.Now.Add(Epoch)
		for i := range in.Sites {
			in.Sites[i].Sample.At = in.Now
		}
		c.change(&in)
		state, out := Step(w.policy, w.state, in)
		if got := fmt.Sprint(out.Calm); got != c.want {
			t.Errorf("%s: %s are calm, want %s", c.name, got, c.want)
		}
		w.state, w.now = state, in.Now
		if w.pass(); w.out.IsCalm("fra") != out.IsCalm("fra") {
			t.Errorf("%s: a Step later %v are calm", c.name, w.out.Calm)
		}
	}
}

// The loop waits for the longest answers, and corrects no more than their dead time lets it.
func TestCalmTTLIsInTheDeadTime(t *testing.T) {
	for _, c := range []struct {
		ttl, calmTTL, want time.Duration
		bad                bool // a gain of 0.08
	}{
		{30 * time.Second, 0, 63 * time.Second, false}, {30 * time.Second, time.Minute, 93 * time.Second, true},
		{30 * time.Second, 30 * time.Second, 63 * time.Second, false}, {30 * time.Second, time.Hour, 3633 * time.Second, true},
	} {
		p := Policy{TTL: c.ttl, CalmTTL: c.calmTTL}
		filled := p.withDefaults()
		if got := filled.Delays(); got.DeadTime() != c.want || filled.Gain != got.MaxGain() {
			t.Errorf("%+v: dead time %v, want %v; gain %v", c, got.DeadTime(), c.want, filled.Gain)
		}
		p.Gain = 0.08
		if err := p.Check(); (err != nil) != c.bad {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestCalmStateSurvivesJSON(t *testing.T) {
	w := calmWorld(t, time.Minute)
	w.settle(untilCalm(w.policy) + 2)
	var again State
	if err := json.Unmarshal([]byte(mustJSON(t, w.state)), &again); err != nil {
		t.Fatal(err)
	}
	in := w.input()
	next, want := Step(w.policy, w.state, in)
	nextAgain, got := Step(w.policy, again, in)
	if len(want.Calm) != 3 || mustJSON(t, want) != mustJSON(t, got) || mustJSON(t, next) != mustJSON(t, nextAgain) {
		t.Errorf("%s\nthen %s", mustJSON(t, want), mustJSON(t, got))
	}
}
