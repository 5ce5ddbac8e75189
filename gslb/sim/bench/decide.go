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

// decideKind is questions of one kind of client, and the snapshot that they are asked of.
type decideKind struct {
	name     string
	snapshot *world.Snapshot
	queries  []steer.Query
}

// measureDecide decides for clients of all over the world at 1,000 sites: where no demand class is split, and where each is
// split among its eight.
func measureDecide(geo *plan.Geo) (worst decideCost, err error) {
	kinds, err := decideKinds(geo)
	if err != nil {
		return worst, err
	}
	for _, kind := range kinds {
		cost := kind.cost()
		fmt.Fprintf(os.Stderr, "decide, %d sites, %d %s: %d ns, %d allocations\n", decideSites, len(kind.queries), kind.name, cost.nanoseconds, cost.allocs)
		worst = decideCost{max(worst.nanoseconds, cost.nanoseconds), max(worst.allocs, cost.allocs)}
	}
	return worst, nil
}

func decideKinds(geo *plan.Geo) ([]decideKind, error) {
	unsplit, split, heavy, err := decideWorld(geo)
	if err != nil {
		return nil, err
	}
	clients, clients6 := clientsOf(split, subnet4), clientsOf(split, subnet6)
	return []decideKind{
		{"client subnets without a split", unsplit, clients}, {"client subnets of IPv6 without a split", unsplit, clients6},
		{"client subnets", split, clients}, {"client subnets of IPv6", split, clients6},
		{"resolvers", split, clientsOf(split, resolver)}, {"heavy resolvers", split, heavy},
	}, nil
}

// decideRuns is how often each kind is measured. The fastest run counts: what else a machine does can only slow one down.
const decideRuns = 3

func (k decideKind) cost() (best decideCost) {
	for run := range decideRuns {
		result := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				steer.Decide(k.snapshot, k.queries[i%len(k.queries)])
			}
		})
		if run == 0 || result.NsPerOp() < best.nanoseconds {
			best.nanoseconds = result.NsPerOp()
		}
		best.allocs = max(best.allocs, result.AllocsPerOp())
	}
	return best
}

// decideWorld is a snapshot without splits, one with them, and the questions of its heavy resolvers.
func decideWorld(geo *plan.Geo) (unsplit, split *world.Snapshot, heavy []steer.Query, err error) {
	var sites []sim.SiteSpec
	for i := range decideSites {
		s := sim.DefaultSite
		s.ID = gslb.SiteID(fmt.Sprintf("y%03d", i))
		s.Location = gslb.Location{LatMicro: int32(i*37%120-50)*1_000_000 + int32(i/360)*2_000_000, LonMicro: int32(i*83%360-180) * 1_000_000}
		sites = append(sites, s)
	}
	without, _ := mapOf(sites)
	bare := plan.Compile(without, "sha256:bare", geo, nil)
	m, _ := mapOf(sites)
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
	for _, q := range clientsOf(snapshotOf(plan.Compile(m, "sha256:split", geo, bare)), resolver) {
		q.Client = gslb.Resolver(q.Client.Prefix.Addr().Next())
		m.HeavyResolvers, heavy = append(m.HeavyResolvers, q.Client.Prefix.Addr()), append(heavy, q)
	}
	m.Canonical()
	if err := m.Validate(); err != nil {
		return nil, nil, nil, err
	}
	return snapshotOf(bare), snapshotOf(plan.Compile(m, "sha256:heavy", geo, bare)), heavy, nil
}

func snapshotOf(compiled *plan.Compiled) *world.Snapshot {
	builder := world.NewBuilder()
	builder.SetPlan(1, compiled)
	return builder.Snapshot()
}

// manyClients are asked for in turn.
const manyClients = 1 << 10

// clientsOf are clients whose class is split; client makes one of a number.
func clientsOf(snapshot *world.Snapshot, client func(uint32) gslb.ClientSubnet) (list []steer.Query) {
	for i := uint32(0); len(list) < manyClients; i++ {
		n := i * 2654435761 // Knuth's multiplicative hashing: all over the address space
		q := steer.Query{Family: plan.IPv4, Client: client(n), At: 1_800_000_000}
		if steer.Decide(snapshot, q).Reason == steer.Split {
			list = append(list, q)
		}
	}
	return list
}

func subnet4(n uint32) gslb.ClientSubnet {
	addr := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8)})
	return gslb.Client(netip.PrefixFrom(addr, gslb.MaxBits4), true)
}

// subnet6 is in 2000::/4, where the registries' networks are.
func subnet6(n uint32) gslb.ClientSubnet {
	addr := netip.AddrFrom16([16]byte{0x20 | byte(n>>28), byte(n >> 20), byte(n >> 12), byte(n >> 4), byte(n << 4)})
	return gslb.Client(netip.PrefixFrom(addr, gslb.MaxBits6), true)
}

func resolver(n uint32) gslb.ClientSubnet { return gslb.Resolver(subnet4(n).Prefix.Addr().Next()) }
