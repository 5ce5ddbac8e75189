package site

import (
	"strings"
	"testing"
	"time"
)

// TestBrokenClusterIsToldOf: a cluster that answers nothing is in the site's status and in the workload's message, with
// the time at which it began, until it answers again.
func TestBrokenClusterIsToldOf(t *testing.T) {
	in(t, func(w *world) {
		w.bus.run(1, bundle("chat", 2))
		w.show()
		w.after(time.Second)
		w.cluster.mu.Lock()
		w.cluster.hangs = true
		w.cluster.mu.Unlock()
		w.bus.run(2, bundle("chat", 3))
		w.after(applyTimeout)
		since := "since " + time.Now().UTC().Format(time.RFC3339) + " the site's cluster does not take its work: "
		w.after(30 * time.Second)
		told := strings.Join(w.agent.Status().Problems, "; ")
		if r := w.bus.last(); r.Work != 1 || !strings.Contains(told, since) || !strings.Contains(r.Services[0].Message, since) {
			w.Errorf("problems %q, report %+v", told, r)
		}
		w.cluster.mu.Lock()
		w.cluster.hangs = false
		w.cluster.mu.Unlock()
		w.after(15 * time.Second)
		if r := w.bus.last(); r.Work != 2 || r.Services[0].Message != "" || len(w.agent.Status().Problems) != 0 {
			w.Errorf("once it answers: problems %q, report %+v", w.agent.Status().Problems, r)
		}
	})
}

func TestUnseenClusterIsToldOf(t *testing.T) {
	in(t, func(w *world) {
		w.cluster.mu.Lock()
		w.cluster.away = true
		w.cluster.mu.Unlock()
		w.after(2 * time.Second)
		w.is("problems", strings.Join(w.agent.Status().Problems, "; "), errAway.Error())
	})
}
