package plan

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// world is a small valid map; every call makes a new one.
func world() *Map {
	return &Map{
		Schema: Schema,
		Sites: []Site{
			{ID: "fra", Location: gslb.Location{LatMicro: 50_110_000, LonMicro: 8_680_000}, Lines: []gslb.Line{"default"}},
			{ID: "pek", Location: gslb.Location{LatMicro: 39_900_000, LonMicro: 116_400_000}, Lines: []gslb.Line{"telecom"}},
		},
		Zones: []Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}, Records: []string{"ns1.edge.example. 3600 IN A 192.0.2.53"}}},
		Services: []Service{{
			Name: "chat.edge.example.", Aliases: []gslb.Name{"talk.edge.example."}, TTL: 30 * time.Second,
			Steering: Steering{Method: Proximity, Watermarks: Watermarks{LowPercent: 70, HighPercent: 90}, OnAllUnhealthy: AnswerAll},
			Health:   &Health{Type: ProbeHTTP, Path: "/healthz", Port: 8080, Interval: time.Second},
			Endpoints: []Endpoint{
				{Site: "fra", Capacity: 120_000, Addresses: []Address{{Addr: netip.MustParseAddr("192.0.2.30")}}},
				{Site: "pek", Capacity: 360_000, Addresses: []Address{
					{Addr: netip.MustParseAddr("192.0.2.1"), Line: "telecom"}, {Addr: netip.MustParseAddr("2001:db8::1")},
				}},
			},
		}},
	}
}

// many is a valid map of services with an endpoint of 1,000 milli-requests/s at each of the sites.
func many(services, sites int) *Map {
	m := &Map{Schema: Schema, Zones: []Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}}}
	for i := range sites {
		m.Sites = append(m.Sites, Site{ID: siteName(i), Location: gslb.Location{LatMicro: int32(i) * 1_000_000}})
	}
	for i := range services {
		s := Service{Name: serviceName(i), TTL: time.Second, Steering: Steering{Method: Weighted, OnAllUnhealthy: AnswerAll}}
		for j := range sites {
			addr := netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), byte(j + 1)})
			s.Endpoints = append(s.Endpoints, Endpoint{Site: siteName(j), Capacity: 1000, Addresses: []Address{{Addr: addr}}})
		}
		m.Services = append(m.Services, s)
	}
	m.Canonical()
	return m
}

// policies is a valid map of services with every kind of policy.
func policies() *Map {
	m := many(4, 2)
	for i, policy := range []OnAllUnhealthy{AnswerAll, AnswerLastGood, AnswerFallback, AnswerServfail} {
		m.Services[i].Steering = Steering{Method: Proximity, OnAllUnhealthy: policy}
	}
	m.Services[1].Steering.MinSites, m.Services[1].Steering.ConnectionLife, m.Services[1].Steering.GainMicro = 2, time.Minute, 40_000
	m.Services[1].Steering.CalmTTL, m.Services[1].Endpoints[0].Calm = time.Minute, true
	m.Services[0].Steering.Near = Near{Milliseconds: 5}
	m.Services[1].Steering.Near, m.Services[1].Steering.Costs = Near{Percent: 10}, []SiteCost{{"s01", 25}, {"s00", 5}}
	m.Services[3].Steering.Residency = []Residency{
		{Clients: []Region{"CN-south", "CN-BJ"}, Regions: []string{"north", "cn"}}, {Clients: []Region{"DE"}, Regions: []string{"eu"}},
	}
	m.Services[2].Steering.Fallback = []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::1")}
	return m
}

func siteName(i int) gslb.SiteID  { return gslb.SiteID(fmt.Sprintf("s%02d", i)) }
func serviceName(i int) gslb.Name { return gslb.Name(fmt.Sprintf("n%03d.edge.example.", i)) }

func tableOf(t testing.TB, networks map[string]geodata.Place) *geodata.Table {
	t.Helper()
	return measuredTable(t, networks, nil)
}

// measuredTable has times measured from networks, too.
func measuredTable(t testing.TB, networks map[string]geodata.Place, times map[string][]geodata.SiteRTT) *geodata.Table {
	t.Helper()
	var b geodata.Builder
	rtt := b.RTT("lbagent")
	for prefix, row := range times {
		if err := rtt.Add(netip.MustParsePrefix(prefix), row); err != nil {
			t.Fatal(err)
		}
	}
	layer := b.Override("operator")
	for prefix, place := range networks {
		if err := layer.Add(netip.MustParsePrefix(prefix), place); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func mustEncode(t testing.TB, m *Map) []byte {
	t.Helper()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
