package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestQueue has its numbers worked out by hand: 100 requests/s of capacity, and room for 50 that wait.
func TestQueue(t *testing.T) {
	type second struct{ arrivals, served, waiting, failed float64 }
	for _, c := range []struct {
		name    string
		seconds []second
	}{
		{"below the capacity nothing waits", []second{{80, 80, 0, 0}, {100, 100, 0, 0}}},
		{"what is too much waits, and then fails", []second{{120, 100, 20, 0}, {120, 100, 40, 0}, {120, 100, 50, 10}, {120, 100, 50, 20}}},
		{"what waits is served first", []second{{130, 100, 30, 0}, {80, 100, 10, 0}, {80, 90, 0, 0}, {80, 80, 0, 0}}},
		{"a crowd fails at once", []second{{1000, 100, 50, 850}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := twoSites()[0]
			spec.WaitingLimit = 50
			s := newSite(spec)
			for i, want := range c.seconds {
				s.target = want.arrivals
				s.step(int64(i), 1)
				if got := (second{s.arrivals, s.served, s.waiting, s.failed}); got != want {
					t.Errorf("second %d: %+v, want %+v", i, got, want)
				}
			}
		})
	}
}

func TestADeadSiteFailsWhatItHas(t *testing.T) {
	s := newSite(twoSites()[0])
	s.target = 130
	s.step(0, 1)
	s.dead = true
	s.step(1, 1)
	if s.served != 0 || s.waiting != 0 || s.failed != 160 || s.capacity() != 0 {
		t.Errorf("served %v, waiting %v, failed %v: want 0, 0 and the 30 that waited with the 130 that came", s.served, s.waiting, s.failed)
	}
	s.dead = false
	if s.step(2, 1); s.served != 100 || s.waiting != 30 {
		t.Errorf("after its return it served %v and %v wait, want 100 and 30", s.served, s.waiting)
	}
}

// What is in service is served in the time of one request: 80 requests/s of 2 s each are 160.
func TestRunningByLittlesLaw(t *testing.T) {
	s := newSite(twoSites()[0])
	s.target = 80
	s.step(0, 1)
	if s.running() != 160 || s.runningLimit() != 200 {
		t.Errorf("running %v of %v, want 160 of 200", s.running(), s.runningLimit())
	}
}

// TestAutoscaler follows 10 replicas of 10 requests/s with a target of 50 %: load 80 wants 16, load 20 wants 4.
func TestAutoscaler(t *testing.T) {
	spec := twoSites()[0]
	spec.WarmUp = 30 * time.Second
	spec.Autoscaler = &Autoscaler{TargetPercent: 50, Floor: 5, Ceiling: 20, Delay: time.Minute}
	s := newSite(spec)
	var got strings.Builder
	last := -1
	for now := range int64(240) {
		switch s.target = 80; {
		case now >= 200:
			s.target = 20
		case now >= 100:
			s.target = 1000
		}
		if now >= 165 && now < 170 {
			s.target = 20 // a dip that is too short
		}
		if s.step(now, 1); s.ready != last {
			fmt.Fprintf(&got, "%d:%d ", now, s.ready)
			last = s.ready
		}
	}
	// At 0 it wants 16, ready 30 s later; at 105 it wants 20, its ceiling.
	if want := "0:10 30:16 135:20 "; got.String() != want {
		t.Errorf("ready %s, want %s", &got, want)
	}
	for now := int64(240); now < 300; now++ {
		s.step(now, 1)
	}
	if s.ready != 5 {
		t.Errorf("a minute after the load fell %d are ready, want 5, its floor", s.ready)
	}
}

func TestReplicasGoCold(t *testing.T) {
	s := newSite(twoSites()[0])
	s.setReplicas(0, 13)
	s.setReplicas(1, 11) // two of those that warm up
	if s.ready != 10 || len(s.warming) != 1 || s.warming[0].count != 1 {
		t.Fatalf("ready %d, warming %v: want 10 and one", s.ready, s.warming)
	}
	s.setReplicas(2, 4) // and the rest of those that are ready
	if s.ready != 4 || len(s.warming) != 0 {
		t.Fatalf("ready %d, warming %v: want 4 and none", s.ready, s.warming)
	}
}
