package tidegate

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/gslb/plan"
)

// referenceQueries is how many random queries TestReference asks. TIDEGATE_REFERENCE_QUERIES=200000 asks for more, and
// then prints the line that the benchmarks report.
const referenceQueries = 20_000

// referenceSeed begins the random worlds; TIDEGATE_REFERENCE_SEED takes another.
const referenceSeed = 20261123

func setting(t *testing.T, name string, fallback int) (value int, given bool) {
	t.Helper()
	text, given := os.LookupEnv(name)
	if !given {
		return fallback, false
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value, true
}

// TestReference asks random queries about random worlds and compares every answer with a dumb implementation.
func TestReference(t *testing.T) {
	queries, bench := setting(t, "TIDEGATE_REFERENCE_QUERIES", referenceQueries)
	seed, _ := setting(t, "TIDEGATE_REFERENCE_SEED", referenceSeed)
	run := referenceRun{rng: rand.New(rand.NewPCG(uint64(seed), 1)), reasons: map[string]int{}, levels: map[string]int{}, splits: map[string]int{}, failed: map[string]int{}}
	embeddedWorlds, smallWorlds := 2, 30
	perSmall := queries * 4 / 5 / smallWorlds
	for range smallWorlds {
		table, err := smallTable(run.rng)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) { run.world(t, plan.NewGeo(table), 12, 14, perSmall) })
	}
	perEmbedded := (queries - run.asked) / embeddedWorlds
	for i := range embeddedWorlds {
		geo, rest := openEmbedded(t), queries-run.asked-perEmbedded*(embeddedWorlds-1-i)
		synctest.Test(t, func(t *testing.T) { run.world(t, geo, 4, 12, max(perEmbedded, rest)) })
	}
	t.Logf("seed %d: %d queries, %d mismatches, %d too close to tell", seed, run.asked, run.mismatches, run.ties)
	t.Logf("answers by reason: %v, by level: %v, by split: %v, without a healthy endpoint: %v", run.reasons, run.levels, run.splits, run.failed)
	if bench {
		fmt.Printf("result main.reference_mismatch %d queries\n", run.mismatches)
	}
	if run.asked < queries {
		t.Errorf("asked %d queries, want %d", run.asked, queries)
	}
	for _, level := range plan.Levels() {
		if run.levels[string(level)] == 0 {
			t.Errorf("no answer was given at level %s", level)
		}
	}
	for _, kind := range []string{"of 1", "of 2", "by unit", "by resolver", "by slot"} {
		if run.splits[kind] == 0 {
			t.Errorf("no class was split %s", kind)
		}
	}
	for _, kind := range []string{"servfail", "fallback", "last-good", "fallback without a site of the family"} {
		if run.failed[kind] == 0 {
			t.Errorf("no service answered by %s", kind)
		}
	}
}

type referenceRun struct {
	rng                     *rand.Rand
	asked, mismatches, ties int
	reasons, levels, splits map[string]int
	failed                  map[string]int
}

// world asks queries about one random world.
func (run *referenceRun) world(t *testing.T, geo *plan.Geo, services, maxSites, queries int) {
	t.Helper()
	m, down := randomWorld(run.rng, services, maxSites)
	addSplits(run.rng, m, geo)
	moments := randomPast(run.rng, m, down)
	h := handlerOf(servedAfter(t, m, geo, moments))
	r := newReference(m, geo.Table, moments)
	for range queries {
		time.Sleep(time.Duration(run.rng.IntN(20)) * time.Second) // of the bubble's clock: slots come and go
		q := randomQuery(run.rng, m)
		got := messageOf(ask(t, h, q))
		want := r.answer(q)
		run.asked++
		if len(want) > 1 {
			run.ties++
		}
		run.count(want[0])
		if !slices.ContainsFunc(want, func(w message) bool { return w.String() == got.String() }) {
			if run.mismatches++; run.mismatches <= 10 {
				t.Errorf("%+v:\n got  %v\n want %v", q, got, want)
			}
		}
	}
	for level, times := range r.met {
		run.levels[level] += times
	}
	for kind, times := range r.splits {
		run.splits[kind] += times
	}
	for kind, times := range r.failed {
		run.failed[kind] += times
	}
}

// count keeps a tally, so that a test that stopped to meet a case shows it.
func (run *referenceRun) count(m message) {
	kind := m.rcode
	switch {
	case len(m.answers) > 0:
		kind += " with answer"
	case m.rcode == "NOERROR":
		kind = "NODATA"
	}
	if m.scope > 0 {
		kind += ", scoped"
	}
	run.reasons[kind]++
}
