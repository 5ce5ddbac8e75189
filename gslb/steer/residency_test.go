package steer

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// mayServe is the rule as its owner reads it: the first whose clients have the country, and the regions that it names.
func mayServe(snapshot *world.Snapshot, client netip.Addr, endpoint int) bool {
	id, _ := snapshot.Plan.Geo.Table.Lookup(client)
	country, spec := snapshot.Plan.Geo.Table.Place(id).Country, snapshot.Plan.Services[0].Spec
	for _, rule := range spec.Steering.Residency {
		if slices.Contains(rule.Clients, plan.Region(country)) {
			at := slices.IndexFunc(snapshot.Plan.Map.Sites, func(s plan.Site) bool { return s.ID == spec.Endpoints[endpoint].Site })
			return slices.Contains(rule.Regions, snapshot.Plan.Map.Sites[at].Region)
		}
	}
	return true
}

// No client is ever led out of its residency, whatever died, is drained or is split; and a client that has a site left that may
// serve it gets an answer wherever it got one without a residency.
func TestNobodyLeavesTheResidency(t *testing.T) {
	rng, kept, led := rand.New(rand.NewPCG(41, 42)), 0, 0
	for range 40 {
		snapshot := exactWorld(t, rng)
		s := &snapshot.Plan.Services[0]
		for range 20 {
			q := Query{Client: gslb.Client(gslb.Unit(exactClient(rng)), true), Family: plan.Family(rng.IntN(2))}
			d, allowed := Decide(snapshot, q), 0
			for i, e := range s.Endpoints {
				has := slices.ContainsFunc(e.Addresses, func(a plan.Address) bool { return plan.FamilyOf(a.Addr) == q.Family })
				if has && mayServe(snapshot, q.Client.Prefix.Addr(), i) {
					allowed++
				}
			}
			if d.Endpoint >= 0 && !mayServe(snapshot, q.Client.Prefix.Addr(), d.Endpoint) {
				t.Fatalf("%s is led to %s: %+v", q.Client.Prefix, s.Endpoints[d.Endpoint].Site, d)
			}
			if s.Rules() == 0 {
				continue
			}
			if d.Endpoint >= 0 {
				led++
			}
			if allowed == 0 && s.ByFamily[q.Family] != nil {
				kept++
				if d.Reason != Residency && d.Reason != Fallback {
					t.Fatalf("%s may go nowhere: %+v", q.Client.Prefix, d)
				}
			}
			wished := s.Spec.Steering.OnAllUnhealthy == plan.AnswerServfail && d.Reason == AllUnhealthy
			if allowed > 0 && !wished && len(d.Addresses) == 0 {
				t.Fatalf("%s has %d sites and gets no answer: %+v", q.Client.Prefix, allowed, d)
			}
		}
	}
	t.Logf("%d decisions led clients somewhere, %d found nothing that may serve them", led, kept)
	if kept == 0 || led == 0 {
		t.Error("the worlds are too tame")
	}
}

// keptInChina keeps the clients of 21/8 and 22/8 in regions of sites.
func keptInChina(t testing.TB, policy plan.Steering, down []netip.Addr, endpoints ...endpoint) *world.Snapshot {
	t.Helper()
	var b geodata.Builder
	layer := b.Source("test")
	for prefix, country := range map[string]string{"20.0.0.0/8": "DE", "21.0.0.0/8": "CN", "22.0.0.0/8": "CN"} {
		place := at(50, 8, "")
		place.Country = country
		if err := layer.Add(netip.MustParsePrefix(prefix), place); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	policy.Residency = []plan.Residency{{Clients: []plan.Region{"CN"}, Regions: []string{"cn-north"}}}
	m := mapOf(policy, endpoints...)
	for i := range m.Sites {
		m.Sites[i].Region = map[gslb.SiteID]string{"pek": "cn-north", "fra": "eu", "ams": "eu"}[m.Sites[i].ID]
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	builder := world.NewBuilder()
	builder.SetTime(noon)
	builder.SetPlan(3, plan.Compile(m, "sha256:test", plan.NewGeo(table), nil))
	snapshot := builder.Snapshot()
	for i, addr := range down { // one after the other
		builder.SetTime(noon.Add(time.Duration(i+1) * 5 * time.Minute))
		builder.SetDown(world.Target{Service: name, Addr: addr}, true)
		snapshot = builder.Snapshot()
	}
	return snapshot
}

// What answers the clients of CN, whose only site is pek, and the others.
func TestResidencyWhenItsSitesAreDown(t *testing.T) {
	both := []endpoint{{"fra", 1, ""}, {"pek", 1, ""}}
	fra, pek := addressOf(0), addressOf(1)
	for _, c := range []struct {
		name      string
		policy    plan.Steering
		down      []netip.Addr
		endpoints []endpoint
		cn, de    string
	}{
		{"both up", plan.Steering{Method: plan.Proximity}, nil, both, "pek nearest /7 answered", "fra nearest /8 answered"},
		{"pek is down", plan.Steering{Method: plan.Proximity}, []netip.Addr{pek}, both, "pek all-unhealthy /7 answered", "fra nearest /8 answered"},
		{"fra is down", plan.Steering{Method: plan.Proximity}, []netip.Addr{fra}, both, "pek nearest /7 answered", "pek overflow /8 answered"},
		{"last good, pek is down", plan.Steering{Method: plan.Weighted, OnAllUnhealthy: plan.AnswerLastGood}, []netip.Addr{pek}, both,
			"pek last-good /7 answered", "fra nearest /6 answered"},
		{"last good, pek went long before fra", plan.Steering{Method: plan.Weighted, OnAllUnhealthy: plan.AnswerLastGood}, []netip.Addr{pek, fra}, both,
			"pek last-good /7 answered", "fra last-good /6 answered"},
		{"servfail, pek is down", plan.Steering{Method: plan.Failover, OnAllUnhealthy: plan.AnswerServfail}, []netip.Addr{pek}, both,
			"- all-unhealthy /7 unavailable", "fra nearest /6 answered"},
		{"fallback, pek is down", withFallback("198.51.100.1"), []netip.Addr{pek}, both, "- fallback /7 answered", "fra nearest /8 answered"},
		{"no such site", plan.Steering{Method: plan.Proximity}, nil, both[:1], "- residency /7 unavailable", "fra nearest /8 answered"},
		{"no such site, fallback", withFallback("198.51.100.1"), nil, both[:1], "- fallback /7 answered", "fra nearest /8 answered"},
	} {
		snapshot := keptInChina(t, c.policy, c.down, c.endpoints...)
		for client, want := range map[netip.Addr]string{telecom: c.cn, unicom: c.cn, german: c.de} {
			q := from(client)
			got := text(snapshot, Decide(snapshot, q))
			if strings.Split(got, " /")[0] != strings.Split(want, " /")[0] || !strings.HasSuffix(got, want[strings.LastIndex(want, " "):]) {
				t.Errorf("%s: %s: got %s, want %s", c.name, client, got, want)
			}
			if n := testing.AllocsPerRun(100, func() { Decide(snapshot, q) }); n != 0 {
				t.Errorf("%s: Decide allocates %v times per run, want 0", c.name, n)
			}
		}
	}
}

// A family that no site has is NODATA, unless the fallback stands in for all that may serve the client: the clients of CN must not
// find it by one family and nothing by the other.
func TestResidencyAndTheFallbackOfAFamily(t *testing.T) {
	snapshot := keptInChina(t, withFallback("198.51.100.1", "2001:db8:f::1"), []netip.Addr{addressOf(1)}, endpoint{"fra", 1, ""}, endpoint{"pek", 1, ""})
	for client, want := range map[netip.Addr]string{telecom: "- fallback answered", german: "- no-endpoint no data of this family"} {
		q := from(client)
		q.Family = plan.IPv6
		d := Decide(snapshot, q)
		if got := strings.Join(slices.Delete(strings.SplitN(text(snapshot, d), " ", 4), 2, 3), " "); got != want || d.ScopeBits == 0 {
			t.Errorf("%s: got %s /%d, want %s", client, got, d.ScopeBits, want)
		}
	}
}

// A family that only sites elsewhere have is NODATA: the other family answers, and it is no fault.
func TestResidencyWithoutTheFamily(t *testing.T) {
	snapshot := keptInChina(t, plan.Steering{Method: plan.Proximity}, nil, endpoint{"fra", 1, ""}, endpoint{"pek", 1, ""})
	m := *snapshot.Plan.Map
	m.Services[0].Endpoints[0].Addresses = append(m.Services[0].Endpoints[0].Addresses, plan.Address{Addr: netip.MustParseAddr("2001:db8::1"), Line: gslb.DefaultLine})
	b := world.NewBuilder()
	b.SetPlan(4, plan.Compile(&m, "sha256:test", snapshot.Plan.Geo, nil))
	snapshot = b.Snapshot()
	q := from(telecom)
	q.Family = plan.IPv6
	d := Decide(snapshot, q)
	if d.Outcome != NoFamily || d.Reason != Residency || d.ScopeBits == 0 {
		t.Errorf("got %s", text(snapshot, d))
	}
	trace := Explain(snapshot, name, q)
	want := []string{"residency keeps clients of CN in cn-north", "fra is out: residency keeps these clients elsewhere"}
	if !slices.Equal(trace.Steps, want) {
		t.Errorf("steps %q, want %q", trace.Steps, want)
	}
	if d := Decide(snapshot, from(telecom)); d.Outcome != Answered {
		t.Errorf("by IPv4: %s", text(snapshot, d))
	}
}
