package sim

import (
	"testing"
	"time"
)

// Every scenario is a world that runs, has a name of its own, and leaves the world that it is made of as it was.
func TestScenarios(t *testing.T) {
	base := nineSites(70)
	names := map[string]bool{}
	for _, s := range Scenarios(base, 63*time.Second) {
		if names[s.Name] || s.Name == "" || s.About == "" {
			t.Errorf("%q: %q", s.Name, s.About)
		}
		names[s.Name] = true
		if _, err := New(s.Config, always(0, time.Minute)); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		if m := s.Config.Measure; m.From >= m.Steady || m.High != 0.9 || s.Config.Length < time.Duration(m.Steady)*time.Second {
			t.Errorf("%s measures %+v of %v", s.Name, m, s.Config.Length)
		}
		for _, e := range s.Config.Events {
			if e.At >= int64(s.Config.Length/time.Second) {
				t.Errorf("%s: %+v is after its end", s.Name, e)
			}
		}
	}
	for _, site := range base.Sites {
		if site.Autoscaler != nil || site.Enrolled != 0 {
			t.Errorf("%s was changed in the world itself", site.ID)
		}
	}
	if len(names) < 18 {
		t.Errorf("%d scenarios", len(names))
	}
}

// The busiest site is the one that most demand is nearest to, by a count over all clients.
func TestBusiest(t *testing.T) {
	c := nineSites(70)
	sim, err := New(c, always(0, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	sizes := make([]int64, len(c.Sites))
	for _, client := range c.Population.Clients {
		sizes[sim.nearest(client.Direction)] += client.Size
	}
	b := scenarios{world: c}
	for i, size := range sizes {
		if size > sizes[b.busiest()] {
			t.Errorf("site %d has %d around it, the busiest %d", i, size, sizes[b.busiest()])
		}
	}
}
