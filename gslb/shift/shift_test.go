package shift

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/loop"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func at(level load.Level) Observed {
	return Observed{Saturation: &level, Answers: &Answers{All: 300}}
}

func (o Observed) failing(errors int64) Observed {
	o.Answers = &Answers{All: o.Answers.All, Errors: errors}
	return o
}

var (
	fine   = at(5000)
	gone   = Observed{Saturation: fine.Saturation, Answers: fine.Answers, Unfit: "iad is down"}
	closed = Observed{Saturation: fine.Saturation, Answers: fine.Answers, Hold: Reason{"Cordoned", "iad is cordoned"}}
	deaf   = Observed{}
	noCode = Observed{Saturation: fine.Saturation}
)

// epoch is one turn of the loop: what is seen, and what becomes of the move.
type epoch struct {
	seen Observed
	want string // phase, percent, and a part of the reason
}

func times(n int, e epoch) (list []epoch) {
	for range n {
		list = append(list, e)
	}
	return list
}

func join(lists ...[]epoch) (all []epoch) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func one(seen Observed, want string) []epoch { return []epoch{{seen, want}} }

// TestMoves is what becomes of a move of 25 % in steps of 10 %, every 30 s: two epochs.
func TestMoves(t *testing.T) {
	spec := Spec{Percent: 25, Step: 10, Every: 2 * loop.Epoch}
	expiring := spec
	expiring.Expires = noon.Add(4 * loop.Epoch)
	quiet := spec
	quiet.Abort.Errors = load.Full
	strict := spec
	strict.Abort = Abort{Saturation: 4000, Errors: 100}
	up := join(one(fine, "Moving 10"), one(fine, "Moving 10"), one(fine, "Moving 20"), one(fine, "Moving 20"), one(fine, "Moved 25"))
	for _, c := range []struct {
		name   string
		spec   Spec
		epochs []epoch
	}{
		{"goes up by steps, and stays", spec, join(up, times(5, epoch{fine, "Moved 25"}))},
		{"nothing is known of the destination", spec, join(times(9, epoch{deaf, "Holding 0 how full"}), one(fine, "Moving 10"))},
		{"its errors are not known", spec, one(noCode, "Holding 0 how many")},
		{"its errors are not asked for", quiet, join(one(noCode, "Moving 10"), one(at(0).failing(300), "Moving 10"))},
		{"the destination fell silent on the way", spec, join(up[:2], one(deaf, "Holding 10 how full"), one(fine, "Moving 10"),
			one(fine, "Moving 10"), one(fine, "Moving 20"))},
		{"above the high mark it holds", spec, join(up[:1], times(9, epoch{at(9001), "Holding 10 the destination is 90 % full, above 90 %"}),
			one(at(9000), "Moving 10"), one(fine, "Moving 10"), one(fine, "Moving 20"))},
		{"a hold keeps the numbers that it began with", spec, join(up[:1], one(at(9110), "Holding 10 the destination is 91.1 %"),
			one(at(9400), "Holding 10 the destination is 91.1 %"))},
		{"twice too full aborts", spec, join(up[:2], one(at(9510), "Holding 10"), one(at(9620), "Aborted 0 at 10 %: the destination is 96.2 % full, above 95 %"),
			times(9, epoch{fine, "Aborted 0"}))},
		{"once too full does not", spec, join(up[:2], one(at(9510), "Holding 10"), one(fine, "Moving 10"), one(at(9510), "Holding 10"))},
		{"unknown in between does not either", spec, join(up[:2], one(at(9510), "Holding 10"), one(deaf, "Holding 10"), one(at(9510), "Holding 10"))},
		{"errors abort", spec, join(up, one(fine.failing(15), "Moved 25"), one(fine.failing(16),
			"Aborted 0 at 25 %: 16 of 300 answers of the destination are server errors (5.3 %), above 5 %"))},
		{"errors of few answers hold", spec, join(up[:1], one(Observed{fine.Saturation, &Answers{9, 1}, "", Reason{}}, "Holding 10 1 of 9"),
			one(Observed{fine.Saturation, &Answers{11, 0}, "", Reason{}}, "Moving 10"))},
		{"errors before the first step are nobody's who moved", spec, join(one(fine.failing(300), "Holding 0 300 of 300"), one(fine, "Moving 10"))},
		{"errors of nobody's requests", spec, one(Observed{fine.Saturation, &Answers{0, 15}, "", Reason{}}, "Holding 0 15 of 15")},
		{"a destination without requests has no errors", spec, one(Observed{fine.Saturation, &Answers{}, "", Reason{}}, "Moving 10")},
		{"a death aborts", spec, join(up[:2], one(gone, "Aborted 0 at 10 %: iad is down"))},
		{"and before the first step holds", spec, join(one(gone, "Holding 0 iad is down"), one(fine, "Moving 10"))},
		{"the caller's hold", spec, join(up[:1], one(closed, "Holding 10 iad is cordoned"), one(fine, "Moving 10"))},
		{"the operator's own bounds", strict, join(one(at(4001), "Holding 0 the destination is 40 % full, above 40 %"), one(at(4000), "Moving 10"),
			one(at(4000).failing(4), "Aborted 0"))},
		{"expires in the same steps", expiring, join(up[:4], one(fine, "Returning 10 it expired at 2026-05-01T12:01:00Z"), one(fine, "Returning 10"),
			one(deaf, "Expired 0"), one(fine, "Expired 0"))},
		{"errors on the way back", expiring, join(up[:4], one(fine, "Returning 10"), one(fine.failing(300), "Aborted 0"))},
		{"a hold does not stop the expiry", expiring, join(times(4, epoch{deaf, "Holding 0"}), one(deaf, "Expired 0"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s State
			for i, e := range c.epochs {
				s = Next(c.spec, s, e.seen, noon.Add(time.Duration(i)*loop.Epoch))
				if got := fmt.Sprintf("%s %d %s", s.Phase, s.Percent, s.Why.Text); !strings.HasPrefix(got, e.want) {
					t.Fatalf("epoch %d: %s, want %s", i, got, e.want)
				}
			}
		})
	}
}

// TestTimes: when it began, when it last changed, and how long the destination has been fine.
func TestTimes(t *testing.T) {
	spec := Spec{Percent: 20, Step: 10, Every: 2 * loop.Epoch}
	var s State
	for i, c := range []struct {
		seen               Observed
		began, since, calm int // epochs; -1 is zero
	}{
		{deaf, -1, 0, -1}, {deaf, -1, 0, -1}, {fine, 2, 2, 2}, {fine, 2, 2, 2}, {deaf, 2, 4, -1}, {fine, 2, 5, 5}, {fine, 2, 5, 5}, {fine, 2, 7, 7},
		{deaf, 2, 7, -1},
	} {
		s = Next(spec, s, c.seen, noon.Add(time.Duration(i)*loop.Epoch))
		for what, pair := range map[string]struct {
			got  time.Time
			want int
		}{"began": {s.Began, c.began}, "since": {s.Since, c.since}, "calm": {s.Calm, c.calm}} {
			want := noon.Add(time.Duration(pair.want) * loop.Epoch)
			if pair.want < 0 {
				want = time.Time{}
			}
			if !pair.got.Equal(want) {
				t.Errorf("epoch %d: %s at %v, want %v", i, what, pair.got, want)
			}
		}
	}
}

// TestDefaults: what a silent Spec means, and that steps are never closer than an epoch.
func TestDefaults(t *testing.T) {
	p := Spec{Percent: 100}.WithDefaults()
	if p.Step != 10 || p.Every != 2*time.Minute || p.HoldAbove != 9000 || p.Abort != (Abort{Saturation: 9500, Errors: 500}) {
		t.Errorf("%+v", p)
	}
	if p := (Spec{Every: time.Second, HoldAbove: 9800}).WithDefaults(); p.Every != loop.Epoch || p.Abort.Saturation != 9900 {
		t.Errorf("%+v", p)
	}
	if again := p.WithDefaults(); again != p {
		t.Errorf("%+v became %+v", p, again)
	}
}

// TestSpecChanges: less than was moved comes back at once as far as the loop's ramp allows, more goes on in steps.
func TestSpecChanges(t *testing.T) {
	spec := Spec{Percent: 50, Step: 50, Every: loop.Epoch}
	s := Next(spec, State{}, fine, noon)
	spec.Percent = 20
	s = Next(spec, s, deaf, noon.Add(loop.Epoch))
	if s.Phase != Moved || s.Percent != 20 || s.Share() != 2000 {
		t.Errorf("less: %+v", s)
	}
	spec.Percent, spec.Step = 40, 15
	s = Next(spec, s, fine, noon.Add(2*loop.Epoch))
	s = Next(spec, s, fine, noon.Add(3*loop.Epoch))
	if s.Phase != Moving || s.Percent != 35 {
		t.Errorf("more: %+v", s)
	}
}

// TestRestart: who lost all but what a status holds goes on where the move was, and waits the whole dwell again only if the
// destination is not known to be fine.
func TestRestart(t *testing.T) {
	spec := Spec{Percent: 30, Step: 10, Every: 4 * loop.Epoch}
	s := Next(spec, State{}, fine, noon)
	kept := State{Phase: s.Phase, Percent: s.Percent, Since: s.Since, Began: s.Began, Calm: s.Calm}
	if got := Next(spec, kept, fine, noon.Add(spec.Every)); got.Percent != 20 {
		t.Errorf("known all the time: %+v", got)
	}
	got := Next(spec, kept, deaf, noon.Add(spec.Every))
	if got.Percent != 10 || got.Phase != Holding {
		t.Errorf("not known yet: %+v", got)
	}
	if got = Next(spec, got, fine, noon.Add(spec.Every+loop.Epoch)); got.Percent != 10 || got.Phase != Moving {
		t.Errorf("known again: %+v", got)
	}
}
