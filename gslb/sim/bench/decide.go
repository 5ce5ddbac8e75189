package main

import (
	"fmt"
	"net/netip"
	"os"
	"testing"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/sim"
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

// decideSites is how many sites the decision that is measured chooses among.
const decideSites = 1000

// decideCost is that of the slowest kind of client.
type decideCost struct{ nanoseconds, allocs int64 }

func (c decideCost) print() {
	fmt.Printf("result decide.time %d ns\n", c.nanoseconds)
	fmt.Printf("result decide.allocs %d allocs\n", c.allocs)
}

// measureDecide decides for clients of all over the world at 1,000 sites, every demand class split among its eight.
func measureDecide(geo *plan.Geo) (worst decideCost, err error) {
	snapshot, resolvers, err := decideWorld(geo)
	if err != nil {
		return worst, err
	}
	kinds := []struct {
		name    string
		queries []steer.Query
	}{{"client subnets", clientsOf(snapshot, false)}, {"resolvers", clientsOf(snapshot, true)}, {"heavy resolvers", resolvers}}
	for _, kind := range kinds {
		result := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				steer.Decide(snapshot, kind.queries[i%len(kind.queries)])
			}
		})
		fmt.Fprintf(os.Stderr, "decide, %d sites, %d %s: %d ns, %d allocations\n", decideSites, len(kind.queries), kind.name, result.NsPerOp(), result.AllocsPerOp())
		worst = decideCost{max(worst.nanoseconds, result.NsPerOp()), max(worst.allocs, result.AllocsPerOp())}
	}
	return worst, nil
}

// decideWorld is the snapshot, and the questions of its heavy resolvers.
func decideWorld(geo *plan.Geo) (*world.Snapshot, []steer.Query, error) {
	var sites []sim.SiteSpec
	for i := range decideSites {
		s := sim.DefaultSite
		s.ID = gslb.SiteID(fmt.Sprintf("y%03d", i))
		s.Location = gslb.Location{LatMicro: int32(i*37%120-50)*1_000_000 + int32(i/360)*2_000_000, LonMicro: int32(i*83%360-180) * 1_000_000}
		sites = append(sites, s)
	}
	m, _ := mapOf(sites)
	bare := plan.Compile(m, "sha256:bare", geo, nil)
	for _, class := range bare.Services[0].Demand.List {
		if len(class.Candidates) < plan.MaxCandidates {
			continue
		}
		split := plan.Split{Class: class.Key}
		for _, c := range class.Candidates {
			split.Shares = append(split.Shares, plan.SiteShare{Site: sites[c.Site].ID, Share: gslb.WholeShare / plan.MaxCandidates})
		}
		m.Services[0].Splits = append(m.Services[0].Splits, split)
	}
	m.Canonical()
	builder := world.NewBuilder()
	builder.SetPlan(1, plan.Compile(m, "sha256:split", geo, bare))
	var heavy []steer.Query
	for _, q := range clientsOf(builder.Snapshot(), true) {
		q.Client = gslb.Resolver(q.Client.Prefix.Addr().Next())
		m.HeavyResolvers, heavy = append(m.HeavyResolvers, q.Client.Prefix.Addr()), append(heavy, q)
	}
	m.Canonical()
	if err := m.Validate(); err != nil {
		return nil, nil, err
	}
	builder.SetPlan(2, plan.Compile(m, "sha256:heavy", geo, bare))
	return builder.Snapshot(), heavy, nil
}

// manyClients are asked for in turn.
const manyClients = 1 << 10

// clientsOf are clients whose class is split, by their networks or by their resolvers.
func clientsOf(snapshot *world.Snapshot, resolvers bool) (list []steer.Query) {
	for i := uint32(0); len(list) < manyClients; i++ {
		n := i * 2654435761 // Knuth's multiplicative hashing: all over the address space
		addr := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), 0})
		q := steer.Query{Family: plan.IPv4, Client: gslb.Client(netip.PrefixFrom(addr, gslb.MaxBits4), true), At: 1_800_000_000}
		if resolvers {
			q.Client = gslb.Resolver(addr.Next())
		}
		if steer.Decide(snapshot, q).Reason == steer.Split {
			list = append(list, q)
		}
	}
	return list
}
