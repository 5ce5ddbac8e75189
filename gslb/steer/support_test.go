package steer

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

func at(lat, lon int32, line gslb.Line) geodata.Place {
	return geodata.Place{HasLocation: true, Location: gslb.Location{LatMicro: lat * 1_000_000, LonMicro: lon * 1_000_000}, Line: line}
}

// clients of the table: Germany, the US, China on two lines, and nobody knows where.
var (
	german  = netip.MustParseAddr("20.0.0.1")
	telecom = netip.MustParseAddr("21.0.0.1")
	unicom  = netip.MustParseAddr("22.0.0.1")
	us      = netip.MustParseAddr("23.0.0.1")
	nowhere = netip.MustParseAddr("30.0.0.1")
)

func table(t testing.TB) *plan.Geo {
	t.Helper()
	geo, err := smallGeo()
	if err != nil {
		t.Fatal(err)
	}
	return geo
}

var smallGeo = sync.OnceValues(func() (*plan.Geo, error) {
	var b geodata.Builder
	layer := b.Source("test")
	for prefix, place := range map[string]geodata.Place{
		"20.0.0.0/8": at(50, 8, ""), "21.0.0.0/8": at(40, 116, "telecom"), "22.0.0.0/8": at(40, 116, "unicom"), "23.0.0.0/8": at(39, -77, ""),
	} {
		if err := layer.Add(netip.MustParsePrefix(prefix), place); err != nil {
			return nil, err
		}
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		return nil, err
	}
	return plan.NewGeo(table), nil
})

// endpoint is a row of a service: 192.0.2.N at a site.
type endpoint struct {
	site     gslb.SiteID
	capacity int // requests/s
	flags    string
}

// The flags of an endpoint.
const (
	isDown    = "down"
	isDrained = "drained"
)

const name gslb.Name = "chat.edge.example."

// sitePlaces are where the sites of these tests stand.
var sitePlaces = map[gslb.SiteID]gslb.Location{
	"ams": {LatMicro: 52_370_000, LonMicro: 4_900_000}, "fra": {LatMicro: 50_110_000, LonMicro: 8_680_000},
	"iad": {LatMicro: 38_950_000, LonMicro: -77_450_000}, "pek": {LatMicro: 39_900_000, LonMicro: 116_400_000},
}

// mapOf is a world of one service.
func mapOf(steering plan.Steering, endpoints ...endpoint) *plan.Map {
	if steering.OnAllUnhealthy == "" {
		steering.OnAllUnhealthy = plan.AnswerAll
	}
	s := plan.Service{
		Name: name, TTL: 30 * time.Second, Steering: steering,
		Health: &plan.Health{Type: plan.ProbeTCP, Port: 80, Interval: time.Second},
	}
	m := &plan.Map{Zones: []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}}}
	for i, e := range endpoints {
		m.Sites = append(m.Sites, plan.Site{ID: e.site, Location: sitePlaces[e.site]})
		s.Endpoints = append(s.Endpoints, plan.Endpoint{
			Site: e.site, Capacity: gslb.MilliRPS(e.capacity) * 1000, Drained: e.flags == isDrained,
			Addresses: []plan.Address{{Addr: addressOf(i), Line: gslb.DefaultLine}},
		})
	}
	m.Services = []plan.Service{s}
	m.Canonical()
	return m
}

func addressOf(endpoint int) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(endpoint + 1)})
}

func compile(t testing.TB, m *plan.Map, down ...netip.Addr) *world.Snapshot {
	t.Helper()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	b := world.NewBuilder()
	b.SetPlan(3, plan.Compile(m, "sha256:test", table(t), nil))
	for _, addr := range down {
		b.SetDown(world.Target{Service: name, Addr: addr}, true)
	}
	return b.Snapshot()
}

func snapshotOf(t testing.TB, steering plan.Steering, endpoints ...endpoint) *world.Snapshot {
	t.Helper()
	var down []netip.Addr
	for i, e := range endpoints {
		if e.flags == isDown {
			down = append(down, addressOf(i))
		}
	}
	return compile(t, mapOf(steering, endpoints...), down...)
}

func from(addr netip.Addr) Query {
	return Query{Family: plan.IPv4, Client: gslb.ClientSubnet{Prefix: gslb.Unit(addr)}}
}

// text is a decision in one line.
func text(snapshot *world.Snapshot, d Decision) string {
	site := gslb.SiteID("-")
	if d.Endpoint >= 0 {
		site = snapshot.Plan.Services[0].Endpoints[d.Endpoint].Site
	}
	return fmt.Sprintf("%s %s /%d %v", site, d.Reason, d.ScopeBits, outcomeNames[d.Outcome])
}
