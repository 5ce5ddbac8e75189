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

// BenchmarkDecideSplit decides with 1,000 sites where the client's class is split among eight: for one client subnet, for
// 1,024 that come in turn, and for resolvers, plain ones and heavy ones.
func BenchmarkDecideSplit(b *testing.B) {
	snapshot := largeWorld(b)
	var clients []Query
	for i := range uint32(1 << 20) {
		n := i * 2654435761
		addr := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), 0})
		q := Query{Family: plan.IPv4, Client: gslb.Client(netip.PrefixFrom(addr, 24), true)}
		if Decide(snapshot, q).Reason == Split {
			clients = append(clients, q)
		}
		if len(clients) == 1<<10 {
			break
		}
	}
	run := func(kind string, clients []Query) {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				Decide(snapshot, clients[i%len(clients)])
			}
		})
	}
	run("one client", clients[:1])
	run("clients", clients)
	resolvers := make([]Query, len(clients))
	for i, q := range clients {
		resolvers[i] = Query{Family: plan.IPv4, Client: gslb.Resolver(q.Client.Prefix.Addr().Next()), At: 1_800_000_000}
	}
	run("resolvers", resolvers)
	for _, q := range resolvers {
		snapshot.Plan.Map.HeavyResolvers = append(snapshot.Plan.Map.HeavyResolvers, q.Client.Prefix.Addr())
	}
	builder := world.NewBuilder()
	builder.SetPlan(2, plan.Compile(snapshot.Plan.Map, "sha256:heavy", snapshot.Plan.Geo, snapshot.Plan))
	snapshot = builder.Snapshot()
	run("heavy resolvers", resolvers)
}
