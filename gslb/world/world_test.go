package world

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

func address(s string, line gslb.Line) plan.Address {
	return plan.Address{Addr: netip.MustParseAddr(s), Line: line}
}

func service(name gslb.Name, addresses ...plan.Address) plan.Service {
	return plan.Service{
		Name: name, TTL: time.Second, Steering: plan.Steering{Method: plan.Weighted, OnAllUnhealthy: plan.AnswerAll},
		Health:    &plan.Health{Type: plan.ProbeTCP, Port: 80, Interval: time.Second},
		Endpoints: []plan.Endpoint{{Site: "fra", Capacity: 1000, Addresses: addresses}},
	}
}

func compile(t *testing.T, services ...plan.Service) *plan.Compiled {
	t.Helper()
	m := &plan.Map{
		Sites:    []plan.Site{{ID: "fra"}},
		Zones:    []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}},
		Services: services,
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	table, err := new(geodata.Builder).Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return plan.Compile(m, "", plan.NewGeo(table), nil)
}

func down(name gslb.Name, addr string) Target { return Target{name, netip.MustParseAddr(addr)} }

func TestAddresses(t *testing.T) {
	all := []plan.Address{
		address("192.0.2.1", "telecom"), address("192.0.2.2", "unicom"), address("192.0.2.3", gslb.DefaultLine),
		address("192.0.2.4", "telecom"), address("2001:db8::1", "telecom"),
	}
	for _, c := range []struct {
		line     gslb.Line
		family   plan.Family
		down     string
		evenDown bool
		want     string
	}{
		{"telecom", plan.IPv4, "", false, "192.0.2.1 192.0.2.4"},
		{"unicom", plan.IPv4, "", false, "192.0.2.2"},
		{"mobile", plan.IPv4, "", false, "192.0.2.3"},
		{gslb.NoLine, plan.IPv4, "", false, "192.0.2.3"},
		{"telecom", plan.IPv4, "192.0.2.1", false, "192.0.2.4"},
		{"telecom", plan.IPv4, "192.0.2.1 192.0.2.4", false, "192.0.2.3"},
		{"mobile", plan.IPv4, "192.0.2.3", false, "192.0.2.1 192.0.2.2 192.0.2.4"},
		{"unicom", plan.IPv4, "192.0.2.2 192.0.2.3", false, "192.0.2.1 192.0.2.4"},
		{"unicom", plan.IPv4, "192.0.2.2", true, "192.0.2.2"},
		{"unicom", plan.IPv6, "", false, "2001:db8::1"},
		{"unicom", plan.IPv6, "2001:db8::1", false, ""},
		{"unicom", plan.IPv6, "2001:db8::1", true, "2001:db8::1"},
	} {
		b := NewBuilder()
		b.SetPlan(1, compile(t, service("a.edge.example.", all...)))
		for _, addr := range strings.Fields(c.down) {
			b.SetDown(down("a.edge.example.", addr), true)
		}
		e := b.Snapshot().Service(0).Endpoints[0]
		got := strings.Trim(fmt.Sprint(e.Addresses(c.family, c.line, c.evenDown)), "[]")
		if got != c.want {
			t.Errorf("line %q, down %q, even down %v: %s, want %s", c.line, c.down, c.evenDown, got, c.want)
		}
		if has := e.Has(c.family); !c.evenDown && has != (c.want != "") {
			t.Errorf("line %q, down %q: has the family: %v", c.line, c.down, has)
		}
	}
}

func TestEndpointIsUpWhileOneAddressIs(t *testing.T) {
	b := NewBuilder()
	b.SetPlan(1, compile(t, service("a.edge.example.", address("192.0.2.1", ""), address("2001:db8::1", ""))))
	up := func() bool { return b.Snapshot().Service(0).Endpoints[0].Up }
	if !up() {
		t.Error("not up at first")
	}
	b.SetDown(down("a.edge.example.", "192.0.2.1"), true)
	if !up() {
		t.Error("not up with one address")
	}
	b.SetDown(down("a.edge.example.", "2001:db8::1"), true)
	if up() {
		t.Error("up without any")
	}
	b.SetDown(down("a.edge.example.", "192.0.2.1"), false)
	if !up() {
		t.Error("not up again")
	}
}

func TestSnapshotsShareWhatHasNoNews(t *testing.T) {
	b := NewBuilder()
	b.SetPlan(1, compile(t, service("a.edge.example.", address("192.0.2.1", "")), service("b.edge.example.", address("192.0.2.1", ""))))
	first := b.Snapshot()
	if news := b.SetDown(down("a.edge.example.", "192.0.2.1"), true); !news {
		t.Error("a death is no news")
	}
	if news := b.SetDown(down("a.edge.example.", "192.0.2.1"), true); news {
		t.Error("a death is news twice")
	}
	if news := b.SetDown(down("a.edge.example.", "192.0.2.9"), false); news {
		t.Error("an address that nobody called down is news")
	}
	second := b.Snapshot()
	if first.Service(0) == second.Service(0) || first.Service(1) != second.Service(1) {
		t.Error("want a new service for the news and the old one for the rest")
	}
	if !first.Service(0).Endpoints[0].Up || second.Service(0).Endpoints[0].Up || !second.Service(1).Endpoints[0].Up {
		t.Error("a snapshot changed after it was made, or a death crossed to another service")
	}
}

// What is known of an address outlives the map, as long as the new map still probes it.
func TestDownOutlivesTheMap(t *testing.T) {
	b := NewBuilder()
	one, other := address("192.0.2.1", ""), address("192.0.2.2", "")
	b.SetPlan(1, compile(t, service("a.edge.example.", one)))
	b.SetDown(down("a.edge.example.", "192.0.2.1"), true)
	b.SetPlan(2, compile(t, service("a.edge.example.", one, other)))
	if e := b.Snapshot().Service(0).Endpoints[0]; len(e.Addresses(plan.IPv4, "", false)) != 1 {
		t.Error("the death is forgotten")
	}
	b.SetPlan(3, compile(t, service("a.edge.example.", other)))
	b.SetPlan(4, compile(t, service("a.edge.example.", one)))
	if s := b.Snapshot(); !s.Service(0).Endpoints[0].Up || s.Generation != 4 {
		t.Error("a death outlived the address")
	}
	unprobed := service("a.edge.example.", one)
	unprobed.Health = nil
	b.SetDown(down("a.edge.example.", "192.0.2.1"), true)
	b.SetPlan(5, compile(t, unprobed))
	if !b.Snapshot().Service(0).Endpoints[0].Up {
		t.Error("without health an endpoint counts as up")
	}
}

func TestWithoutPlan(t *testing.T) {
	if s := NewBuilder().Snapshot(); s.Plan != nil || s.Generation != 0 {
		t.Errorf("got %+v", s)
	}
	store := NewStore()
	if store.Load().Plan != nil {
		t.Error("an empty store has a plan")
	}
	next := &Snapshot{Generation: 3}
	store.Swap(next)
	if store.Load() != next {
		t.Error("swapped to another snapshot")
	}
}

func TestTargets(t *testing.T) {
	unprobed := service("b.edge.example.", address("192.0.2.2", ""))
	unprobed.Health = nil
	compiled := compile(t, service("a.edge.example.", address("192.0.2.1", ""), address("2001:db8::1", "")), unprobed)
	targets := Targets(compiled.Map)
	if len(targets) != 2 || targets[0].Site != "fra" || targets[1].Addr != netip.MustParseAddr("2001:db8::1") || targets[0].Health.Port != 80 {
		t.Errorf("got %+v", targets)
	}
}
