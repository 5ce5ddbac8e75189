package world

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
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
	return compileMap(t, m, nil)
}

func compileMap(t *testing.T, m *plan.Map, previous *plan.Compiled) *plan.Compiled {
	t.Helper()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	geo, err := emptyGeo()
	if err != nil {
		t.Fatal(err)
	}
	return plan.Compile(m, "", geo, previous)
}

var emptyGeo = sync.OnceValues(func() (*plan.Geo, error) {
	table, err := new(geodata.Builder).Build(geodata.Origin{})
	if err != nil {
		return nil, err
	}
	return plan.NewGeo(table), nil
})

func down(name gslb.Name, addr string) Target { return Target{name, netip.MustParseAddr(addr)} }

// tagged is an address for a tag written as line/region, either of which may be left out.
func tagged(s, tag string) plan.Address {
	t := tagOf(tag)
	return plan.Address{Addr: netip.MustParseAddr(s), Line: t.Line, Region: t.Region}
}

func tagOf(text string) plan.Tag {
	line, region, _ := strings.Cut(text, "/")
	return plan.Tag{Line: gslb.Line(line), Region: plan.Region(region)}
}

func TestAddresses(t *testing.T) {
	all := []plan.Address{
		address("192.0.2.1", "telecom"), address("192.0.2.2", "unicom"), address("192.0.2.3", gslb.DefaultLine),
		address("192.0.2.4", "telecom"), tagged("192.0.2.5", "/CN-GD"), tagged("192.0.2.6", "telecom/CN-GD"), address("2001:db8::1", "telecom"),
	}
	for _, c := range []struct {
		client   string // the tags that it matches
		family   plan.Family
		down     string
		evenDown bool
		want     string
		tag      string
	}{
		{"telecom/ /", plan.IPv4, "", false, "192.0.2.1 192.0.2.4", "telecom/"},
		{"unicom/ /", plan.IPv4, "", false, "192.0.2.2", "unicom/"},
		{"mobile/ /", plan.IPv4, "", false, "192.0.2.3", "/"},
		{"/", plan.IPv4, "", false, "192.0.2.3", "/"},
		{"telecom/CN-GD telecom/ /CN-GD /", plan.IPv4, "", false, "192.0.2.6", "telecom/CN-GD"},
		{"telecom/CN-GD telecom/ /CN-GD /", plan.IPv4, "192.0.2.6", false, "192.0.2.1 192.0.2.4", "telecom/"},
		{"telecom/CN-GD /CN-GD telecom/ /", plan.IPv4, "192.0.2.6", false, "192.0.2.5", "/CN-GD"},
		{"telecom/CN-GX /CN-GX telecom/ /", plan.IPv4, "", false, "192.0.2.1 192.0.2.4", "telecom/"},
		{"telecom/ /", plan.IPv4, "192.0.2.1", false, "192.0.2.4", "telecom/"},
		{"telecom/ /", plan.IPv4, "192.0.2.1 192.0.2.4", false, "192.0.2.3", "/"},
		{"mobile/ /", plan.IPv4, "192.0.2.3", false, "192.0.2.1 192.0.2.2 192.0.2.4 192.0.2.5 192.0.2.6", "none"},
		{"unicom/ /", plan.IPv4, "192.0.2.2 192.0.2.3", false, "192.0.2.1 192.0.2.4 192.0.2.5 192.0.2.6", "none"},
		{"unicom/ /", plan.IPv4, "192.0.2.2", true, "192.0.2.2", "unicom/"},
		{"unicom/ /", plan.IPv6, "", false, "2001:db8::1", "none"},
		{"unicom/ /", plan.IPv6, "2001:db8::1", false, "", "none"},
		{"unicom/ /", plan.IPv6, "2001:db8::1", true, "2001:db8::1", "none"},
	} {
		b := NewBuilder()
		compiled := compile(t, service("a.edge.example.", all...))
		b.SetPlan(1, compiled)
		for _, addr := range strings.Fields(c.down) {
			b.SetDown(down("a.edge.example.", addr), true)
		}
		set := compiled.Services[0].ByFamily[c.family].Classes.Tags
		var tags []plan.TagID
		for _, text := range strings.Fields(c.client) {
			tags = append(tags, set.ID(tagOf(text)))
		}
		e := b.Snapshot().Service(0).Endpoints[0]
		addrs, tag := e.Addresses(c.family, tags, c.evenDown)
		if got := strings.Trim(fmt.Sprint(addrs), "[]"); got != c.want {
			t.Errorf("client of %s, down %q, even down %v: %s, want %s", c.client, c.down, c.evenDown, got, c.want)
		}
		if none := tag == plan.NoTag; none != (c.tag == "none") || !none && set.Tag(tag) != tagOf(c.tag) {
			t.Errorf("client of %s, down %q: by tag %d, want %s", c.client, c.down, tag, c.tag)
		}
		if has := e.Has(c.family); !c.evenDown && has != (c.want != "") {
			t.Errorf("client of %s, down %q: has the family: %v", c.client, c.down, has)
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

// An operator's word stands above the probes, which go on and are told.
func TestForcedUp(t *testing.T) {
	b := NewBuilder()
	forced := service("a.edge.example.", address("192.0.2.1", ""), address("2001:db8::1", ""))
	forced.Endpoints[0].ForcedUp = true
	b.SetPlan(1, compile(t, forced))
	b.SetDown(down("a.edge.example.", "192.0.2.1"), true)
	b.SetDown(down("a.edge.example.", "2001:db8::1"), true)
	e := b.Snapshot().Service(0).Endpoints[0]
	if addrs, _ := e.Addresses(plan.IPv4, nil, false); e.Up || len(addrs) != 1 || !e.Ready(plan.IPv4) || !e.Ready(plan.IPv6) {
		t.Errorf("forced up, %+v serves %v", e, addrs)
	}
	if targets := Targets(b.plan.Map); len(targets) != 2 {
		t.Errorf("probed are %v", targets)
	}
	forced.Endpoints = []plan.Endpoint{forced.Endpoints[0]}
	forced.Endpoints[0].ForcedUp = false
	b.SetPlan(2, compile(t, forced))
	if e := b.Snapshot().Service(0).Endpoints[0]; e.Up || e.Ready(plan.IPv4) {
		t.Errorf("the word is taken back, and %+v is ready", e)
	}
	forced.Endpoints[0].ForcedUp, forced.Endpoints[0].Drained = true, true
	b.SetPlan(3, compile(t, forced))
	if e := b.Snapshot().Service(0).Endpoints[0]; e.Ready(plan.IPv4) {
		t.Errorf("drained, %+v is ready", e)
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
	if addrs, _ := b.Snapshot().Service(0).Endpoints[0].Addresses(plan.IPv4, nil, false); len(addrs) != 1 {
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
