package health

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// counts are thresholds without a time of calm.
func counts(fall, rise int) Thresholds { return Thresholds{Fall: fall, Rise: rise} }

// TestThresholds reads results, one a second, and verdicts as letters: + is a success, - a failure; U is up, D is down.
func TestThresholds(t *testing.T) {
	for _, c := range []struct {
		name          string
		start         State
		limits        Thresholds
		results, want string
	}{
		{"up at first", State{}, counts(2, 2), "+++", "UUU"},
		{"one failure is none", State{}, counts(2, 2), "-+-+-+", "UUUUUU"},
		{"two failures in a row", State{}, counts(2, 2), "--", "UD"},
		{"one success is none", State{Down: true}, counts(2, 2), "+-+-", "DDDD"},
		{"two successes in a row", State{Down: true}, counts(2, 2), "++", "DU"},
		{"a death after a return is immediate", State{}, counts(2, 2), "--++--", "UDDUUD"},
		{"success forgets failures", State{}, counts(3, 2), "--+---", "UUUUUD"},
		{"a rise is slower than a fall", State{}, counts(1, 3), "-+++", "DDDU"},
		{"restored as down", State{Down: true}, counts(2, 2), "---", "DDD"},
		{"a return needs 5 s of calm", State{Down: true}, Default(), "++++++", "DDDDDU"},
		{"a failure ends the calm", State{Down: true}, Default(), "+++++-++++++", "DDDDDDDDDDDU"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := verdicts(c.start, c.limits, c.results); got != c.want {
				t.Errorf("%s gives %s, want %s", c.results, got, c.want)
			}
		})
	}
}

func verdicts(s State, limits Thresholds, results string) string {
	var b strings.Builder
	for i, r := range results {
		s = s.Observe(r == '+', at(i), limits)
		b.WriteByte("UD"[map[bool]int{true: 1}[s.Down]])
	}
	return b.String()
}

// The hold grows with every flap, ends at five minutes, and is forgotten after five minutes up.
func TestHold(t *testing.T) {
	limits, s, now := counts(1, 1), State{}, noon
	die := func() { s = s.Observe(false, now, limits) }
	for flap, want := range []time.Duration{0, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
		die()
		died := now
		for ; s.Down && now.Sub(died) <= time.Hour; now = now.Add(time.Second) {
			s = s.Observe(true, now, limits)
		}
		if held := s.Since.Sub(died); held != want || s.Flaps != flap {
			t.Errorf("death %d: up after %v and %d flaps, want %v", flap+1, held, s.Flaps, want)
		}
	}
	now = s.Since.Add(flapMemory - time.Nanosecond)
	if die(); s.Flaps != 6 {
		t.Errorf("a death just within the memory: %d flaps", s.Flaps)
	}
	s, now = s.Observe(true, now.Add(maxHold), limits), now.Add(maxHold+flapMemory)
	if die(); s.Flaps != 0 || !s.HeldUntil().IsZero() {
		t.Errorf("a death after long up: %d flaps, held until %v", s.Flaps, s.HeldUntil())
	}
}

// Flapping at 0.5 Hz for 10 minutes makes at most 2 changes a minute, however often and with whatever offset it is probed.
func TestFlappingAtHalfAHertz(t *testing.T) {
	for _, every := range []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond, 700 * time.Millisecond, time.Second, 1100 * time.Millisecond, 5 * time.Second} {
		var changes []time.Time
		s := State{}
		for passed := time.Duration(0); passed < 10*time.Minute; passed += every {
			next := s.Observe(passed%(2*time.Second) < time.Second, noon.Add(passed), Default())
			if next.Down != s.Down {
				changes = append(changes, next.Since)
			}
			s = next
		}
		if most := busiest(changes); most > 2 {
			t.Errorf("a probe every %v: %d changes in one minute: %v", every, most, changes)
		}
	}
}

// busiest is the largest number of changes within any minute.
func busiest(changes []time.Time) (most int) {
	for i := range changes {
		n := 0
		for _, c := range changes[i:] {
			if c.Sub(changes[i]) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// Whatever the results are: a death comes by the thresholds and at once, a return never without calm, and no minute sees
// more than two changes, but for the first one of an episode, which sees three.
func TestAnySequenceOfResults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Default()
		s, now := State{}, noon
		var changes []time.Time
		var last []bool // the run of equal results at the end
		var since time.Time
		for range rapid.IntRange(1, 300).Draw(t, "results") {
			now = now.Add(time.Duration(rapid.IntRange(100, 9000).Draw(t, "wait")) * time.Millisecond)
			ok := rapid.Bool().Draw(t, "ok")
			if len(last) == 0 || last[0] != ok {
				last, since = nil, now
			}
			last = append(last, ok)
			next := s.Observe(ok, now, limits)
			switch {
			case !s.Down && next.Down != (!ok && len(last) >= limits.Fall):
				t.Fatalf("%d failures in a row: down %v", len(last), next.Down)
			case s.Down && !next.Down && (!ok || len(last) < limits.Rise || now.Sub(since) < limits.Calm):
				t.Fatalf("up after %d results %v in %v", len(last), ok, now.Sub(since))
			case s.Down && next.Down && ok && len(last) >= limits.Rise && now.Sub(since) >= limits.Calm && !now.Before(s.HeldUntil()):
				t.Fatalf("down in spite of everything: %+v", next)
			}
			if next.Down != s.Down {
				changes = append(changes, now)
			}
			s = next
		}
		fewChanges(t, changes)
	})
}

func fewChanges(t *rapid.T, changes []time.Time) {
	for i := range changes {
		end := i
		for end < len(changes) && changes[end].Sub(changes[i]) < time.Minute {
			end++
		}
		opens := i == 0 || changes[i].Sub(changes[i-1]) >= flapMemory
		if n := end - i; n > 3 || n > 2 && !opens {
			t.Fatalf("%d changes within a minute: %v", n, changes[i:end])
		}
	}
}

// A clock that was set back neither holds an address for ever nor lets it up at once.
func TestClockSetBack(t *testing.T) {
	s := State{Down: true, Since: noon.Add(24 * time.Hour), Flaps: 1}
	for i := range 60 {
		if s = s.Observe(true, at(i), Default()); !s.Down {
			t.Fatalf("up after %d s, want the hold of a minute from now on", i)
		}
	}
	if s = s.Observe(true, at(60), Default()); s.Down {
		t.Errorf("held until %v", s.HeldUntil())
	}
}

// After a restart the verdict and its hold stand, and the run begins anew.
func TestStateOverARestart(t *testing.T) {
	s := State{}
	for i, r := range "--++++++--++++" {
		s = s.Observe(r == '+', at(i), Default())
	}
	data, err := json.Marshal(s)
	if want := `{"down":true,"since":"2026-01-02T12:00:09Z","flaps":1}`; err != nil || string(data) != want {
		t.Errorf("kept as %s, %v, want %s", data, err, want)
	}
	var restored State
	if err := json.Unmarshal(data, &restored); err != nil || restored != s.forgetRun() {
		t.Errorf("restored as %+v, want %+v", restored, s)
	}
	if text, _ := json.Marshal(State{}); string(text) != "{}" {
		t.Errorf("the zero value is kept as %s", text)
	}
}
