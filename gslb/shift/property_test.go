package shift

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/loop"
)

func observed(t *rapid.T) Observed {
	var o Observed
	if rapid.IntRange(0, 5).Draw(t, "saturation known") > 0 {
		level := load.Level(rapid.SampledFrom([]int{0, 6000, 8999, 9001, 9600, 30_000}).Draw(t, "saturation"))
		o.Saturation = &level
	}
	if rapid.IntRange(0, 5).Draw(t, "answers known") > 0 {
		all := rapid.Int64Range(0, 500).Draw(t, "answers")
		o.Answers = &Answers{All: all, Errors: rapid.Int64Range(0, min(all, 40)).Draw(t, "errors")}
	}
	if rapid.IntRange(0, 30).Draw(t, "unfit") == 0 {
		o.Unfit = "down"
	}
	if rapid.IntRange(0, 10).Draw(t, "told to hold") == 0 {
		o.Hold = Reason{"Told", "wait"}
	}
	return o
}

// TestRules: whatever is seen, a move takes no step that is too wide, too soon or blind, and has an end.
func TestRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := Spec{
			Percent: rapid.IntRange(1, 100).Draw(t, "percent"), Step: rapid.IntRange(1, 100).Draw(t, "step"),
			Every: time.Duration(rapid.IntRange(1, 20).Draw(t, "every")) * loop.Epoch,
		}
		now := noon
		if epochs := rapid.IntRange(0, 80).Draw(t, "expires"); epochs > 0 {
			spec.Expires = now.Add(time.Duration(epochs) * loop.Epoch)
		}
		var s State
		var raised time.Time
		for range rapid.IntRange(1, 120).Draw(t, "epochs") {
			now = now.Add(loop.Epoch + time.Duration(rapid.IntRange(0, 40).Draw(t, "late"))*time.Second)
			seen := observed(t)
			next := Next(spec, s, seen, now)
			up := next.Percent - s.Percent
			expired := !spec.Expires.IsZero() && !now.Before(spec.Expires)
			switch {
			case up > spec.Step || next.Percent > spec.Percent || next.Percent < 0:
				t.Fatalf("from %d to %d with steps of %d up to %d", s.Percent, next.Percent, spec.Step, spec.Percent)
			case up > 0 && (seen.Saturation == nil || seen.Answers == nil || seen.Unfit != "" || seen.Hold != Reason{} || *seen.Saturation > 9000):
				t.Fatalf("went on though %+v", seen)
			case up > 0 && (expired || s.Phase.Over() || s.Phase == Returning):
				t.Fatalf("went on after its end: %+v", s)
			case up > 0 && s.Percent > 0 && now.Sub(raised) < spec.Every:
				t.Fatalf("two steps within %v", now.Sub(raised))
			case up < 0 && next.Phase != Aborted && (!expired || -up > spec.Step):
				t.Fatalf("came back by %d in phase %s", -up, next.Phase)
			case next.Phase.Over() && next.Percent != 0:
				t.Fatalf("over with %d", next.Percent)
			case next.Phase == Holding && next.Why.Text == "":
				t.Fatalf("holds without a reason: %+v", next)
			}
			if up > 0 {
				raised = now
			}
			s = next
		}
		if spec.Expires.IsZero() {
			return
		}
		now = later(now, spec.Expires)
		for range 100 { // one percent a step at the slowest
			now = now.Add(spec.Every)
			s = Next(spec, s, Observed{}, now)
		}
		if !s.Phase.Over() || s.Percent != 0 {
			t.Fatalf("long after its expiry: %+v", s)
		}
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
