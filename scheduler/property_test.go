package scheduler_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/scheduler"
)

// world is a small snapshot, so that the reference can try every placement.
type world struct {
	sites    []scheduler.Site
	workload scheduler.Workload
	previous scheduler.Placement
}

func drawWorld(t *rapid.T) world {
	w := world{workload: spread(rapid.IntRange(0, 7).Draw(t, "replicas")), previous: scheduler.Placement{}}
	w.workload.Name = rapid.StringMatching("[a-z]{1,3}").Draw(t, "name")
	if rapid.Bool().Draw(t, "regional") {
		w.workload.Policy.Regions = []string{"r0", "r1"}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "sites") {
		s := scheduler.Site{
			ID:       gslb.SiteID(fmt.Sprintf("s%d", i)),
			Region:   rapid.SampledFrom([]string{"r0", "r1", "r2"}).Draw(t, "region"),
			Room:     rapid.SampledFrom([]int{0, 1, 2, 3, scheduler.NoLimit}).Draw(t, "room"),
			Cordoned: rapid.IntRange(0, 4).Draw(t, "cordoned") == 0,
			Silent:   rapid.IntRange(0, 4).Draw(t, "silent") == 0,
		}
		w.sites = append(w.sites, s)
		if n := rapid.IntRange(0, 4).Draw(t, "previous"); n > 0 {
			w.previous[s.ID] = n
		}
	}
	return w
}

// cap is the reference's own reading of the rules: the most that a site may get.
func (w world) cap(s scheduler.Site) int {
	allowed := len(w.workload.Policy.Regions) == 0 || s.Region == "r0" || s.Region == "r1"
	switch {
	case !allowed:
		return 0
	case s.Silent || s.Cordoned:
		return min(s.Room, w.previous[s.ID])
	}
	return s.Room
}

// cost orders placements: replicas placed, then what silent sites lose, then unevenness of the others, then replicas
// started anew.
type cost struct{ unplaced, silentLost, uneven, started int }

func (a cost) less(b cost) bool {
	switch {
	case a.unplaced != b.unplaced:
		return a.unplaced < b.unplaced
	case a.silentLost != b.silentLost:
		return a.silentLost < b.silentLost
	case a.uneven != b.uneven:
		return a.uneven < b.uneven
	}
	return a.started < b.started
}

func (w world) costOf(placed []int) cost {
	c := cost{unplaced: w.workload.Replicas}
	for i, s := range w.sites {
		c.unplaced -= placed[i]
		c.started += max(0, placed[i]-w.previous[s.ID])
		if s.Silent {
			c.silentLost += w.cap(s) - placed[i]
		} else {
			c.uneven += placed[i] * placed[i]
		}
	}
	return c
}

// best tries every placement within the caps.
func (w world) best() cost {
	best, placed := cost{unplaced: 1 << 30}, make([]int, len(w.sites))
	var try func(i, left int)
	try = func(i, left int) {
		if i == len(w.sites) {
			if c := w.costOf(placed); c.less(best) {
				best = c
			}
			return
		}
		for n := range min(w.cap(w.sites[i]), left) + 1 {
			placed[i] = n
			try(i+1, left-n)
		}
		placed[i] = 0
	}
	try(0, w.workload.Replicas)
	return best
}

func TestPlaceIsTheBestOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		d := scheduler.Place(w.sites, w.workload, w.previous)
		placed := make([]int, len(w.sites))
		sum := 0
		for i, s := range d.Sites {
			if s.Site != w.sites[i].ID {
				t.Fatalf("decision %d is for %s, want %s", i, s.Site, w.sites[i].ID)
			}
			if s.Replicas < 0 || s.Replicas > w.cap(w.sites[i]) {
				t.Fatalf("%s got %d, its cap is %d", s.Site, s.Replicas, w.cap(w.sites[i]))
			}
			placed[i] = s.Replicas
			sum += s.Replicas
		}
		if sum+d.Unschedulable != w.workload.Replicas {
			t.Fatalf("%d placed and %d unschedulable of %d", sum, d.Unschedulable, w.workload.Replicas)
		}
		if got, want := w.costOf(placed), w.best(); got != want {
			t.Fatalf("cost %+v, the best is %+v:\n%s", got, want, d.Explain())
		}
	})
}

func TestPlaceIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.workload.Policy.MaxSites = rapid.IntRange(0, 3).Draw(t, "maxSites")
		first := scheduler.Place(w.sites, w.workload, w.previous)
		again := scheduler.Place(w.sites, w.workload, first.Placement())
		for i := range first.Sites {
			if first.Sites[i].Replicas != again.Sites[i].Replicas {
				t.Fatalf("moved without a change:\n%s%s", first.Explain(), again.Explain())
			}
		}
		used := len(first.Placement())
		if limit := w.workload.Policy.MaxSites; limit > 0 && used > limit {
			t.Fatalf("%d sites, at most %d wanted", used, limit)
		}
	})
}
