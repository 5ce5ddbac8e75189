package sim

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

// trouble is what happens in the tests of the rules: everybody wants more, and things break one after the other.
func trouble(c Config) []Event {
	x, y := c.Sites[0].ID, c.Sites[1].ID
	return []Event{
		{60, Demand{Factor: 1.3, Over: 10}}, {60, Reports{c.Sites[2].ID, Liar}},
		{75, SiteDown{x, true}}, {135, SiteDown{x, false}},
		{150, Reports{y, Silent}}, {210, Reports{y, NoFault}},
		{165, BusDown(true)}, {195, BusDown(false)},
		{225, Drain{x, true}},
		{240, NameServer{1, NameServerView{CutOff: true}}}, {250, HubDown(true)}, {280, HubDown(false)},
	}
}

func allDead(c Config) (events []Event) {
	for _, s := range c.Sites {
		events = append(events, Event{100, SiteDown{s.ID, true}})
	}
	return events
}

func mostSilent(c Config) (events []Event) {
	for _, s := range c.Sites[:6] {
		events = append(events, Event{100, Reports{s.ID, Silent}})
	}
	return append(events, Event{130, Demand{Of: Clients{Nearest: c.Sites[8].ID}, Factor: 3}})
}

// rulesIn runs production in a world that something happens in.
func rulesIn(t *testing.T, happens func(Config) []Event, bug faults) *Rules {
	t.Helper()
	return rulesOf(t, 70, happens, bug)
}

func rulesOf(t *testing.T, ecsPercent int, happens func(Config) []Event, bug faults) *Rules {
	t.Helper()
	c := nineSites(ecsPercent)
	c.Events = happens(c)
	rules := NewRules(10)
	p := production(rules)
	p.broken = bug
	run(t, c, p)
	return rules
}

// Production breaks no rule. Rule 5 is looked at for itself: resolvers without ECS are lumps that this small world's sites
// cannot take.
func TestRulesHold(t *testing.T) {
	for name, happens := range map[string]func(Config) []Event{
		"trouble": trouble, "all sites are dead": allDead, "most sites are silent": mostSilent,
	} {
		rules := rulesIn(t, happens, faults{})
		for rule, looks := range rules.Looks {
			if rule > 0 && looks == 0 && name == "trouble" {
				t.Errorf("%s: rule %d was never looked at", name, rule)
			}
		}
		for _, b := range rules.Breaches {
			if b.Rule != 5 {
				t.Errorf("%s: %v", name, b)
			}
		}
	}
}

// overflow makes the demand around one site too large for it, and leaves room elsewhere.
func overflow(c Config) []Event {
	return []Event{{0, Demand{Factor: 0.75}}, {120, Demand{Of: Clients{Nearest: c.Sites[0].ID}, Factor: 2}}}
}

func TestNoFlood(t *testing.T) {
	if rules := rulesOf(t, 100, overflow, faults{}); rules.broken[5] > 0 || rules.Looks[5] == 0 {
		t.Errorf("%d looks, %v", rules.Looks[5], rules.Breaches)
	}
}

var sink []byte

// TestRulesCatch breaks production in a way that each rule forbids.
func TestRulesCatch(t *testing.T) {
	asked, classes, now := 0, []loop.Class(nil), time.Time{}
	for _, c := range []struct {
		name    string
		rule    int
		says    string
		happens func(Config) []Event
		bug     faults
	}{
		{"a name server without the bus forgets what its probes say", 1, "is alone", func(c Config) []Event {
			return []Event{{90, BusDown(true)}, {100, SiteDown{c.Sites[0].ID, true}}}
		}, faults{lost: func(n *nameServer) {
			for i := range n.probes {
				n.builder.SetDown(target(i), false)
			}
		}}},
		{"a name server without the bus drops the splits", 1, "is alone", func(c Config) []Event {
			return append(crowd(c), Event{200, BusDown(true)})
		}, faults{lost: func(n *nameServer) {
			bare := *n.served.compiled.Map
			bare.Services = slices.Clone(bare.Services)
			bare.Services[0].Splits = nil
			n.builder.SetPlan(n.served.generation, plan.Compile(&bare, "", n.served.compiled.Geo, n.served.compiled))
		}}},
		{"nothing is answered when all are down", 2, "0 addresses", allDead, faults{decide: func(s *world.Snapshot, q steer.Query) steer.Decision {
			d := steer.Decide(s, q)
			if d.Reason == steer.AllUnhealthy {
				d.Outcome, d.Addresses = steer.Unavailable, nil
			}
			return d
		}}},
		{"the scope is too wide", 3, "with scope", crowd, faults{decide: func(s *world.Snapshot, q steer.Query) steer.Decision {
			d := steer.Decide(s, q)
			d.ScopeBits = max(0, d.ScopeBits-4)
			return d
		}}},
		{"a silent site looks idle", 4, "is silent", func(c Config) []Event {
			return append(crowd(c), Event{90, Reports{c.Sites[0].ID, Silent}}, Event{90, Reports{c.Sites[1].ID, Silent}})
		}, faults{input: func(in *loop.Input) {
			for i := range in.Sites {
				if s := in.Sites[i].Sample; s == nil || in.Now.Sub(s.At) > 5*time.Second {
					none := gslb.MilliRPS(0)
					in.Sites[i].Sample, in.Sites[i].Capacity = &load.Sample{At: in.Now, Rate: &none}, 1_000_000_000
				}
			}
		}}},
		{"shares change while most sites are silent", 4, "the shares change", mostSilent, faults{output: func(out *loop.Output) {
			if asked++; out.Frozen && asked%2 == 0 {
				out.Splits = nil
			}
		}}},
		{"what one site sheds lands at one other", 5, "high mark", overflow, faults{input: func(in *loop.Input) { classes = in.Classes }, output: func(out *loop.Output) {
			out.Splits = nil
			for _, c := range classes[:len(classes)/2] {
				out.Splits = append(out.Splits, plan.Split{Class: c.Key, Shares: []plan.SiteShare{{Site: "site-006", Share: gslb.WholeShare}}})
			}
		}}},
		{"another site is full, and says so", 5, "high mark", overflow, faults{input: func(in *loop.Input) { classes = in.Classes }, output: func(out *loop.Output) {
			out.Splits, out.Overloaded, out.Notes = nil, []gslb.SiteID{"site-001"}, []string{"site-001 must take more"}
			for _, c := range classes[:len(classes)/2] {
				out.Splits = append(out.Splits, plan.Split{Class: c.Key, Shares: []plan.SiteShare{{Site: "site-006", Share: gslb.WholeShare}}})
			}
		}}},
		{"the whole of a class moves at once", 5, "moves by", overflow, faults{output: func(out *loop.Output) {
			if asked++; asked%2 == 0 {
				for i, s := range out.Splits {
					if n := len(s.Shares); n > 1 {
						out.Splits[i].Shares = slices.Clone(s.Shares)
						a, b := &out.Splits[i].Shares[0], &out.Splits[i].Shares[n-1]
						a.Share, b.Share = b.Share, a.Share
					}
				}
			}
		}}},
		{"clients return as fast as they left", 5, "at most 6 % may", func(c Config) []Event {
			return append(overflow(c), Event{180, Demand{Factor: 0.4}})
		}, faults{input: func(in *loop.Input) { now = in.Now }, output: func(out *loop.Output) {
			for i, s := range out.Splits {
				if n := len(s.Shares); n > 1 && now.Unix() >= 1_790_000_000+240 {
					out.Splits[i].Shares = slices.Clone(s.Shares)
					a, b := &out.Splits[i].Shares[0], &out.Splits[i].Shares[n-1]
					move := min(2000, b.Share-1)
					a.Share, b.Share = a.Share+move, b.Share-move
				}
			}
		}}},
		{"a liar is believed", 6, "counts for", func(c Config) []Event { return []Event{{60, Reports{c.Sites[0].ID, Liar}}} }, faults{input: func(in *loop.Input) {
			for i := range in.Sites {
				if s := in.Sites[i].Sample; s != nil {
					in.Sites[i].Capacity = gslb.MilliRPS(5_000).Times(int(s.Replicas))
				}
			}
		}}},
		{"the map has more than was enrolled", 6, "counts for", crowd, faults{publish: func(m *plan.Map) { m.Services[0].Endpoints[3].Capacity *= 2 }}},
		{"a foreign address", 6, "has the addresses", crowd, faults{decide: func(s *world.Snapshot, q steer.Query) steer.Decision {
			d := steer.Decide(s, q)
			d.Addresses = []netip.Addr{netip.MustParseAddr("203.0.113.1")}
			return d
		}}},
		{"explain looks at another client", 7, "explain says", crowd, faults{explain: func(s *world.Snapshot, q steer.Query) steer.Trace {
			q.Client = gslb.Client(netip.MustParsePrefix("20.59.0.0/24"), true)
			return steer.Explain(s, serviceName, q)
		}}},
		{"a decision with a memory", 8, "and then", crowd, faults{decide: func(s *world.Snapshot, q steer.Query) steer.Decision {
			d := steer.Decide(s, q)
			if asked++; asked%3 == 0 {
				d.TTL++
			}
			return d
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := rulesIn(t, c.happens, c.bug)
			if !slices.ContainsFunc(rules.Breaches, func(b Breach) bool { return b.Rule == c.rule && strings.Contains(b.What, c.says) }) {
				t.Errorf("rule %d looked %d times, and did not see it: %v", c.rule, rules.Looks[c.rule], rules.Breaches)
			}
		})
	}
}

// crowd makes the demand around three sites too large for them.
func crowd(c Config) (events []Event) {
	for _, s := range c.Sites[:3] {
		events = append(events, Event{60, Demand{Of: Clients{Nearest: s.ID}, Factor: 2}})
	}
	return events
}

// Decisions allocate nothing, and a rule sees it if they do.
func TestAllocations(t *testing.T) {
	allocs := func(run func()) float64 { return testing.AllocsPerRun(1, run) }
	for want, decide := range map[bool]func(*world.Snapshot, steer.Query) steer.Decision{
		false: nil,
		true: func(s *world.Snapshot, q steer.Query) steer.Decision {
			sink = make([]byte, 100)
			return steer.Decide(s, q)
		},
	} {
		c := nineSites(70)
		c.Length = time.Minute
		rules := NewRules(10)
		rules.Allocs = allocs
		p := production(rules)
		p.broken.decide = decide
		run(t, c, p)
		if got := rules.broken[8] > 0; got != want || rules.Looks[8] == 0 {
			t.Errorf("breach %v, want %v: %v", got, want, rules.Breaches)
		}
	}
}
