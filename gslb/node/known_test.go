package node

import (
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/probe"
	"tidegate.dev/tidegate/gslb/world"
)

// That an address flapped outlives a restart, though it is up.
func TestFlapsOutliveARestart(t *testing.T) {
	folder := t.TempDir()
	first := start(t, folder)
	if err := first.offer(1, probed(mapOf(1, 3))); err != nil {
		t.Fatal(err)
	}
	target := world.Target{Service: chat, Addr: addressOf(1)}
	want := health.State{Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Flaps: 2}
	for _, v := range []probe.Verdict{verdictOf(chat, 1, true), {Target: target, State: want}} {
		first.verdicts <- v
		for down := len(first.Status().Down) > 0; down != v.Down; down = len(first.Status().Down) > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	first.stop()
	second := start(t, folder)
	defer second.stop()
	if got := second.loadKnown()[target]; got != want {
		t.Errorf("restored %+v, want %+v", got, want)
	}
}
