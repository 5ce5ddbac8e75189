package steer

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

func TestDecide(t *testing.T) {
	proximity, weighted, failover := plan.Steering{Method: plan.Proximity}, plan.Steering{Method: plan.Weighted}, plan.Steering{Method: plan.Failover}
	servfail := plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerServfail}
	for _, c := range []struct {
		name      string
		steering  plan.Steering
		endpoints []endpoint
		client    netip.Addr
		want      string
	}{
		{"the nearest", proximity, []endpoint{{"fra", 1, ""}, {"iad", 9, ""}, {"pek", 9, ""}}, german, "fra nearest /8 answered"},
		{"the nearest elsewhere", proximity, []endpoint{{"fra", 1, ""}, {"iad", 9, ""}, {"pek", 9, ""}}, us, "iad nearest /8 answered"},
		{"two lines, one place", proximity, []endpoint{{"fra", 1, ""}, {"pek", 9, ""}}, unicom, "pek nearest /8 answered"},
		{"one site", proximity, []endpoint{{"iad", 1, ""}}, german, "iad nearest /6 answered"},
		{"the nearest is down", proximity, []endpoint{{"fra", 1, isDown}, {"iad", 9, ""}}, german, "iad overflow /7 answered"},
		{"the nearest is drained", proximity, []endpoint{{"fra", 1, isDrained}, {"iad", 9, ""}}, german, "iad overflow /7 answered"},
		{"the nearest has no room", proximity, []endpoint{{"fra", 0, ""}, {"iad", 9, ""}}, german, "iad overflow /7 answered"},
		{"nobody knows where", proximity, []endpoint{{"fra", 0, ""}, {"iad", 9, ""}}, nowhere, "iad nearest /5 answered"},
		{"nobody knows where, two sites", proximity, []endpoint{{"fra", 1, ""}, {"iad", 1000000, ""}}, nowhere, "iad shared /24 answered"},

		{"weighted", weighted, []endpoint{{"fra", 1, ""}, {"iad", 1000000, ""}}, german, "iad shared /24 answered"},
		{"weighted, one left", weighted, []endpoint{{"fra", 1, ""}, {"iad", 9, isDown}}, us, "fra nearest /0 answered"},

		{"failover takes the first", failover, []endpoint{{"pek", 1, ""}, {"fra", 1, ""}}, german, "pek nearest /0 answered"},
		{"failover takes the second", failover, []endpoint{{"pek", 1, isDown}, {"fra", 1, ""}, {"iad", 1, ""}}, german, "fra overflow /0 answered"},
		{"failover takes the third", failover, []endpoint{{"pek", 1, isDown}, {"fra", 0, ""}, {"iad", 1, ""}}, german, "iad overflow /0 answered"},

		{"all down", proximity, []endpoint{{"fra", 1, isDown}, {"iad", 9, isDown}}, german, "fra all-unhealthy /7 answered"},
		{"all down, failover", failover, []endpoint{{"pek", 1, isDown}, {"fra", 1, isDown}}, german, "pek all-unhealthy /0 answered"},
		{"down before drained", proximity, []endpoint{{"fra", 1, isDrained}, {"iad", 9, isDown}}, german, "iad all-unhealthy /7 answered"},
		{"down before without room", proximity, []endpoint{{"fra", 0, ""}, {"iad", 9, isDown}}, german, "iad all-unhealthy /7 answered"},
		{"without room before drained", proximity, []endpoint{{"fra", 1, isDrained}, {"iad", 0, ""}}, german, "iad all-unhealthy /7 answered"},
		{"all drained", proximity, []endpoint{{"fra", 1, isDrained}, {"iad", 9, isDrained}}, us, "iad all-unhealthy /8 answered"},
		{"all without room", proximity, []endpoint{{"fra", 0, ""}, {"iad", 0, ""}}, us, "iad all-unhealthy /8 answered"},
		{"SERVFAIL when all are down", servfail, []endpoint{{"fra", 1, isDown}, {"iad", 9, isDown}}, german, "- all-unhealthy /0 unavailable"},
		{"SERVFAIL when all are drained", servfail, []endpoint{{"fra", 1, isDrained}}, german, "- all-unhealthy /0 unavailable"},
		{"no SERVFAIL while one is up", servfail, []endpoint{{"fra", 1, isDown}, {"iad", 9, ""}}, german, "iad overflow /7 answered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			snapshot := snapshotOf(t, c.steering, c.endpoints...)
			d := Decide(snapshot, from(c.client))
			if got := text(snapshot, d); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if d.Outcome == Answered && len(d.Addresses) == 0 {
				t.Error("no addresses")
			}
		})
	}
}

// The TTL follows the state: answers that should soon be asked for again are brief, those of calm sites may live longer.
func TestTTL(t *testing.T) {
	one := func(flags string) []endpoint { return []endpoint{{"fra", 1, flags}} }
	two := []endpoint{{"iad", 1, ""}, {"fra", 1, ""}}
	for _, c := range []struct {
		name         string
		endpoints    []endpoint
		brief, calm  bool
		ttl, calmTTL time.Duration
		want         time.Duration
	}{
		{"nothing said", one(""), false, false, 60 * time.Second, 0, 60 * time.Second},
		{"above the low mark", one(""), true, false, 60 * time.Second, 0, 10 * time.Second},
		{"above the low mark, short already", one(""), true, false, 5 * time.Second, 0, 5 * time.Second},
		{"drained", one(isDrained), false, false, 30 * time.Second, 0, 10 * time.Second},
		{"all down", one(isDown), false, false, time.Hour, 0, 10 * time.Second},
		{"the other one is brief", two, true, false, 30 * time.Second, 0, 30 * time.Second},
		{"calm", one(""), false, true, 30 * time.Second, time.Minute, time.Minute},
		{"not calm", one(""), false, false, 30 * time.Second, time.Minute, 30 * time.Second},
		{"calm, and the policy says nothing", one(""), false, true, 30 * time.Second, 0, 30 * time.Second},
		{"the other one is calm", two, false, true, 30 * time.Second, time.Minute, 30 * time.Second},
		{"calm and above the low mark", one(""), true, true, 30 * time.Second, time.Minute, 10 * time.Second},
		{"calm and above the low mark, short already", one(""), true, true, 5 * time.Second, time.Minute, 5 * time.Second},
		{"calm and drained", one(isDrained), false, true, 30 * time.Second, time.Minute, 10 * time.Second},
		{"calm and all down", one(isDown), false, true, 30 * time.Second, time.Minute, 10 * time.Second},
	} {
		m := mapOf(plan.Steering{Method: plan.Proximity, CalmTTL: c.calmTTL}, c.endpoints...)
		m.Services[0].TTL, m.Services[0].Endpoints[0].Brief, m.Services[0].Endpoints[0].Calm = c.ttl, c.brief, c.calm
		var down []netip.Addr
		if c.endpoints[0].flags == isDown {
			down = append(down, addressOf(0))
		}
		snapshot := compile(t, m, down...)
		if d := Decide(snapshot, from(german)); d.TTL != c.want {
			t.Errorf("%s: TTL %v, want %v", c.name, d.TTL, c.want)
		}
		trace := Explain(snapshot, name, from(german))
		if trace.TTLSeconds != int(c.want/time.Second) || trace.Candidates[0].Calm != c.calm || trace.Candidates[0].Brief != c.brief {
			t.Errorf("%s: explained by %+v", c.name, trace)
		}
	}
}

// What a calm site's answer to a heavy resolver lives for is its slot, and what is remembered of a better moment is brief.
func TestCalmIsOverruled(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerLastGood, CalmTTL: time.Minute}, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""})
	splitClass(t, m, german, shares{"fra": 5000, "iad": 5000})
	m.HeavyResolvers = []netip.Addr{netip.MustParseAddr("20.9.9.9")}
	for i := range m.Services[0].Endpoints {
		m.Services[0].Endpoints[i].Calm = true
	}
	b := world.NewBuilder()
	b.SetPlan(1, compile(t, m).Plan)
	healthy := b.Snapshot()
	for i := range m.Services[0].Endpoints {
		b.SetDown(world.Target{Service: name, Addr: addressOf(i)}, true)
	}
	for _, c := range []struct {
		name     string
		snapshot *world.Snapshot
		client   string
		reason   Reason
		want     time.Duration
	}{
		{"another resolver", healthy, "20.9.9.8", Split, time.Minute},
		{"a heavy one", healthy, "20.9.9.9", Split, plan.HeavySlot},
		{"all are down", b.Snapshot(), "20.9.9.8", LastGood, briefTTL},
	} {
		if d := Decide(c.snapshot, fromResolver(c.client, 0)); d.TTL != c.want || d.Reason != c.reason {
			t.Errorf("%s: %v for %v, want %v for %v", c.name, d.Reason, d.TTL, c.reason, c.want)
		}
	}
}

// Rule 2: whatever is up, drained or full, a live name has an answer. An owner's SERVFAIL does not hold while asleep.
func TestNoStateEmptiesAnAnswer(t *testing.T) {
	states := []endpoint{{"", 1, ""}, {"", 1, isDown}, {"", 1, isDrained}, {"", 0, ""}}
	for _, method := range []plan.Method{plan.Proximity, plan.Weighted, plan.Failover} {
		for i := range 64 {
			endpoints := []endpoint{states[i%4], states[i/4%4], states[i/16]}
			endpoints[0].site, endpoints[1].site, endpoints[2].site = "fra", "iad", "pek"
			snapshot := snapshotOf(t, plan.Steering{Method: method}, endpoints...)
			for _, client := range []netip.Addr{german, unicom, nowhere} {
				d := Decide(snapshot, from(client))
				if d.Outcome != Answered || len(d.Addresses) == 0 {
					t.Fatalf("%s %v: %s", method, endpoints, text(snapshot, d))
				}
				if healthy := endpoints[d.Endpoint] == (endpoint{endpoints[d.Endpoint].site, 1, ""}); !healthy && d.Reason != AllUnhealthy {
					t.Fatalf("%s %v: %s", method, endpoints, text(snapshot, d))
				}
			}
		}
	}
	m := mapOf(plan.Steering{Method: plan.Weighted, OnAllUnhealthy: plan.AnswerServfail}, endpoint{"fra", 0, ""})
	m.Services[0].Asleep = true
	snapshot := compile(t, m)
	if got := text(snapshot, Decide(snapshot, from(german))); got != "fra all-unhealthy /0 answered" {
		t.Errorf("asleep: %s", got)
	}
}

func TestFamilies(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""})
	six := netip.MustParseAddr("2001:db8::1")
	snapshot := compile(t, m)
	q := from(german)
	q.Family = plan.IPv6
	if got := text(snapshot, Decide(snapshot, q)); got != "- no-endpoint /0 no data of this family" {
		t.Errorf("no site has IPv6: %s", got)
	}
	m.Services[0].Endpoints[1].Addresses = append(m.Services[0].Endpoints[1].Addresses, plan.Address{Addr: six})
	snapshot = compile(t, m)
	if got := text(snapshot, Decide(snapshot, q)); got != "iad nearest /6 answered" {
		t.Errorf("one site has IPv6: %s", got)
	}
	m.Services[0].Endpoints[0].Addresses = append(m.Services[0].Endpoints[0].Addresses, plan.Address{Addr: six.Next()})
	snapshot = compile(t, m, six.Next())
	if got := text(snapshot, Decide(snapshot, q)); got != "iad overflow /7 answered" {
		t.Errorf("its IPv6 address is down: %s", got)
	}
	if got := text(snapshot, Decide(snapshot, from(german))); got != "fra nearest /7 answered" {
		t.Errorf("its IPv4 address is up: %s", got)
	}
}

func TestLinePicksTheAddress(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoint{"pek", 1, ""})
	other := netip.MustParseAddr("192.0.2.200")
	m.Services[0].Endpoints[0].Addresses = []plan.Address{{Addr: addressOf(0), Line: "telecom"}, {Addr: other, Line: "unicom"}}
	for _, c := range []struct {
		client netip.Addr
		down   []netip.Addr
		want   []netip.Addr
	}{
		{telecom, nil, []netip.Addr{addressOf(0)}},
		{unicom, nil, []netip.Addr{other}},
		{german, nil, []netip.Addr{addressOf(0), other}},
		{telecom, []netip.Addr{addressOf(0)}, []netip.Addr{other}},
		{telecom, []netip.Addr{addressOf(0), other}, []netip.Addr{addressOf(0)}},
	} {
		if got := Decide(compile(t, m, c.down...), from(c.client)).Addresses; fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s with %v down: %v, want %v", c.client, c.down, got, c.want)
		}
	}
}

// A class lists eight sites. When they are gone, the others follow, and none is forgotten.
func TestOverflowBeyondTheList(t *testing.T) {
	var endpoints []endpoint
	for i := range 12 {
		site := gslb.SiteID(fmt.Sprintf("s%02d", i))
		sitePlaces[site] = gslb.Location{LatMicro: 50_000_000 - int32(i)*4_000_000, LonMicro: 8_000_000}
		endpoints = append(endpoints, endpoint{site, 1, ""})
	}
	for gone := range endpoints {
		snapshot := snapshotOf(t, plan.Steering{Method: plan.Proximity}, endpoints...)
		d := Decide(snapshot, from(german))
		switch want := endpoints[gone].site; {
		case gone < plan.MaxCandidates && snapshot.Plan.Services[0].Endpoints[d.Endpoint].Site != want:
			t.Errorf("%d gone: %s, want %s", gone, text(snapshot, d), want)
		case gone >= plan.MaxCandidates && (endpoints[d.Endpoint].flags == isDown || d.Reason != Overflow):
			t.Errorf("%d gone: %s", gone, text(snapshot, d))
		}
		endpoints[gone].flags = isDown
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	snapshot := snapshotOf(t, plan.Steering{Method: plan.Proximity}, endpoint{"fra", 1, ""}, endpoint{"ams", 2, isDown}, endpoint{"iad", 3, ""})
	for _, client := range []netip.Addr{german, unicom, nowhere} {
		q := from(client)
		if n := testing.AllocsPerRun(100, func() { Decide(snapshot, q) }); n != 0 {
			t.Errorf("%s: Decide allocates %v times per run, want 0", client, n)
		}
	}
}

// In these worlds are splits, residency, sites that have one family only, and some where nothing is up.
func TestDecideAllocatesNothingAnywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	seen := map[Reason]bool{}
	for range 200 {
		snapshot, addr := exactWorld(t, rng), exactClient(rng)
		for _, client := range []gslb.ClientSubnet{gslb.Client(gslb.Unit(addr), true), gslb.Resolver(addr)} {
			for family := range plan.Families {
				q := Query{Family: family, Client: client}
				seen[Decide(snapshot, q).Reason] = true
				if n := testing.AllocsPerRun(10, func() { Decide(snapshot, q) }); n != 0 {
					t.Fatalf("%v: Decide allocates %v times per run, want 0", client, n)
				}
			}
		}
	}
	for _, reason := range []Reason{Nearest, Shared, Overflow, Split, Fallback, AllUnhealthy, Residency, NoEndpoint} {
		if !seen[reason] {
			t.Errorf("no decision is for the reason %q", reason)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	snapshot := snapshotOf(b, plan.Steering{Method: plan.Weighted}, endpoint{"fra", 1, ""}, endpoint{"ams", 2, ""}, endpoint{"iad", 3, ""})
	q := from(german)
	b.ReportAllocs()
	for b.Loop() {
		Decide(snapshot, q)
	}
}
