package steer

import (
	"fmt"
	"net/netip"
	"testing"

	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// largeWorld is one service at 1,000 sites with the embedded table; every demand class is split among its eight candidates.
func largeWorld(b *testing.B) *world.Snapshot {
	b.Helper()
	table, err := embedded.Open()
	if err != nil {
		b.Fatal(err)
	}
	geo := plan.NewGeo(table)
	var endpoints []endpoint
	for i := range 1000 {
		site := gslb.SiteID(fmt.Sprintf("y%03d", i))
		sitePlaces[site] = gslb.Location{LatMicro: int32(i*37%120-50)*1_000_000 + int32(i/360)*2_000_000, LonMicro: int32(i*83%360-180) * 1_000_000}
		endpoints = append(endpoints, endpoint{site, 100, ""})
	}
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoints...)
	for i := range m.Services[0].Endpoints {
		m.Services[0].Endpoints[i].Addresses[0].Addr = netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})
	}
	before := plan.Compile(m, "sha256:none", geo, nil)
	for _, class := range before.Services[0].All.Classes.Demand().List {
		split := plan.Split{Class: class.Key}
		for _, c := range class.Candidates {
			split.Shares = append(split.Shares, plan.SiteShare{Site: m.Sites[c.Site].ID, Share: gslb.WholeShare / gslb.Share(len(class.Candidates))})
		}
		if len(split.Shares) == plan.MaxCandidates {
			m.Services[0].Splits = append(m.Services[0].Splits, split)
		}
	}
	m.Canonical()
	if err := m.Validate(); err != nil {
		b.Fatal(err)
	}
	builder := world.NewBuilder()
	builder.SetPlan(1, plan.Compile(m, "sha256:test", geo, before))
	return builder.Snapshot()
}

// BenchmarkDecideLarge decides with 1,000 sites, for 1,024 clients in turn: where the client's class is split among eight, for
// client subnets of both families and for resolvers, plain ones and heavy ones; and where no class is split.
func BenchmarkDecideLarge(b *testing.B) {
	snapshot := largeWorld(b)
	run := func(kind string, clients []Query) {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				Decide(snapshot, clients[i%len(clients)])
			}
		})
	}
	clients4, clients6 := splitClients(snapshot, subnet4), splitClients(snapshot, subnet6)
	run("one client", clients4[:1])
	run("clients", clients4)
	run("clients of IPv6", clients6)
	resolvers := make([]Query, len(clients4))
	for i, q := range clients4 {
		resolvers[i] = Query{Family: plan.IPv4, Client: gslb.Resolver(q.Client.Prefix.Addr().Next()), At: 1_800_000_000}
	}
	run("resolvers", resolvers)
	m := snapshot.Plan.Map
	for _, q := range resolvers {
		m.HeavyResolvers = append(m.HeavyResolvers, q.Client.Prefix.Addr())
	}
	snapshot = nextSnapshot(m, snapshot.Plan)
	run("heavy resolvers", resolvers)
	m.Services[0].Splits = nil
	snapshot = nextSnapshot(m, snapshot.Plan)
	run("unsplit clients", clients4)
	run("unsplit clients of IPv6", clients6)
}

func nextSnapshot(m *plan.Map, before *plan.Compiled) *world.Snapshot {
	builder := world.NewBuilder()
	builder.SetPlan(2, plan.Compile(m, "sha256:next", before.Geo, before))
	return builder.Snapshot()
}

func subnet4(n uint32) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), 0}), gslb.MaxBits4)
}

// subnet6 is in 2000::/4, where the registries' networks are.
func subnet6(n uint32) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20 | byte(n>>28), byte(n >> 20), byte(n >> 12), byte(n >> 4), byte(n << 4)}), gslb.MaxBits6)
}

// splitClients are 1,024 client subnets whose class is split.
func splitClients(snapshot *world.Snapshot, subnet func(uint32) netip.Prefix) (clients []Query) {
	for i := uint32(0); len(clients) < 1<<10; i++ {
		q := Query{Family: plan.IPv4, Client: gslb.Client(subnet(i*2654435761), true)}
		if Decide(snapshot, q).Reason == Split {
			clients = append(clients, q)
		}
	}
	return clients
}
