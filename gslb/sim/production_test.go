package sim

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
)

// spy is production with a look at it at the end of every second.
type spy struct {
	*Production
	look func(p *Production, v *View)
}

func (s *spy) Step(v *View) {
	s.Production.Step(v)
	if s.look != nil {
		s.look(s.Production, v)
	}
}

// generations runs production and notes which map each name server serves after some seconds.
func generations(t *testing.T, at []int64, events ...Event) map[int64][]uint64 {
	t.Helper()
	got := map[int64][]uint64{}
	run(t, nineSites(70, events...), &spy{production(nil), func(p *Production, v *View) {
		if slices.Contains(at, v.Now) {
			for _, n := range p.servers {
				got[v.Now] = append(got[v.Now], n.snapshot.Generation)
			}
		}
	}})
	return got
}

// The hub thinks every 15 s, from 0 on, and a map arrives a second later: where the bus reaches, and where nothing is
// down. Who comes back takes the newest. A hub that comes back goes on counting.
func TestMapsArrive(t *testing.T) {
	events := []Event{
		{20, NameServer{1, NameServerView{CutOff: true}}}, {40, NameServer{2, NameServerView{Down: true}}},
		{62, NameServer{1, NameServerView{}}}, {62, NameServer{2, NameServerView{}}},
		{100, HubDown(true)}, {130, HubDown(false)}, {160, BusDown(true)}, {190, BusDown(false)},
	}
	want := map[int64][]uint64{
		0: {1, 1, 1}, 15: {1, 1, 1}, 16: {2, 2, 2}, 31: {3, 2, 3}, 46: {4, 2, 3}, 61: {5, 2, 3}, 62: {5, 5, 5},
		129: {7, 7, 7}, 136: {8, 8, 8}, 189: {9, 9, 9}, 196: {10, 10, 10},
	}
	var at []int64
	for second := range want {
		at = append(at, second)
	}
	got := generations(t, at, events...)
	for second, w := range want {
		if !slices.Equal(got[second], w) {
			t.Errorf("second %d: name servers serve %v, want %v", second, got[second], w)
		}
	}
}

// A new leader goes on from the state that the last one left: what it publishes first is what was published.
func TestHubGoesOn(t *testing.T) {
	var splits []map[plan.ClassKey][]plan.SiteShare
	c := nineSites(100, Event{100, HubDown(true)}, Event{140, HubDown(false)})
	c.Events = append(c.Events, crowd(c)...)
	run(t, c, &spy{production(nil), func(p *Production, v *View) {
		if v.Now == 99 || v.Now == 150 {
			splits = append(splits, splitsOf(p.head))
		}
	}})
	before, after := splits[0], splits[1]
	for key, shares := range before {
		for _, s := range shares {
			if d := s.Share - shareOf(after[key], s.Site); after[key] != nil && (d > mostRelieved || d < -mostRelieved) {
				t.Errorf("class %s: %v, by the new leader %v", key, shares, after[key])
			}
		}
	}
	if len(before) == 0 || len(after)*2 < len(before) {
		t.Errorf("%d splits, by the new leader %d", len(before), len(after))
	}
}

// Every name server takes a dead site out by itself, two probes later, hub or no hub.
func TestDeathNeedsNoHub(t *testing.T) {
	c := nineSites(100)
	x := c.Sites[0].ID
	c.Events = []Event{{95, HubDown(true)}, {100, SiteDown{x, true}}}
	named := map[int64]int{}
	p := &spy{Production: production(nil)}
	run(t, c, &asking{p, func(q Question, a Answer) {
		if a.Site == 0 {
			named[q.Now]++
		}
	}})
	before := 0
	for second := int64(90); second < 200; second++ {
		if second <= 100 {
			before += named[second]
		} else if named[second] > 0 {
			t.Errorf("second %d: %d answers name a site that died at 100", second, named[second])
		}
	}
	if before == 0 {
		t.Error("nobody was sent there before it died")
	}
}

// asking is a steerer with a look at every answer.
type asking struct {
	Steerer
	look func(Question, Answer)
}

func (s *asking) Ask(q Question) Answer {
	a := s.Steerer.Ask(q)
	s.look(q, a)
	return a
}

// The hub hears of every answer once, with the seconds that it lives.
func TestAnswersAreCounted(t *testing.T) {
	c := nineSites(70)
	var asked, counted, last float64
	p := production(nil)
	p.config.Trace = func(in loop.Input, _ loop.Output) {
		for _, a := range in.Answers {
			counted += a.Seconds
		}
		last = asked
	}
	run(t, c, &asking{p, func(_ Question, a Answer) { asked += a.TTL.Seconds() }})
	// A step hears of what was answered before its second.
	if counted != last || last == 0 {
		t.Errorf("%v seconds were answered, the hub heard of %v", last, counted)
	}
}

// Answers of calm sites live as long as the policy says, those of others do not, and no rule is broken.
func TestCalmAnswers(t *testing.T) {
	for ttl, want := range map[time.Duration]bool{0: false, time.Minute: true} {
		c, rules := nineSites(70), NewRules(10)
		c.Length = 10 * time.Minute
		p, long, calm := NewProduction(ProductionConfig{Geo: cities(), Rules: rules, CalmTTL: ttl}), 0, 0
		run(t, c, &asking{p, func(_ Question, a Answer) {
			if a.TTL == time.Minute {
				long++
			}
		}})
		for _, e := range p.head.compiled.Map.Services[0].Endpoints {
			if e.Calm {
				calm++
			}
		}
		if (long > 0) != want || (calm > 0) != want || len(rules.Breaches) > 0 {
			t.Errorf("calmTTL %v: %d long answers, %d sites are calm; %v", ttl, long, calm, rules.Breaches)
		}
	}
}

// Sites have names, and the hub takes them by name: in which order they are built changes nothing.
func TestSitesByName(t *testing.T) {
	loads := func(reverse bool) map[gslb.SiteID]float64 {
		c, got := nineSites(70, Event{60, Demand{Factor: 1.3}}), map[gslb.SiteID]float64{}
		if reverse {
			slices.Reverse(c.Sites)
		}
		c.Observe = func(s Second) {
			for i, site := range s.Sites {
				got[c.Sites[i].ID] = site.Arrivals
			}
		}
		run(t, c, production(nil))
		return got
	}
	a, b := loads(false), loads(true)
	for id := range a {
		if !near(a[id], b[id], 1e-9) {
			t.Errorf("%s carries %v, and %v where sites are built the other way round", id, a[id], b[id])
		}
	}
}

func TestProductionIsDeterministic(t *testing.T) {
	do := func() (Result, []plan.Split) {
		c := nineSites(50)
		c.Events = trouble(c)
		p := production(nil)
		return run(t, c, p), p.Splits()
	}
	a, splitsA := do()
	b, splitsB := do()
	if a != b || len(splitsA) == 0 || !slices.EqualFunc(splitsA, splitsB, func(x, y plan.Split) bool {
		return x.Class == y.Class && slices.Equal(x.Shares, y.Shares)
	}) {
		t.Errorf("%+v, then %+v", a, b)
	}
}

// Where classes are split, most of what is behind resolvers that carry a tenth of one is behind such as the map lists, though each
// cache asks as often as any other.
func TestHeavyResolversAreFound(t *testing.T) {
	heavy, listed := 0.0, 0.0
	for seed := uint64(1); seed <= 6; seed++ {
		one := trial(t, SmallTrial, seed)
		p := NewProduction(ProductionConfig{Geo: one.Geo})
		run(t, one.Config, p)
		h, l := heavyDemand(p)
		heavy, listed = heavy+h, listed+l
	}
	if listed < heavy/2 || heavy < 100 {
		t.Errorf("%.1f requests/s are behind heavy resolvers, %.1f of them behind such as are listed", heavy, listed)
	}
}

// heavyDemand is what is behind resolvers that carry a tenth of a class that is split, and what of it behind listed ones.
func heavyDemand(p *Production) (heavy, listed float64) {
	type resolverClass struct {
		addr  netip.Addr
		class int32
	}
	behind, truth := map[resolverClass]float64{}, p.demands()
	for i, demand := range truth.askers {
		if class, to := truth.classOf[i], &p.askers[i]; class != noClass && to.resolver.IsValid() {
			behind[resolverClass{to.resolver, class}] += demand
		}
	}
	split := map[plan.ClassKey]bool{}
	for _, s := range p.Splits() {
		split[s.Class] = len(s.Shares) > 1
	}
	list := p.head.compiled.Services[0].All.Classes.Demand().List
	for key, demand := range behind {
		if demand*10 < truth.classes[key.class] || !split[list[key.class].Key] {
			continue
		}
		heavy += demand
		if slices.Contains(p.head.compiled.Map.HeavyResolvers, key.addr) {
			listed += demand
		}
	}
	return heavy, listed
}

// A drain is explained, so that the guards of the name servers let it through, and it empties the site.
func TestDrain(t *testing.T) {
	c := nineSites(100)
	for _, s := range c.Sites[:5] {
		c.Events = append(c.Events, Event{100, Drain{s.ID, true}})
	}
	p := production(nil)
	left := 0.0
	c.Observe = func(s Second) { left = s.Sites[0].Arrivals + s.Sites[4].Arrivals }
	run(t, c, p)
	if left > 1 || p.servers[0].refused != nil {
		t.Errorf("drained sites carry %v requests/s; the map was refused: %v", left, p.servers[0].refused)
	}
}

// Relief is what it is all for: the demand around a site grows to three times, and a dead time and some epochs later no site is full.
func TestRelief(t *testing.T) {
	c := nineSites(100, Event{0, Demand{Factor: 0.75}}, Event{60, Demand{Of: Clients{Nearest: "site-000"}, Factor: 3}})
	before, after := 0, 0
	c.Observe = func(s Second) {
		for _, site := range s.Sites {
			switch over := site.Arrivals > site.Capacity; {
			case over && s.Now > 60 && s.Now < 120:
				before++
			case over && s.Now >= 200:
				after++
			}
		}
	}
	if run(t, c, production(nil)); before == 0 || after > 0 {
		t.Errorf("%d site-seconds above capacity in the first minute, %d after it was to be over", before, after)
	}
}
