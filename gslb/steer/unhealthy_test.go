package steer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

var noon = time.Unix(1_800_000_000, 0)

// after is the snapshot of a name server that saw addresses die, each so many seconds after noon, and none come back.
func after(t testing.TB, m *plan.Map, deaths map[netip.Addr]int) *world.Snapshot {
	t.Helper()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	b := world.NewBuilder()
	b.SetPlan(3, plan.Compile(m, "sha256:test", table(t), nil))
	b.SetTime(noon)
	snapshot := b.Snapshot()
	var seconds []int
	for _, at := range deaths {
		seconds = append(seconds, at)
	}
	slices.Sort(seconds)
	for _, now := range slices.Compact(seconds) {
		b.SetTime(noon.Add(time.Duration(now) * time.Second))
		for addr, at := range deaths {
			if at == now {
				b.SetDown(world.Target{Service: name, Addr: addr}, true)
			}
		}
		snapshot = b.Snapshot()
	}
	return snapshot
}

// withFallback is a policy with these addresses.
func withFallback(addrs ...string) plan.Steering {
	s := plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerFallback}
	for _, addr := range addrs {
		s.Fallback = append(s.Fallback, netip.MustParseAddr(addr))
	}
	return s
}

func addressText(d Decision) string { return strings.Trim(fmt.Sprint(d.Addresses), "[]") }

func TestFallback(t *testing.T) {
	both := []endpoint{{"fra", 1, isDown}, {"iad", 1, isDown}}
	const four, six = "198.51.100.1", "2001:db8:f::1"
	for _, c := range []struct {
		name      string
		steering  plan.Steering
		endpoints []endpoint
		family    plan.Family
		want      string
	}{
		{"while one is up", withFallback(four), []endpoint{{"fra", 1, isDown}, {"iad", 1, ""}}, plan.IPv4, "iad overflow /7 answered 192.0.2.2"},
		{"none is up", withFallback(four), both, plan.IPv4, "- fallback /0 answered 198.51.100.1"},
		{"two addresses", withFallback(four, "198.51.100.2", six), both, plan.IPv4, "- fallback /0 answered 198.51.100.1 198.51.100.2"},
		{"all are drained", withFallback(four), []endpoint{{"fra", 1, isDrained}}, plan.IPv4, "- fallback /0 answered 198.51.100.1"},
		{"none has capacity", withFallback(four), []endpoint{{"fra", 0, ""}}, plan.IPv4, "- fallback /0 answered 198.51.100.1"},
		{"not of this family", withFallback(six), both, plan.IPv4, "fra all-unhealthy /7 answered 192.0.2.1"},
		{"of a family that no site has", withFallback(four, six), both, plan.IPv6, "- fallback /0 answered 2001:db8:f::1"},
		{"of a family that no site has, one is up", withFallback(four, six), []endpoint{{"fra", 1, ""}}, plan.IPv6, "- no-endpoint /0 no data of this family "},
		{"no family at all", withFallback(four), both, plan.IPv6, "- no-endpoint /0 no data of this family "},
	} {
		snapshot := snapshotOf(t, c.steering, c.endpoints...)
		for _, q := range []Query{from(german), from(nowhere), fromECS("20.1.2.0/24"), fromResolver("20.1.2.3", 7)} {
			if q.Family = c.family; q.Client.Prefix != from(german).Client.Prefix && !strings.HasPrefix(c.want, "-") {
				continue
			}
			d := Decide(snapshot, q)
			if got := text(snapshot, d) + " " + addressText(d); got != c.want {
				t.Errorf("%s: %v: got %s, want %s", c.name, q.Client, got, c.want)
			}
			if d.Reason == Fallback && (d.TTL != 10*time.Second || d.Tag != plan.NoTag) {
				t.Errorf("%s: TTL %v, tag %d", c.name, d.TTL, d.Tag)
			}
			if n := testing.AllocsPerRun(100, func() { Decide(snapshot, q) }); n != 0 {
				t.Errorf("%s: Decide allocates %v times per run, want 0", c.name, n)
			}
		}
	}
}

// Rule 2: no policy but SERVFAIL, which its owner wants, leaves a live name without an answer, whatever died when.
func TestNoPolicyEmptiesAnAnswer(t *testing.T) {
	states := []endpoint{{"", 1, ""}, {"", 1, isDown}, {"", 1, isDrained}, {"", 0, ""}}
	for _, steering := range []plan.Steering{{OnAllUnhealthy: plan.AnswerLastGood}, withFallback("198.51.100.1"), withFallback("2001:db8:f::1")} {
		for i := range 64 * 3 {
			endpoints := []endpoint{states[i%4], states[i/4%4], states[i/16%4]}
			endpoints[0].site, endpoints[1].site, endpoints[2].site = "fra", "iad", "pek"
			deaths := map[netip.Addr]int{}
			for k, e := range endpoints {
				if e.flags == isDown {
					deaths[addressOf(k)] = k * 50
				}
			}
			steering.Method = []plan.Method{plan.Proximity, plan.Weighted, plan.Failover}[i/64]
			snapshot := after(t, mapOf(steering, endpoints...), deaths)
			for _, client := range []netip.Addr{german, unicom, nowhere} {
				if d := Decide(snapshot, from(client)); d.Outcome != Answered || len(d.Addresses) == 0 {
					t.Fatalf("%+v %v: %s", steering, endpoints, text(snapshot, d))
				}
			}
		}
	}
}

// A workload that sleeps has its fallback, too: there is nobody else (rule 2 of the design).
func TestFallbackWhileAsleep(t *testing.T) {
	m := mapOf(withFallback("198.51.100.1"), endpoint{"fra", 0, ""})
	m.Services[0].Asleep = true
	snapshot := compile(t, m)
	if got := text(snapshot, Decide(snapshot, from(german))); got != "- fallback /0 answered" {
		t.Error(got)
	}
}

// The client's class decides among those that were last good as it did when they were: by tier, capacity and shares.
func TestLastGood(t *testing.T) {
	fra, iad, pek := addressOf(0), addressOf(1), addressOf(2)
	sites := []endpoint{{"fra", 1, ""}, {"iad", 1, ""}, {"pek", 1, ""}}
	for _, c := range []struct {
		name   string
		deaths map[netip.Addr]int
		into   shares
		client string
		want   string
	}{
		{"one is left", map[netip.Addr]int{fra: 1, iad: 2}, nil, "20.1.2.0/24", "pek overflow /8 answered"},
		{"all at once", map[netip.Addr]int{fra: 1, iad: 1, pek: 1}, nil, "20.1.2.0/24", "fra last-good /8 answered"},
		{"all at once, elsewhere", map[netip.Addr]int{fra: 1, iad: 1, pek: 1}, nil, "23.1.2.0/24", "iad last-good /8 answered"},
		{"the nearest died an hour before", map[netip.Addr]int{fra: 1, iad: 3600, pek: 3600}, nil, "20.1.2.0/24", "iad last-good /8 answered"},
		{"by their shares", map[netip.Addr]int{fra: 1, iad: 1, pek: 1}, shares{"fra": 1, "pek": 9999}, "20.1.2.0/24", "pek last-good /16 answered"},
		{"by the shares of who was left", map[netip.Addr]int{fra: 3600, iad: 3600, pek: 1}, shares{"fra": 1, "pek": 9999}, "20.1.2.0/24", "fra last-good /8 answered"},
		{"none of the split was left", map[netip.Addr]int{fra: 1, iad: 3600, pek: 1}, shares{"fra": 1, "pek": 9999}, "20.1.2.0/24", "iad last-good /8 answered"},
	} {
		m := mapOf(plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerLastGood}, sites...)
		if c.into != nil {
			splitClass(t, m, german, c.into)
		}
		snapshot := after(t, m, c.deaths)
		d := Decide(snapshot, fromECS(c.client))
		if got := text(snapshot, d); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		if d.Reason == LastGood && d.TTL != 10*time.Second {
			t.Errorf("%s: TTL %v", c.name, d.TTL)
		}
		if n := testing.AllocsPerRun(100, func() { Decide(snapshot, fromECS(c.client)) }); n != 0 {
			t.Errorf("%s: Decide allocates %v times per run, want 0", c.name, n)
		}
	}
}

// Without memory, and for a workload that sleeps, it is as if all were up.
func TestLastGoodWithoutMemory(t *testing.T) {
	sites := []endpoint{{"fra", 1, isDown}, {"iad", 1, isDown}}
	m := mapOf(plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerLastGood}, sites...)
	snapshot := compile(t, m, addressOf(0), addressOf(1))
	if got := text(snapshot, Decide(snapshot, from(us))); got != "iad all-unhealthy /8 answered" {
		t.Errorf("without memory: %s", got)
	}
	m.Services[0].Asleep = true
	snapshot = after(t, m, map[netip.Addr]int{addressOf(1): 1, addressOf(0): 3600})
	if got := text(snapshot, Decide(snapshot, from(us))); got != "iad all-unhealthy /8 answered" {
		t.Errorf("asleep: %s", got)
	}
}

// Rule 3 of the design holds for what is remembered, too.
func TestEveryUnitOfALastGoodScopeGetsTheAnswer(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerLastGood},
		endpoint{"fra", 3, ""}, endpoint{"ams", 2, ""}, endpoint{"iad", 1, ""}, endpoint{"pek", 1, ""})
	splitClass(t, m, us, shares{"iad": 6000, "pek": 4000})
	snapshot := after(t, m, map[netip.Addr]int{addressOf(0): 1, addressOf(1): 2, addressOf(2): 3, addressOf(3): 4})
	rng := rand.New(rand.NewPCG(51, 52))
	for _, client := range append(units(50), german, telecom, us, nowhere) {
		q := Query{Family: plan.IPv4, Client: gslb.Client(gslb.Unit(client), true)}
		first := Decide(snapshot, q)
		if first.Reason != LastGood {
			t.Fatalf("%s: %+v", client, first)
		}
		scope := netip.PrefixFrom(q.Client.Prefix.Addr(), first.ScopeBits).Masked()
		for unit := range unitsIn(rng, scope) {
			other := q
			other.Client = gslb.Client(unit, true)
			if got := Decide(snapshot, other); !same(got, first) {
				t.Fatalf("%s got %+v; %s, inside its scope %s, got %+v", client, first, unit, scope, got)
			}
		}
	}
}

func TestExplainUnhealthy(t *testing.T) {
	sites := []endpoint{{"fra", 120, ""}, {"iad", 240, ""}, {"pek", 360, ""}}
	lastGood := mapOf(plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerLastGood}, sites...)
	split := mapOf(lastGood.Services[0].Steering, sites...)
	splitClass(t, split, german, shares{"fra": 6250, "iad": 3750})
	fallback := mapOf(withFallback("198.51.100.1"), sites...)
	other := mapOf(withFallback("2001:db8:f::1"), sites...)
	all := map[netip.Addr]int{addressOf(0): 1, addressOf(1): 3600, addressOf(2): 3601}
	for file, snapshot := range map[string]*world.Snapshot{
		"last-good": after(t, lastGood, all), "last-good-split": after(t, split, all), "fallback": after(t, fallback, all), "fallback-of-the-other-family": after(t, other, all),
		"last-good-without-memory": compile(t, lastGood, addressOf(0), addressOf(1), addressOf(2)),
	} {
		t.Run(file, func(t *testing.T) {
			trace, d := Explain(snapshot, name, fromECS("20.1.2.0/24")), Decide(snapshot, fromECS("20.1.2.0/24"))
			if trace.Reason != d.Reason.String() || !slices.Equal(trace.Addresses, d.Addresses) || trace.Scope.Bits() != d.ScopeBits {
				t.Errorf("Decide %+v, Explain %+v", d, trace)
			}
			got, err := json.MarshalIndent(trace, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", "explain", file+".json"), got)
		})
	}
}
