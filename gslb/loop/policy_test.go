package loop

import (
	"net/netip"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

func TestPolicyOf(t *testing.T) {
	for _, c := range []struct {
		name     string
		steering plan.Steering
		want     Policy
	}{
		{"nothing said", plan.Steering{Method: plan.Proximity}, Policy{TTL: 30 * time.Second}},
		{"everything", plan.Steering{
			Method: plan.Proximity, Watermarks: plan.Watermarks{LowPercent: 60, HighPercent: 80}, MinSites: 2, ConnectionLife: time.Minute, GainMicro: 40_000, CalmTTL: time.Minute,
		}, Policy{Marks: load.Marks{Low: 6000, High: 8000}, TTL: 30 * time.Second, CalmTTL: time.Minute, ConnectionLife: time.Minute, Gain: 0.04, MinSites: 2}},
	} {
		if got := PolicyOf(&c.steering, 30*time.Second); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// twoSites is a service at a, where its clients are, and at b, 150 km from them.
func twoSites(t *testing.T, policy plan.Steering) *plan.CompiledService {
	t.Helper()
	var b geodata.Builder
	place := geodata.Place{HasLocation: true, Location: gslb.Location{}}
	if err := b.Override("operator").Add(netip.MustParsePrefix("20.0.0.0/8"), place); err != nil {
		t.Fatal(err)
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	policy.Method, policy.OnAllUnhealthy = plan.Proximity, plan.AnswerAll
	s := plan.Service{Name: "x.edge.example.", TTL: 30 * time.Second, Steering: policy}
	m := &plan.Map{
		Sites: []plan.Site{{ID: "a"}, {ID: "b", Location: gslb.Location{LonMicro: 1_350_000}}},
		Zones: []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}},
	}
	for i, site := range m.Sites {
		s.Endpoints = append(s.Endpoints, plan.Endpoint{Site: site.ID, Capacity: 100_000,
			Addresses: []plan.Address{{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), Line: gslb.DefaultLine}}})
	}
	m.Services = []plan.Service{s}
	m.Canonical()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	return &plan.Compile(m, "sha256:test", plan.NewGeo(table), nil).Services[0]
}

// placed is the class of the clients whose place is known.
func placed(t *testing.T, s *plan.CompiledService) (index int, class Class) {
	t.Helper()
	for i, c := range ClassesOf(s) {
		if len(c.Candidates) > 0 {
			return i, c
		}
	}
	t.Fatal("no class has candidates")
	return 0, Class{}
}

func TestClassesOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy plan.Steering
		tiers  [2]uint8
		costs  [2]solve.Cost
	}{
		{"the way alone", plan.Steering{}, [2]uint8{0, 1}, [2]solve.Cost{0, 3_000}},
		{"a dear site", plan.Steering{Costs: []plan.SiteCost{{Site: "a", Milliseconds: 7}}}, [2]uint8{0, 1}, [2]solve.Cost{7_000, 3_000}},
		{"both cost something", plan.Steering{Costs: []plan.SiteCost{{Site: "a", Milliseconds: 2}, {Site: "b", Milliseconds: 1}}}, [2]uint8{0, 1}, [2]solve.Cost{2_000, 4_000}},
		{"another service's site", plan.Steering{Costs: []plan.SiteCost{{Site: "z", Milliseconds: 2}}}, [2]uint8{0, 1}, [2]solve.Cost{0, 3_000}},
		{"equally near", plan.Steering{Near: plan.Near{Milliseconds: 3}}, [2]uint8{0, 0}, [2]solve.Cost{0, 0}},
		{"not near enough", plan.Steering{Near: plan.Near{Milliseconds: 2}}, [2]uint8{0, 1}, [2]solve.Cost{0, 3_000}},
		{"equally near, and one is dear", plan.Steering{Near: plan.Near{Milliseconds: 3}, Costs: []plan.SiteCost{{Site: "a", Milliseconds: 1}}}, [2]uint8{0, 0}, [2]solve.Cost{1_000, 0}},
	} {
		_, class := placed(t, twoSites(t, c.policy))
		for k, candidate := range class.Candidates {
			if candidate.Site != k || candidate.Tier != c.tiers[k] || candidate.Cost != c.costs[k] {
				t.Errorf("%s: candidate %d is %+v, want tier %d for %d", c.name, k, candidate, c.tiers[k], c.costs[k])
			}
		}
	}
}

// settled is the share of the clients that each site has in the end, where both have room for all.
func settled(t *testing.T, policy plan.Steering) (shares []gslb.Share) {
	t.Helper()
	s := twoSites(t, policy)
	index, class := placed(t, s)
	in, state, out := Input{Now: time.Unix(1_800_000_000, 0), Classes: ClassesOf(s)}, State{}, Output{}
	at := []float64{1, 0}
	for range 60 {
		in.Now, in.Sites, in.Answers = in.Now.Add(Epoch), nil, nil
		for k, id := range []gslb.SiteID{"a", "b"} {
			rate := gslb.MilliRPS(20_000 * at[k])
			in.Sites = append(in.Sites, Site{ID: id, Capacity: 100_000, Up: true, Sample: &load.Sample{At: in.Now, Rate: &rate}})
			in.Answers = append(in.Answers, Answer{Class: index, Site: k, Seconds: 600 * at[k]})
		}
		state, out = Step(PolicyOf(&s.Spec.Steering, s.Spec.TTL), state, in)
		shares = []gslb.Share{gslb.WholeShare, 0}
		if policy.Near != (plan.Near{}) {
			shares = []gslb.Share{gslb.WholeShare / 2, gslb.WholeShare / 2} // the name servers' own rule, by capacity
		}
		for _, split := range out.Splits {
			if split.Class == class.Key {
				shares = []gslb.Share{gslb.Share(shareAt(split.Shares, "a")), gslb.Share(shareAt(split.Shares, "b"))}
			}
		}
		for k := range at {
			at[k] = float64(shares[k]) / float64(gslb.WholeShare)
		}
	}
	return shares
}

// A cost moves clients through the loop's shares once it is worth more than the way and the change, and not before.
func TestCostsMoveShares(t *testing.T) {
	dear := func(ms int) plan.Steering {
		return plan.Steering{Costs: []plan.SiteCost{{Site: "a", Milliseconds: ms}}}
	}
	for _, c := range []struct {
		name   string
		policy plan.Steering
		atB    gslb.Share
	}{
		{"no cost", plan.Steering{}, 0},
		{"less than the way", dear(2), 0},
		{"the way, and not the change", dear(5), 0},
		{"more than both", dear(8), gslb.WholeShare},
		{"equally near: by capacity", plan.Steering{Near: plan.Near{Milliseconds: 5}}, gslb.WholeShare / 2},
	} {
		if got := settled(t, c.policy); got[1] != c.atB {
			t.Errorf("%s: the shares are %v, want %v at b", c.name, got, c.atB)
		}
	}
}
