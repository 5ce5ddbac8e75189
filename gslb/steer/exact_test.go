package steer

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// exactWorld is a random world: blocks of all widths in four /12s and a /32 of IPv6, lines, families, splits, drains and
// deaths.
func exactWorld(t testing.TB, rng *rand.Rand) *world.Snapshot {
	var builder geodata.Builder
	layer := builder.Override("operator")
	for range 5 + rng.IntN(30) {
		prefix := netip.PrefixFrom(exactClient(rng), 10+rng.IntN(15))
		if prefix.Addr().Is6() {
			prefix = netip.PrefixFrom(prefix.Addr(), 30+rng.IntN(27))
		}
		place := at(50, rng.Int32N(3)*40, []gslb.Line{"", "telecom", "unicom"}[rng.IntN(3)])
		place.Country = []string{"", "CN", "DE"}[rng.IntN(3)]
		if err := layer.Add(prefix.Masked(), place); err != nil {
			t.Fatal(err)
		}
	}
	table, err := builder.Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	geo := plan.NewGeo(table)
	m := exactMap(rng)
	exactSplits(rng, geo, m)
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	b := world.NewBuilder()
	b.SetPlan(1, plan.Compile(m, "sha256:test", geo, nil))
	for _, e := range m.Services[0].Endpoints {
		for _, a := range e.Addresses {
			if rng.IntN(5) == 0 {
				b.SetDown(world.Target{Service: name, Addr: a.Addr}, true)
			}
		}
	}
	return b.Snapshot()
}

func exactMap(rng *rand.Rand) *plan.Map {
	var endpoints []endpoint
	for i := range 1 + rng.IntN(5) {
		site := gslb.SiteID(fmt.Sprintf("x%d", i))
		sitePlaces[site] = gslb.Location{LatMicro: 50_000_000, LonMicro: rng.Int32N(3) * 40_000_000}
		endpoints = append(endpoints, endpoint{site, rng.IntN(4), []string{"", "", "", isDrained}[rng.IntN(4)]})
	}
	steering := plan.Steering{Method: []plan.Method{plan.Proximity, plan.Proximity, plan.Weighted, plan.Failover}[rng.IntN(4)]}
	exactPolicy(rng, &steering)
	if steering.Method == plan.Proximity && rng.IntN(2) == 0 {
		steering.CalmTTL = time.Minute
	}
	m := mapOf(steering, endpoints...)
	for i := range m.Services[0].Endpoints {
		m.Sites[i].Region = []string{"", "asia", "eu"}[rng.IntN(3)]
		e := &m.Services[0].Endpoints[i]
		e.Brief, e.Calm = rng.IntN(3) == 0, rng.IntN(3) == 0
		e.Addresses[0].Line = []gslb.Line{"default", "telecom", "unicom"}[rng.IntN(3)]
		if rng.IntN(3) > 0 {
			six := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i + 1)})
			e.Addresses = append(e.Addresses, plan.Address{Addr: six, Line: []gslb.Line{"default", "telecom"}[rng.IntN(2)]})
		}
	}
	return m
}

// exactPolicy keeps clients somewhere in two worlds of three, and has several answers where nothing is left.
func exactPolicy(rng *rand.Rand, s *plan.Steering) {
	if rng.IntN(3) > 0 {
		s.Residency = []plan.Residency{{Clients: []plan.Region{"CN"}, Regions: []string{"asia"}}, {Clients: []plan.Region{"DE"}, Regions: []string{"asia", "eu"}}}
	}
	s.OnAllUnhealthy = []plan.OnAllUnhealthy{plan.AnswerAll, plan.AnswerAll, plan.AnswerLastGood, plan.AnswerServfail, plan.AnswerFallback}[rng.IntN(5)]
	if s.OnAllUnhealthy == plan.AnswerFallback {
		s.Fallback = []netip.Addr{netip.MustParseAddr("198.51.100.1")}
	}
}

// exactSplits splits most classes at random.
func exactSplits(rng *rand.Rand, geo *plan.Geo, m *plan.Map) {
	s := &m.Services[0]
	for _, class := range plan.Compile(m, "sha256:none", geo, nil).Services[0].All.Classes.Demand().List {
		if rng.IntN(4) == 0 {
			continue
		}
		split, left := plan.Split{Class: class.Key}, gslb.WholeShare
		for i, e := range rng.Perm(len(s.Endpoints))[:1+rng.IntN(len(s.Endpoints))] {
			share := gslb.Share(1 + rng.Int32N(int32(left)))
			if last := i > 2 || share == left; last {
				share = left
			}
			split.Shares = append(split.Shares, plan.SiteShare{Site: s.Endpoints[e].Site, Share: share})
			if left -= share; left == 0 {
				break
			}
		}
		split.Shares[0].Share += left
		s.Splits = append(s.Splits, split)
	}
	m.Canonical()
}

// exactClient is a network where the world has blocks, or just beside them.
func exactClient(rng *rand.Rand) netip.Addr {
	if rng.IntN(3) == 0 {
		return netip.AddrFrom16([16]byte{0x20, 3, 0, byte(rng.IntN(4)), 4: byte(rng.IntN(4)), 5: byte(rng.IntN(256)), 6: byte(rng.IntN(256))})
	}
	return netip.AddrFrom4([4]byte{80, byte(rng.IntN(64)), byte(rng.IntN(256)), 0})
}

// walked bounds how many units of a scope are asked for: every one of an IPv4 /14. Of wider ones it is a sample.
const (
	walkedBits = 10
	walked     = 1 << walkedBits
)

// Rule 3 of the design: every address inside the returned scope gets the same answer from the same snapshot.
func TestEveryUnitOfAScopeGetsTheAnswer(t *testing.T) {
	reasons, narrow := map[Reason]int{}, 0
	rng := rand.New(rand.NewPCG(31, 32))
	for range 32 {
		snapshot := exactWorld(t, rng)
		for range 16 {
			q := Query{Client: gslb.Client(gslb.Unit(exactClient(rng)), true), Family: plan.Family(rng.IntN(2))}
			first := Decide(snapshot, q)
			reasons[first.Reason]++
			if first.Outcome != Answered && snapshot.Plan.Services[0].Rules() == 0 {
				continue
			}
			if first.Reason == Split && first.ScopeBits < q.Client.Unit().Bits() {
				narrow++
			}
			scope := netip.PrefixFrom(q.Client.Prefix.Addr(), first.ScopeBits).Masked()
			for client := range unitsIn(rng, scope) {
				other := q
				other.Client = gslb.Client(client, true)
				if got := Decide(snapshot, other); !same(got, first) {
					t.Fatalf("%s got %+v; %s, inside its scope %s, got %+v", q.Client.Prefix, first, client, scope, got)
				}
			}
		}
	}
	t.Logf("reasons %v, %d splits wider than a unit", reasons, narrow)
	if reasons[Split] == 0 || narrow == 0 || reasons[Overflow] == 0 || reasons[AllUnhealthy] == 0 || reasons[Residency] == 0 {
		t.Errorf("reasons %v, %d splits wider than a unit: the worlds are too tame", reasons, narrow)
	}
}

func same(a, b Decision) bool {
	return a.Outcome == b.Outcome && a.Endpoint == b.Endpoint && a.ScopeBits == b.ScopeBits && a.TTL == b.TTL && a.Reason == b.Reason && slices.Equal(a.Addresses, b.Addresses)
}

// unitsIn yields the units of a scope, as many as are walked: all, or its first, its last and a sample.
func unitsIn(rng *rand.Rand, scope netip.Prefix) func(yield func(netip.Prefix) bool) {
	unit := gslb.Unit(scope.Addr())
	free := unit.Bits() - scope.Bits()
	return func(yield func(netip.Prefix) bool) {
		for i := range uint64(walked) {
			n := i
			switch {
			case free < walkedBits && i >= 1<<max(free, 0):
				return
			case free > walkedBits && i == walked-1:
				n = 1<<free - 1
			case free > walkedBits && i > 0:
				n = rng.Uint64() & (1<<free - 1)
			}
			if !yield(netip.PrefixFrom(plus(unit.Addr(), n, unit.Bits()), unit.Bits())) {
				return
			}
		}
	}
}

// plus adds units to an address.
func plus(addr netip.Addr, units uint64, bits int) netip.Addr {
	octets := addr.AsSlice()
	for i := bits/8 - 1; i >= 0 && units > 0; i-- {
		units += uint64(octets[i])
		octets[i], units = byte(units), units>>8
	}
	out, _ := netip.AddrFromSlice(octets)
	return out
}

// A class with many networks of IPv6 is cut into /48s, and one of those holds the IPv4-mapped addresses, which go by the IPv4
// addresses in them.
func TestAUnitOfASplitHoldsNoCarrier(t *testing.T) {
	var builder geodata.Builder
	layer := builder.Override("operator")
	for i := range 40 {
		prefix := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 3, 0, byte(2 * i)}), 32)
		if err := layer.Add(prefix, at(50, int32(i), "")); err != nil {
			t.Fatal(err)
		}
	}
	table, err := builder.Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	geo, m := plan.NewGeo(table), mapOf(plan.Steering{Method: plan.Weighted}, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""})
	split := plan.Split{Class: classOf(t, geo, m, german).Key, Shares: []plan.SiteShare{{Site: "fra", Share: 5000}, {Site: "iad", Share: 5000}}}
	m.Services[0].Splits = []plan.Split{split}
	b := world.NewBuilder()
	b.SetPlan(1, plan.Compile(m, "sha256:test", geo, nil))
	for client, want := range map[string]int{
		"2003:2::/56": 48, "0:0:0:100::/56": 56, "::1/128": 81, "::fffe:0:1/128": 96, "64:ff9b:0:100::/56": 56, "64:ff9b:0:4000::/56": 50, "64:ff9b:0:0:1::/80": 80,
	} {
		if got := Decide(b.Snapshot(), fromECS(client)); got.Reason != Split || got.ScopeBits != want {
			t.Errorf("%s: %v /%d, want split /%d", client, got.Reason, got.ScopeBits, want)
		}
	}
}
