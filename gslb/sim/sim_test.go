package sim

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"
)

// Load follows the answers as connections end: a site that nobody is sent to any more has 1/e of its load after one
// mean life.
func TestLoadFollowsAnswers(t *testing.T) {
	c := small()
	var at100, at115 [2]float64
	c.Observe = func(s Second) {
		switch s.Now {
		case 100:
			at100 = [2]float64{s.Sites[0].Arrivals, s.Sites[1].Arrivals}
		case 115:
			at115 = [2]float64{s.Sites[0].Arrivals, s.Sites[1].Arrivals}
		}
	}
	run(t, c, &script{answer: func(_ *View, q Question) Answer {
		if q.Now < 100 {
			return Answer{0, time.Second}
		}
		return Answer{1, time.Second}
	}})
	if !near(at100[0], 100, 0.001) || !near(at115[0], 100/math.E, 0.001) || !near(at115[1], 100-100/math.E, 0.001) {
		t.Errorf("loads %v, 15 s later %v", at100, at115)
	}
}

// Everybody asks again in the second in which the entry expires; resolvers that stretch keep it longer.
func TestEntriesExpire(t *testing.T) {
	c := small(Event{0, Stretch{Percent: 50, Seconds: 120}})
	s := always(0, 20*time.Second)
	run(t, c, s)
	last, gaps, stretched := map[int]int64{}, map[int64]int{}, map[int32]bool{}
	for _, q := range s.asked {
		before, known := last[q.Asker]
		if last[q.Asker] = q.Now; !known || before == 0 {
			continue // the first entry is of a world under way
		}
		gaps[q.Now-before]++
		a := c.Population.Askers[q.Asker]
		if q.Now-before == 120 {
			stretched[a.Resolver] = true
		}
	}
	if len(gaps) != 2 || gaps[20] == 0 || gaps[120] == 0 {
		t.Errorf("gaps %v, want 20 and 120 s alone", gaps)
	}
	if stretched[0] || len(stretched) < 3 {
		t.Errorf("%d resolvers stretch; one with ECS does: %v", len(stretched), stretched[0])
	}
}

// The sums that are kept from answer to answer are those of a count from nothing.
func TestSumsAreExact(t *testing.T) {
	c := small()
	random := NewStream(9, "test")
	s, err := New(c, &script{answer: func(*View, Question) Answer {
		return Answer{random.IntN(3) - 1, time.Duration(1+random.IntN(40)) * time.Second}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		s.Step()
	}
	size, sizeKm := s.size, s.sizeKm
	at := s.at
	s.settle()
	for i, site := range at {
		s.move(i, int(site))
	}
	if !reflect.DeepEqual(size, s.size) || !reflect.DeepEqual(sizeKm, s.sizeKm) {
		t.Error("the sums have drifted")
	}
}

// Without a name server, and without an answer, clients have no site, and ask every second.
func TestNoAnswer(t *testing.T) {
	c := small(Event{100, NameServer{0, NameServerView{Down: true}}}, Event{200, NameServer{1, NameServerView{Down: true}}})
	asked := map[int]int{}
	var unserved float64
	c.Observe = func(s Second) { unserved = s.Unserved }
	s := &script{answer: func(_ *View, q Question) Answer {
		if q.Now >= 100 {
			asked[q.NameServer]++
		}
		return Answer{0, 10 * time.Second}
	}}
	result := run(t, c, s)
	if asked[0] > 0 || asked[1] == 0 {
		t.Errorf("questions to a dead name server and to one that is up: %v", asked)
	}
	if !near(unserved, 100, 1e-6) || !near(result.Failed, 95.0/300, 0.05) {
		t.Errorf("%v requests/s unserved, %v of all failed; want 100, and those of the last 95 s", unserved, result.Failed)
	}
}

func TestRunIsDeterministic(t *testing.T) {
	do := func() Result {
		random := NewStream(5, "test")
		return run(t, small(Event{100, Reports{"fra", Lossy}}), &script{answer: func(*View, Question) Answer {
			return Answer{random.IntN(2), 20 * time.Second}
		}})
	}
	if a, b := do(), do(); a != b {
		t.Errorf("%+v, then %+v", a, b)
	}
}

func TestProbes(t *testing.T) {
	c := small(Event{10, SiteDown{"fra", true}}, Event{20, Block{1, "iad", true}}, Event{30, SiteDown{"fra", false}}, Event{30, Block{1, "iad", false}})
	got := map[int64][4]bool{}
	s := always(0, 10*time.Second)
	s.step = func(v *View) { got[v.Now] = [4]bool{v.Probe(0, 0), v.Probe(0, 1), v.Probe(1, 0), v.Probe(1, 1)} }
	run(t, c, s)
	for now, want := range map[int64][4]bool{
		9: {true, true, true, true}, 10: {false, true, false, true}, 20: {false, true, false, false}, 30: {true, true, true, true},
	} {
		if got[now] != want {
			t.Errorf("second %d: %v, want %v", now, got[now], want)
		}
	}
}

func TestViewShowsFailures(t *testing.T) {
	c := small(Event{10, HubDown(true)}, Event{20, BusDown(true)}, Event{30, Drain{"iad", true}}, Event{40, BusDown(false)}, Event{40, HubDown(false)})
	s := always(0, 10*time.Second)
	var newest int64
	s.step = func(v *View) {
		if v.HubDown != (v.Now >= 10 && v.Now < 40) || v.BusDown != (v.Now >= 20 && v.Now < 40) || v.Sites[1].Drained != (v.Now >= 30) || v.Sites[0].Drained {
			t.Errorf("second %d: hub down %v, bus down %v, drained %v", v.Now, v.HubDown, v.BusDown, v.Sites[1].Drained)
		}
		if v.Now == 39 {
			newest = v.Sites[0].Report.Sample.At.Unix() - c.Begin.Unix()
		}
	}
	run(t, c, s)
	if newest != 19 {
		t.Errorf("without a bus the newest report is of second %d, want 19", newest)
	}
}

// Events change what sites are: 10 replicas of 10 requests/s, slowed to half, cut to 4, and grown again after a minute.
func TestEventsChangeSites(t *testing.T) {
	c := small(Event{10, Slower{"fra", 0.5}}, Event{20, Slower{"fra", 1}}, Event{30, Replicas{"fra", 4}}, Event{40, WarmUp{"fra", 60}},
		Event{40, Replicas{"fra", 12}})
	got := map[int64]float64{}
	c.Observe = func(s Second) { got[s.Now] = s.Sites[0].Capacity }
	run(t, c, always(1, 10*time.Second))
	for now, want := range map[int64]float64{9: 100, 10: 50, 20: 100, 30: 40, 99: 40, 100: 120} {
		if got[now] != want {
			t.Errorf("second %d: capacity %v, want %v", now, got[now], want)
		}
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(c *Config){
		"no population":  func(c *Config) { c.Population = nil },
		"no site":        func(c *Config) { c.Sites = nil },
		"a site twice":   func(c *Config) { c.Sites[1].ID = c.Sites[0].ID },
		"no length":      func(c *Config) { c.Length = 0 },
		"no name server": func(c *Config) { c.NameServers = 0 },
		"a foreign site": func(c *Config) { c.Events = []Event{{5, SiteDown{"ams", true}}} },
	} {
		c := small()
		change(&c)
		if _, err := New(c, always(0, 0)); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
