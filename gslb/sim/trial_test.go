package sim

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb/plan"
)

var embeddedTrials = sync.OnceValues(func() (*Trials, error) {
	table, err := embedded.Open()
	if err != nil {
		return nil, err
	}
	return NewTrials(table), nil
})

func trials(t *testing.T) *Trials {
	t.Helper()
	all, err := embeddedTrials()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func trial(t *testing.T, size TrialSize, seed uint64) *Trial {
	t.Helper()
	one, err := trials(t).New(size, seed)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// trialSeeds is how many of the thousand seeds of `make bench-faults` the tests run.
const trialSeeds = 50

// Whatever goes wrong, Production breaks no rule.
func TestTrials(t *testing.T) {
	all := trials(t)
	for seed := uint64(1); seed <= trialSeeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			liveThrough(t, all, seed)
		})
	}
}

// liveThrough runs a trial and tells its breaches.
func liveThrough(t *testing.T, all *Trials, seed uint64) {
	t.Helper()
	one, err := all.New(SmallTrial, seed)
	if err != nil {
		t.Fatal(err)
	}
	result, err := one.Run()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range result.Rules.Breaches {
		t.Error(b)
	}
	if len(result.Rules.Breaches) > 0 {
		t.Logf("to replay it: go run ./gslb/sim/bench/faults -seed %d", seed)
	}
}

// A trial is by its seed, in all that it does.
func TestTrialsAreDeterministic(t *testing.T) {
	size := SmallTrial
	size.Length = 20 * time.Minute
	do := func(seed uint64) (Config, Result) {
		one := trial(t, size, seed)
		r, err := one.Run()
		if err != nil {
			t.Fatal(err)
		}
		return one.Config, r.Result
	}
	config, first := do(7)
	configAgain, again := do(7)
	_, other := do(8)
	if first != again || !reflect.DeepEqual(config, configAgain) || first == other {
		t.Errorf("%+v, then %+v; of another seed %+v", first, again, other)
	}
}

// The worlds are as large as they say, in the mean.
func TestTrialSizes(t *testing.T) {
	for _, c := range []struct {
		size        TrialSize
		seeds       int
		least, most int // demand classes
	}{{SmallTrial, 20, 37, 43}, {LargeTrial, 2, 950, 1050}} {
		classes := 0
		for seed := range c.seeds {
			one := trial(t, c.size, uint64(seed))
			p := NewProduction(ProductionConfig{Geo: one.Geo})
			s, err := New(one.Config, p)
			if err != nil {
				t.Fatal(err)
			}
			s.Step()
			classes += len(p.head.compiled.Services[0].All.Classes.Demand().List)
			if len(one.Config.Sites) != c.size.Sites || len(one.Config.Population.Clients) != c.size.Clients {
				t.Errorf("%s: %d sites, %d clients", c.size.Name, len(one.Config.Sites), len(one.Config.Population.Clients))
			}
		}
		if classes /= c.seeds; classes < c.least || classes > c.most {
			t.Errorf("%s: %d demand classes, want %d to %d", c.size.Name, classes, c.least, c.most)
		}
	}
}

// Twenty incidents and more in two hours, of every kind, several at a time, and none at what another one has broken.
func TestIncidents(t *testing.T) {
	kinds, together, seconds := map[string]int{}, int64(0), int64(0)
	for seed := uint64(1); seed <= trialSeeds; seed++ {
		one := trial(t, SmallTrial, seed)
		if len(one.Incidents) < 20 {
			t.Errorf("seed %d: %d incidents", seed, len(one.Incidents))
		}
		for i, a := range one.Incidents {
			kinds[a.Name]++
			together += min(a.Until, int64(SmallTrial.Length.Seconds())) - a.At
			for _, b := range one.Incidents[:i] {
				if thing := both(a, b); thing != "" && a.At <= b.Until && b.At <= a.Until {
					t.Errorf("seed %d: %s is broken twice: by %v and by %v", seed, thing, a, b)
				}
			}
		}
		seconds += int64(SmallTrial.Length.Seconds()) - settles
		if _, err := New(one.Config, always(0, time.Minute)); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
	for _, kind := range incidentKinds {
		if kinds[kind.name] == 0 {
			t.Errorf("%s never happens", kind.name)
		}
	}
	if mean := float64(together) / float64(seconds); mean < 1.5 || mean > 5 {
		t.Errorf("%.1f incidents at a time", mean)
	}
}

// both is what two incidents change.
func both(a, b Incident) string {
	for _, x := range a.Events {
		for _, y := range b.Events {
			if thingOf(x.Change) == thingOf(y.Change) {
				return thingOf(x.Change)
			}
		}
	}
	return ""
}

func thingOf(c Change) string {
	switch c := c.(type) {
	case Demand:
		return fmt.Sprintf("demand %+v", c.Of)
	case NameServer:
		return fmt.Sprintf("name server %d", c.Number)
	case Block:
		return fmt.Sprintf("probes of %d to %s", c.NameServer, c.Site)
	}
	id, _ := siteOf(c)
	return fmt.Sprintf("%T %s", c, id)
}

// What broke is whole once the last incident is over.
func TestIncidentsAreMended(t *testing.T) {
	for seed := uint64(1); seed <= trialSeeds; seed++ {
		one := trial(t, SmallTrial, seed)
		s, err := New(one.Config, NewProduction(ProductionConfig{Geo: one.Geo, OnAllUnhealthy: plan.AnswerAll}))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range one.Config.Events {
			s.now = e.At
			e.Change.apply(s)
		}
		s.now += 7200
		for i := range s.sites {
			site := &s.sites[i]
			site.becomeReady(s.now)
			if site.dead || site.drained || site.factor != 1 || site.ready != site.spec.Replicas || site.warmUp != site.spec.WarmUp || s.mail[i].fault != NoFault {
				t.Errorf("seed %d: %s is left broken: %+v", seed, site.spec.ID, site)
			}
		}
		for _, c := range s.changes {
			if c.at(s.now) != 1 {
				t.Errorf("seed %d: a demand is left at %v", seed, c.at(s.now))
			}
		}
		for what, broken := range map[string]bool{"hub": s.view.HubDown, "bus": s.view.BusDown, "TTLs": s.stretch != Stretch{}} {
			if broken {
				t.Errorf("seed %d: %s is left broken", seed, what)
			}
		}
		for pair, blocked := range s.blocked {
			if blocked || s.view.NameServers[pair.nameServer] != (NameServerView{}) {
				t.Errorf("seed %d: name server %d is left broken", seed, pair.nameServer)
			}
		}
	}
}
