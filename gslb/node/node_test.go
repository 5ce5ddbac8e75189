package node

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/plan"
)

func TestDeathIsSwappedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "")
		defer r.stop()
		if err := r.offer(1, mapOf(1, 3)); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		r.finding(0, true)
		r.expectUp("DUU")
		r.finding(2, true)
		r.expectUp("DUD")
		if waited := time.Since(before); waited != 0 {
			t.Errorf("swapped after %v, want at once", waited)
		}
		if got := r.Status().Down; len(got) != 2 || got[0].Address != "192.0.2.1" {
			t.Errorf("status says %+v", got)
		}
	})
}

func TestRecoveriesWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "")
		defer r.stop()
		if err := r.offer(1, mapOf(1, 5)); err != nil {
			t.Fatal(err)
		}
		for site := range 5 {
			r.finding(site, true)
		}
		r.expectUp("DDDDD")
		before := r.swaps.Load()
		for site := range 5 {
			r.finding(site, false)
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		r.expectUp("DDDDD")
		time.Sleep(500*time.Millisecond + time.Microsecond)
		synctest.Wait()
		r.expectUp("UUUUU")
		if swaps := r.swaps.Load() - before; swaps != 1 {
			t.Errorf("%d swaps for five recoveries within a second, want 1", swaps)
		}
	})
}

// A death takes waiting recoveries along.
func TestDeathHurriesRecoveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "")
		defer r.stop()
		if err := r.offer(1, mapOf(1, 2)); err != nil {
			t.Fatal(err)
		}
		r.finding(0, true)
		r.finding(0, false)
		r.expectUp("DU")
		r.finding(1, true)
		r.expectUp("UD")
	})
}

func TestOldNewsIsNoSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "")
		defer r.stop()
		if err := r.offer(1, mapOf(1, 2)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := r.swaps.Load()
		r.finding(0, false)
		time.Sleep(time.Minute)
		if swaps := r.swaps.Load() - before; swaps != 0 {
			t.Errorf("%d swaps for what was known", swaps)
		}
	})
}

// A dead site is one swap, however many addresses it had.
func TestDeathsOfOneSiteAreOneSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, t.TempDir())
		defer r.stop()
		if err := r.offer(1, mapOf(500, 2)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := r.swaps.Load()
		for _, s := range r.Store().Load().Plan.Services {
			r.verdicts <- verdictOf(s.Spec.Name, 0, true)
		}
		synctest.Wait()
		if swaps := r.swaps.Load() - before; swaps > 50 {
			t.Errorf("%d swaps for 500 deaths at once", swaps)
		}
		if got := len(r.Status().Down); got != 500 {
			t.Errorf("%d are down, want 500", got)
		}
	})
}

func TestGuardsKeepWhatIsServed(t *testing.T) {
	r := start(t, "")
	defer r.stop()
	if err := r.offer(7, mapOf(30, 8)); err != nil {
		t.Fatal(err)
	}
	served := r.Store().Load()
	half := mapOf(30, 8)
	for i := range half.Services {
		half.Services[i].Endpoints = half.Services[i].Endpoints[:4]
	}
	wrongDigest := proposalOf(t, 8, mapOf(31, 8))
	wrongDigest.Head.Digest = plan.DigestOf([]byte("another"))
	notAMap := Proposal{Head: plan.Head{Generation: 8, Digest: plan.DigestOf([]byte("{}"))}, Data: []byte("{}")}
	for _, c := range []struct {
		name     string
		proposal Proposal
		want     error
		reason   string
	}{
		{"old generation", proposalOf(t, 6, mapOf(31, 8)), plan.ErrOldGeneration, "old_generation"},
		{"the same generation", proposalOf(t, 7, mapOf(31, 8)), plan.ErrOldGeneration, "old_generation"},
		{"wrong digest", wrongDigest, plan.ErrDigest, "digest"},
		{"not a map", notAMap, plan.ErrEncoding, "encoding"},
		{"emptied", proposalOf(t, 8, mapOf(0, 8)), plan.ErrEmptied, "emptied"},
		{"a name is gone", proposalOf(t, 8, mapOf(29, 8)), plan.ErrEmptied, "emptied"},
		{"half of it is gone", proposalOf(t, 8, half), plan.ErrVelocity, "velocity"},
	} {
		before := maps.Clone(r.Status().Refused)
		if err := r.Propose(t.Context(), c.proposal); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		status := r.Status()
		if status.Refused[c.reason] != before[c.reason]+1 || status.LastRefused == "" {
			t.Errorf("%s: counted %v after %v", c.name, status.Refused, before)
		}
		if r.Store().Load() != served {
			t.Fatalf("%s: what is served changed", c.name)
		}
	}
	if err := r.offer(8, half, plan.Reason{Kind: plan.ReasonForced}); err != nil || r.Store().Load().Generation != 8 {
		t.Errorf("forced: %v", err)
	}
	if r.Status().LastRefused != "" {
		t.Errorf("after a good map: %q", r.Status().LastRefused)
	}
}

func TestRefusedReasonsAreComplete(t *testing.T) {
	known := map[string]bool{}
	for _, name := range RefusedReasons() {
		known[name] = true
	}
	for _, err := range []error{plan.ErrOldGeneration, plan.ErrDigest, plan.ErrEncoding, plan.ErrSignature, plan.ErrEmptied, plan.ErrVelocity, ErrOvertaken, errors.New("x")} {
		if !known[reasonOf(err)] {
			t.Errorf("%v is counted as %q, which is not listed", err, reasonOf(err))
		}
	}
}

// The generation counts at the moment of the swap, not when the compilation began.
func TestOvertakenMap(t *testing.T) {
	r := start(t, "")
	defer r.stop()
	if err := r.offer(5, mapOf(1, 2)); err != nil {
		t.Fatal(err)
	}
	late := compiledProposal{Proposal: proposalOf(t, 5, mapOf(1, 2)), plan: r.Store().Load().Plan, done: make(chan error, 1)}
	r.compiled <- late
	if err := <-late.done; !errors.Is(err, ErrOvertaken) {
		t.Errorf("got %v", err)
	}
}

func TestProposeEndsWithItsContext(t *testing.T) {
	n := start(t, "")
	n.stop()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Propose(ctx, proposalOf(t, 1, mapOf(1, 1))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRestoreFromDisk(t *testing.T) {
	folder := t.TempDir()
	first := start(t, folder)
	for generation := uint64(1); generation <= 3; generation++ {
		if err := first.offer(generation, mapOf(int(generation), 2)); err != nil {
			t.Fatal(err)
		}
	}
	first.stop()
	newest := filepath.Join(folder, "00000000000000000003.map")
	data, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	write(t, newest, string(data[:len(data)/2]))

	second := start(t, folder)
	defer second.stop()
	if err := second.Restore(t.Context(), verifyHead); err != nil {
		t.Fatal(err)
	}
	status := second.Status()
	if status.Generation != 2 || !status.FromDisk || status.Services != 2 {
		t.Errorf("restored %+v, want generation 2 from disk", status)
	}
	if err := second.offer(3, mapOf(3, 2)); err != nil || second.Status().FromDisk {
		t.Errorf("a newer map: %v, %+v", err, second.Status())
	}
}

func TestRestoreOfAStrangersMap(t *testing.T) {
	folder := t.TempDir()
	f, err := keep.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	p := proposalOf(t, 4, mapOf(1, 1))
	signed := strings.Replace(string(p.SignedHead), `"signature":"`, `"signature":"AAAA`, 1)
	if err := f.Save(keep.Kept{Source: keep.Bus, Generation: 4, Head: []byte(signed), Data: p.Data}); err != nil {
		t.Fatal(err)
	}
	r := start(t, folder)
	defer r.stop()
	if err := r.Restore(t.Context(), verifyHead); err != nil || r.Store().Load().Plan != nil {
		t.Errorf("%v, %+v", err, r.Status())
	}
}

// What the probes knew outlives a restart: a dead address is not tried on clients first.
func TestHealthOutlivesARestart(t *testing.T) {
	folder := t.TempDir()
	first := start(t, folder)
	if err := first.offer(1, probed(mapOf(1, 3))); err != nil {
		t.Fatal(err)
	}
	swapped := first.swaps.Load()
	first.verdicts <- verdictOf(chat, 1, true)
	for first.swaps.Load() == swapped {
		time.Sleep(time.Millisecond)
	}
	first.stop()

	second := start(t, folder)
	defer second.stop()
	if err := second.Restore(t.Context(), verifyHead); err != nil {
		t.Fatal(err)
	}
	second.expectUp("UDU")
	gone := probed(mapOf(1, 3))
	gone.Services[0].Endpoints[1].Addresses[0].Addr = addressOf(99)
	if err := second.offer(2, gone); err != nil {
		t.Fatal(err)
	}
	second.expectUp("UUU")
	if down := second.Status().Down; len(down) != 0 {
		t.Errorf("%+v is still down, though no map names it", down)
	}
}

func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "")
		defer r.stop()
		if report := r.Report("ns1", time.Now()); report.Generation != 0 || report.Dead != nil {
			t.Errorf("without a map: %+v", report)
		}
		if err := r.offer(9, mapOf(1, 2)); err != nil {
			t.Fatal(err)
		}
		r.finding(1, true)
		report := r.Report("ns1", time.Now())
		if report.Name != "ns1" || report.Generation != 9 || len(report.Dead) != 1 || report.Dead[0].Site != "s01" || report.Dead[0].Service != chat {
			t.Errorf("got %+v", report)
		}
	})
}

func TestGeoTableOfAnother(t *testing.T) {
	r := start(t, "")
	defer r.stop()
	p := proposalOf(t, 1, mapOf(1, 1))
	p.Head.GeoDigest = "sha256:another"
	if err := r.Propose(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := r.Status().GeoWanted; got != "sha256:another" {
		t.Errorf("status wants %q", got)
	}
}

// A node tells its builder the time: a site that died an hour before the last is not among those that were last good.
func TestLastGoodKnowsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "")
		defer r.stop()
		m := mapOf(1, 3)
		m.Services[0].Steering.OnAllUnhealthy = plan.AnswerLastGood
		if err := r.offer(1, m); err != nil {
			t.Fatal(err)
		}
		r.finding(0, true)
		r.expectUp("DUU")
		time.Sleep(time.Hour)
		r.finding(1, true)
		time.Sleep(time.Second)
		r.finding(2, true)
		r.expectUp("DDD")
		then := r.Store().Load().Service(0).LastGood(plan.IPv4, plan.NoResidency)
		if then == nil || then.Endpoints[0].Up || !then.Endpoints[1].Up || !then.Endpoints[2].Up {
			t.Errorf("last good: %+v", then)
		}
	})
}
