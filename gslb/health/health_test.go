package health

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestObserve reads results and verdicts as letters: + is a success, - a failure; U is up, D is down.
func TestObserve(t *testing.T) {
	for _, c := range []struct {
		name          string
		start         State
		limits        Thresholds
		results, want string
	}{
		{"up at first", State{}, Default(), "+++", "UUU"},
		{"one failure is none", State{}, Default(), "-+-+-+", "UUUUUU"},
		{"two failures in a row", State{}, Default(), "--", "UD"},
		{"one success is none", State{Down: true}, Default(), "+-+-", "DDDD"},
		{"two successes in a row", State{Down: true}, Default(), "++", "DU"},
		{"down and up again", State{}, Default(), "--++--", "UDDUUD"},
		{"success forgets failures", State{}, Thresholds{3, 2}, "--+---", "UUUUUD"},
		{"a rise is slower than a fall", State{}, Thresholds{1, 3}, "-+++", "DDDU"},
		{"restored as down", State{Down: true}, Default(), "---", "DDD"},
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
	for _, r := range results {
		s = s.Observe(r == '+', limits)
		b.WriteByte("UD"[map[bool]int{true: 1}[s.Down]])
	}
	return b.String()
}

// A verdict changes exactly when the last Fall, or Rise, results all contradict it.
func TestVerdictIsTheLastRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Thresholds{rapid.IntRange(1, 5).Draw(t, "fall"), rapid.IntRange(1, 5).Draw(t, "rise")}
		results := rapid.StringOfN(rapid.SampledFrom([]rune("+-")), 1, 40, -1).Draw(t, "results")
		down := false
		for i := range results {
			run, limit := "-", limits.Fall
			if down {
				run, limit = "+", limits.Rise
			}
			if strings.HasSuffix(results[:i+1], strings.Repeat(run, limit)) {
				down = !down
			}
			want := "UD"[map[bool]int{true: 1}[down]]
			if got := verdicts(State{}, limits, results[:i+1]); got[i] != want {
				t.Fatalf("%s with %+v: %s, want %c at the end", results[:i+1], limits, got, want)
			}
		}
	})
}
