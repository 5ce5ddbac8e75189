package loop

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

func TestCalmWorldNeedsNoSplit(t *testing.T) {
	w := trio(t, 50, 60, 40)
	w.settle(20)
	if len(w.out.Splits) > 0 || len(w.out.Brief) > 0 || len(w.out.Notes) > 0 {
		t.Errorf("splits %v, brief %v, notes %v", w.out.Splits, w.out.Brief, w.out.Notes)
	}
}

// The demand is found though every answer stands for another number of clients.
func TestDemandIsEstimated(t *testing.T) {
	w := trio(t, 60, 85, 30, 20, 5, 9)
	w.classes[3].answers, w.classes[4].answers = 7, 300
	w.settle(40)
	for site := range w.sites {
		if got, want := float64(w.out.Sites[site].Before)/1000, w.sites[site].arrives; math.Abs(got-want) > 0.03*want {
			t.Errorf("%s: the demand explains %.1f of %.1f requests/s", w.sites[site].id, got, want)
		}
	}
}

// A step of 80 % on one site: after one dead time no site is more than a tenth above its high mark, and nothing swings.
func TestStepIsShed(t *testing.T) {
	w := trio(t, 60, 65, 60)
	w.settle(20)
	w.classes[1].demand *= 1.8
	w.settle(5) // one dead time of 63 s
	var least, most [3]float64
	for i := range least {
		least[i], most[i] = 9, 0
	}
	for epoch := range 60 {
		for site := range w.sites {
			if fill := w.fill(site); fill > 0.9*1.1 {
				t.Errorf("epoch %d:%s", epoch, w.text())
			} else if epoch > 20 {
				least[site], most[site] = min(least[site], fill), max(most[site], fill)
			}
		}
		w.pass()
	}
	for site := range w.sites {
		if most[site]-least[site] > 0.05 {
			t.Errorf("%s swings between %.2f and %.2f", w.sites[site].id, least[site], most[site])
		}
	}
	if !w.out.IsBrief("fra") {
		t.Error("answers of a site above its low mark live long")
	}
}

// Clients come back, slower than they left.
func TestReturnIsSlow(t *testing.T) {
	w := trio(t, 30, 120, 30)
	w.settle(60)
	away := 10_000 - shareAt(w.splits[w.classes[1].key], "fra")
	if away < 2000 || away > 5000 {
		t.Fatalf("%d of 10,000 are away", away)
	}
	w.classes[1].demand = 50
	before := away
	for epoch := range 30 {
		w.pass()
		now := int64(0)
		if shares := w.splits[w.classes[1].key]; shares != nil {
			now = 10_000 - shareAt(shares, "fra")
		}
		if before-now > int64(returnPerEpoch)+1 { // for rounding
			t.Errorf("epoch %d: from %d away to %d", epoch, before, now)
		}
		before = now
	}
	if len(w.out.Splits) != 0 {
		t.Errorf("not all came back: %v", w.out.Splits)
	}
}

// Design rule 5: when all are full, say so and share the overload.
func TestOverloadIsShared(t *testing.T) {
	w := trio(t, 150, 100, 110)
	w.settle(80)
	for site := range w.sites {
		if fill := w.fill(site); fill < 1.1 || fill > 1.3 {
			t.Errorf("overload is not shared:%s", w.text())
		}
	}
	if !slices.ContainsFunc(w.out.Notes, func(n string) bool { return strings.Contains(n, "nobody near has room") }) {
		t.Errorf("notes %v", w.out.Notes)
	}
}

// Design rule 4: a silent site gets nothing new, and keeps what it carried.
func TestSilentSiteAttractsNothing(t *testing.T) {
	w := trio(t, 60, 65, 30)
	w.settle(20)
	carried := w.sites[2].arrives
	w.sites[2].silent = true
	w.classes[1].demand *= 1.8
	for range 60 {
		w.pass()
		if w.sites[2].arrives > 1.05*carried || w.sites[2].arrives < 0.9*carried {
			t.Fatalf("a silent site carried %.1f and now %.1f:%s", carried, w.sites[2].arrives, w.text())
		}
	}
}

// Design rule 4: more than half silent, everything stays as it was.
func TestMassSilenceFreezes(t *testing.T) {
	w := trio(t, 60, 120, 60)
	w.settle(40)
	before, _ := json.Marshal(w.out.Splits)
	w.sites[0].silent, w.sites[1].silent = true, true
	w.classes[1].demand = 200
	w.settle(10)
	after, _ := json.Marshal(w.out.Splits)
	if !w.out.Frozen || string(before) != string(after) {
		t.Errorf("frozen %v: %s, then %s", w.out.Frozen, before, after)
	}
}

// A site that claims twice what it can is found out by its queue. How much it can is tried again from time to time, by a
// thirty-second of a class.
func TestLiarIsFoundOut(t *testing.T) {
	w := trio(t, 70, 20, 20)
	w.sites[0].claimed, w.sites[0].capacity = 200, 100
	w.settle(20)
	w.classes[0].demand = 160
	w.settle(12)
	for range 40 {
		w.pass()
		if w.fill(0) > 1.04 {
			t.Fatalf("the liar is over its real capacity:%s (counted %v x %.2f)", w.text(), w.out.Sites[0].Counted, w.out.Sites[0].Correction)
		}
	}
}

// What a dead site carried goes to the others at once, and below their marks where there is room.
func TestDeathIsLanded(t *testing.T) {
	w := trio(t, 60, 60, 60)
	w.settle(20)
	w.sites[1].down = true
	w.settle(8)
	for range 20 {
		w.pass()
		if w.fill(0) > 0.95 || w.fill(2) > 0.95 {
			t.Fatalf("the load of the dead site landed badly:%s", w.text())
		}
	}
	for _, split := range w.out.Splits {
		if shareAt(split.Shares, "fra") > 0 {
			t.Errorf("%v", split)
		}
	}
}

// A site that comes back is let in over its slow start, not at once.
func TestRecoveryRampsIn(t *testing.T) {
	w := trio(t, 80, 80, 80)
	w.sites[1].down = true
	w.settle(40)
	w.sites[1].down = false
	last := 0.0
	for range 30 {
		w.pass()
		if grew := w.sites[1].arrives - last; grew > 30 {
			t.Errorf("%.1f requests/s more in one epoch:%s", grew, w.text())
		}
		last = w.sites[1].arrives
	}
	if w.fill(1) < 0.75 {
		t.Errorf("it did not come back:%s", w.text())
	}
}

func TestStateSurvivesJSON(t *testing.T) {
	w := trio(t, 60, 120, 60)
	w.settle(10)
	data, err := json.Marshal(w.state)
	if err != nil {
		t.Fatal(err)
	}
	var again State
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	in := w.input()
	_, want := Step(w.policy, w.state, in)
	_, got := Step(w.policy, again, in)
	if a, b := mustJSON(t, want), mustJSON(t, got); a != b {
		t.Errorf("%s\nthen %s", a, b)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A hub that forgot everything, with the map's shares only in the name servers' answers, does not stir the world up.
func TestForgottenStateIsLearnt(t *testing.T) {
	w := trio(t, 60, 120, 60)
	w.settle(40)
	w.state = State{Classes: map[plan.ClassKey]classState{}}
	for key, shares := range w.splits {
		w.state.Classes[key] = classState{Shares: shares}
	}
	for range 20 {
		w.pass()
		for site := range w.sites {
			if w.fill(site) > 0.95 {
				t.Fatalf("stirred up:%s", w.text())
			}
		}
	}
}

func TestPolicyThatOscillatesIsRefused(t *testing.T) {
	if err := (Policy{}).Check(); err != nil {
		t.Error(err)
	}
	err := Policy{Gain: 0.5}.Check()
	if err == nil || !strings.Contains(err.Error(), "at most 0.08") {
		t.Errorf("got %v", err)
	}
}

// A shift moves what the operator said, slowly, and ends with it; its destination stays below its high mark.
func TestShift(t *testing.T) {
	for _, c := range []struct {
		part, room float64 // of what is at ams
		demand     [3]float64
	}{
		{0.5, 0.5, [3]float64{60, 20, 20}},
		{1, 1, [3]float64{60, 20, 20}},
		{1, 0.5, [3]float64{60, 60, 20}},
	} {
		w := trio(t, c.demand[:]...)
		w.settle(10)
		w.shifts = []Shift{{From: 0, To: 1, Share: gslb.Share(c.part * 10_000)}}
		w.settle(40)
		if got, want := w.sites[0].arrives, c.demand[0]*(1-c.room); math.Abs(got-want) > 2 {
			t.Errorf("%v: ams carries %.1f, want %.1f:%s, %v", c, got, want, w.text(), w.out.Notes)
		}
		if told := len(w.out.Notes) > 0; told != (c.room < c.part) {
			t.Errorf("%v: notes %v", c, w.out.Notes)
		}
		w.shifts = nil
		w.settle(40)
		if len(w.out.Splits) > 0 {
			t.Errorf("%v: after it %v", c, w.out.Splits)
		}
	}
}

// Between sites that are about as near as each other, a shift neither grows from step to step nor stays when it has ended, though
// nobody would move for so little by himself.
func TestShiftBetweenNearSites(t *testing.T) {
	for _, gap := range []solve.Cost{0, 500, 2000, 20_000} {
		w := trio(t, 40, 10, 10)
		for i := range w.classes {
			w.classes[i].costs = map[int]solve.Cost{0: 1000, 1: 1000 + gap, 2: 50_000}
		}
		w.settle(10)
		before := w.sites[0].arrives
		w.shifts = []Shift{{From: 0, To: 1, Share: 2500}}
		w.settle(40)
		if got := w.sites[0].arrives; math.Abs(got-before*0.75) > 3 {
			t.Errorf("%v us: ams carries %.1f of %.1f, want three quarters:%s", gap, got, before, w.text())
		}
		w.shifts = nil
		w.settle(40)
		if got := w.sites[0].arrives; math.Abs(got-before) > 3 {
			t.Errorf("%v us: after it ams carries %.1f, want %.1f:%s", gap, got, before, w.text())
		}
	}
}

func TestMinSitesSpreadsEveryClass(t *testing.T) {
	w := trio(t, 30, 30, 30)
	w.policy.MinSites = 2
	w.settle(20)
	if len(w.out.Splits) != 3 {
		t.Fatal(w.out.Splits)
	}
	for _, split := range w.out.Splits {
		if len(split.Shares) != 2 || split.Shares[0].Share != 5000 {
			t.Errorf("%v", split)
		}
	}
}

// "never more than it carried": what the last report said, though no Step counted it in.
func TestSilentSiteKeepsWhatItSaidLast(t *testing.T) {
	w := trio(t, 80, 20, 20)
	w.settle(10)
	last := *w.sites[0].sampled
	rate := rps(45)
	last.At, last.Rate = w.now.Add(4*time.Second), &rate
	w.sites[0].sampled, w.sites[0].silent = &last, true
	w.settle(2)
	if got, want := w.out.Sites[0].Counted, rps(50); got != want || !w.out.Sites[0].Silent {
		t.Errorf("it counts for %v, want %v, of which the high mark is what it carried", got, want)
	}
}

// A drain that ends while everything stays as it was is over like others: clients return slowly.
func TestReturnFromADrainThatEndedUnseen(t *testing.T) {
	w := trio(t, 80, 20, 20)
	w.sites[0].claimed = 70 // a part of its clients is elsewhere
	w.settle(30)
	silence := func(on bool) {
		for i := range w.sites {
			w.sites[i].silent = on
		}
	}
	silence(true)
	w.settle(2)
	w.sites[0].drained = true
	w.settle(10)
	w.sites[0].drained = false
	silence(false)
	w.pass()
	if got := w.shares(0)[0]; got > 0.31 {
		t.Errorf("%.2f of its clients are back at once", got)
	}
}
