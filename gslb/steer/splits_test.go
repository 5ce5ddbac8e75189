package steer

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// shares is a split by site.
type shares map[gslb.SiteID]gslb.Share

// classOf is the demand class of a client in the map's first service.
func classOf(t testing.TB, geo *plan.Geo, m *plan.Map, client netip.Addr) plan.DemandClass {
	t.Helper()
	classes := plan.Compile(m, "sha256:none", geo, nil).Services[0].All.Classes
	class, _ := classes.Lookup(gslb.Unit(client))
	index, ok := classes.Demand().Of(class)
	if !ok {
		t.Fatalf("%s has no demand class", client)
	}
	return classes.Demand().List[index]
}

// splitClass splits the class of a client of the map's first service.
func splitClass(t testing.TB, m *plan.Map, client netip.Addr, into shares) {
	t.Helper()
	out := plan.Split{Class: classOf(t, table(t), m, client).Key}
	for site, share := range into {
		out.Shares = append(out.Shares, plan.SiteShare{Site: site, Share: share})
	}
	m.Services[0].Splits = append(m.Services[0].Splits, out)
	m.Canonical()
}

func fromECS(client string) Query {
	return Query{Family: plan.IPv4, Client: gslb.Client(netip.MustParsePrefix(client), true)}
}

func fromResolver(client string, at int64) Query {
	return Query{Family: plan.IPv4, Client: gslb.Resolver(netip.MustParseAddr(client)), At: at}
}

// Germany is 20.0.0.0/8, 2^16 networks of /24: a unit is a /16.
func TestDecideSplits(t *testing.T) {
	proximity := plan.Steering{Method: plan.Proximity}
	for _, c := range []struct {
		name      string
		endpoints []endpoint
		into      shares
		client    string
		want      string
	}{
		{"two sites", []endpoint{{"fra", 1, ""}, {"iad", 1, ""}, {"pek", 1, ""}}, shares{"fra": 1, "iad": 9999}, "20.1.2.0/24", "iad split /16 answered"},
		{"three sites", []endpoint{{"fra", 1, ""}, {"iad", 1, ""}, {"pek", 1, ""}}, shares{"fra": 1, "iad": 1, "pek": 9998}, "20.1.2.0/24", "pek split /16 answered"},
		{"one site takes all", []endpoint{{"fra", 1, ""}, {"iad", 1, ""}}, shares{"iad": gslb.WholeShare}, "20.1.2.0/24", "iad split /7 answered"},
		{"another class is not split", []endpoint{{"fra", 1, ""}, {"iad", 1, ""}}, shares{"iad": gslb.WholeShare}, "23.1.2.0/24", "iad nearest /8 answered"},
		{"the other one is down", []endpoint{{"fra", 1, ""}, {"iad", 1, isDown}}, shares{"fra": 1, "iad": 9999}, "20.1.2.0/24", "fra split /7 answered"},
		{"the other one is drained", []endpoint{{"fra", 1, ""}, {"iad", 1, isDrained}}, shares{"fra": 1, "iad": 9999}, "20.1.2.0/24", "fra split /7 answered"},
		{"the other one has no room", []endpoint{{"fra", 1, ""}, {"iad", 0, ""}}, shares{"fra": 1, "iad": 9999}, "20.1.2.0/24", "fra split /7 answered"},
		{"two are left", []endpoint{{"fra", 1, ""}, {"iad", 1, isDown}, {"pek", 1, ""}}, shares{"fra": 9, "iad": 9990, "pek": 1}, "20.1.2.0/24", "fra split /16 answered"},
		{"none is left", []endpoint{{"fra", 1, isDown}, {"iad", 1, isDrained}, {"pek", 1, ""}}, shares{"fra": 1, "iad": 9999}, "20.1.2.0/24", "pek overflow /8 answered"},
		{"all are down", []endpoint{{"fra", 1, isDown}, {"iad", 1, isDown}}, shares{"fra": 1, "iad": 9999}, "20.1.2.0/24", "fra all-unhealthy /7 answered"},
		{"a wide client subnet", []endpoint{{"fra", 1, ""}, {"iad", 1, ""}, {"pek", 1, ""}}, shares{"fra": 1, "iad": 9999}, "20.0.0.0/8", "iad split /16 answered"},
		{"China is in the class where pek is none", []endpoint{{"fra", 1, ""}, {"iad", 1, ""}}, shares{"fra": 1, "iad": 9999}, "21.0.0.0/8", "iad split /15 answered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mapOf(proximity, c.endpoints...)
			splitClass(t, m, german, c.into)
			var down []netip.Addr
			for i, e := range c.endpoints {
				if e.flags == isDown {
					down = append(down, addressOf(i))
				}
			}
			snapshot := compile(t, m, down...)
			if got := text(snapshot, Decide(snapshot, fromECS(c.client))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// What a dead site leaves goes to the others, and moves none of theirs.
func TestADeadSiteMovesOnlyItsOwn(t *testing.T) {
	endpoints := []endpoint{{"ams", 1, ""}, {"fra", 1, ""}, {"iad", 1, ""}, {"pek", 1, ""}}
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoints...)
	splitClass(t, m, german, shares{"ams": 4000, "fra": 3000, "iad": 2000, "pek": 1000})
	before, after := compile(t, m), compile(t, m, addressOf(0))
	moved := map[int]int{}
	for _, client := range units(20_000) {
		q := Query{Family: plan.IPv4, Client: gslb.Resolver(client)}
		q.Client.Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{20, client.As4()[1], client.As4()[2], client.As4()[0]}), 32)
		a, b := Decide(before, q).Endpoint, Decide(after, q).Endpoint
		if a != 0 && a != b {
			t.Fatalf("%s moved from %d to %d", client, a, b)
		}
		if a == 0 {
			moved[b]++
		}
	}
	if ratio := float64(moved[1]) / float64(moved[3]); ratio < 2.6 || ratio > 3.4 {
		t.Errorf("moved %v, want 3:2:1", moved)
	}
}

// dual is a map whose first sites have an IPv6 address, too.
func dual(t testing.TB, both int, endpoints ...endpoint) *plan.Map {
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoints...)
	for i := range both {
		e := &m.Services[0].Endpoints[i]
		e.Addresses = append(e.Addresses, plan.Address{Addr: netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1))})
	}
	return m
}

// The site is chosen before the family: A and AAAA of a client name one site.
func TestBothFamiliesNameOneSite(t *testing.T) {
	m := dual(t, 3, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""}, endpoint{"pek", 1, ""})
	// Lines tell the clients of one family apart, and not those of the other.
	m.Services[0].Endpoints[2].Addresses[0].Line = "telecom"
	splitClass(t, m, german, shares{"fra": 4000, "iad": 3000, "pek": 3000})
	splitClass(t, m, telecom, shares{"fra": 2000, "iad": 2000, "pek": 6000})
	snapshot := compile(t, m)
	sites := map[int]int{}
	for i := range 4096 {
		client := netip.AddrFrom4([4]byte{byte(20 + i%4), byte(i >> 4), byte(i), 0})
		q := Query{Family: plan.IPv4, Client: gslb.Client(netip.PrefixFrom(client, 24), true)}
		four := Decide(snapshot, q)
		q.Family = plan.IPv6
		six := Decide(snapshot, q)
		if four.Endpoint != six.Endpoint {
			t.Fatalf("%s: %s for A, %s for AAAA", client, text(snapshot, four), text(snapshot, six))
		}
		if four.Reason == Split {
			sites[four.Endpoint]++
		}
	}
	if len(sites) != 3 {
		t.Errorf("chosen %v, want three sites", sites)
	}
}

// A family that only some sites have limits the choice to them, and leaves the others' clients of the other family alone.
func TestAFamilyLimitsTheChoice(t *testing.T) {
	m := dual(t, 2, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""}, endpoint{"pek", 1, ""})
	splitClass(t, m, german, shares{"fra": 4000, "iad": 3000, "pek": 3000})
	snapshot := compile(t, m)
	var pekFour int
	for i := range 256 {
		q := Query{Family: plan.IPv4, Client: gslb.Client(netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i)}), 24), true)}
		four := Decide(snapshot, q)
		q.Family = plan.IPv6
		six := Decide(snapshot, q)
		if six.Endpoint == 2 || four.Endpoint != 2 && four.Endpoint != six.Endpoint {
			t.Fatalf("%v: %s for A, %s for AAAA", q.Client, text(snapshot, four), text(snapshot, six))
		}
		if four.Endpoint == 2 {
			pekFour++
		}
	}
	if pekFour == 0 {
		t.Error("nobody gets pek")
	}
}

// Without a client subnet the resolver's address decides, all of it.
func TestResolversAreUnitsOfTheirOwn(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""})
	splitClass(t, m, german, shares{"fra": 5000, "iad": 5000})
	snapshot := compile(t, m)
	sites := map[int]int{}
	for i := range 256 {
		addr := fmt.Sprintf("20.1.2.%d", i)
		d := Decide(snapshot, fromResolver(addr, 0))
		if later := Decide(snapshot, fromResolver(addr, 1_000_000)); later.Endpoint != d.Endpoint {
			t.Errorf("%s is not heavy, and moves with time", addr)
		}
		sites[d.Endpoint]++
	}
	if sites[0] < 96 || sites[1] < 96 {
		t.Errorf("the resolvers of a /24 get %v", sites)
	}
}

// The clients of a heavy resolver are cut by time: a slot and its answers live for three seconds.
func TestHeavyResolversAreCutByTime(t *testing.T) {
	snapshot := heavySnapshot(t, shares{"fra": 7000, "iad": 3000})
	const begin, length = 1_800_000_000, 3600
	slots, last, changes := map[uint64]int{}, -1, map[int64]int{}
	for at := int64(begin); at < begin+length; at++ {
		q := fromResolver("20.1.2.3", at)
		d, trace := Decide(snapshot, q), Explain(snapshot, name, q)
		if last >= 0 && d.Endpoint != last {
			changes[at%3]++
		}
		if d.TTL != 3*time.Second {
			t.Fatalf("a TTL of %v", d.TTL)
		}
		last = d.Endpoint
		slots[trace.Split.Slot]++
	}
	if len(changes) != 1 {
		t.Errorf("the answer changes at %v of 3 seconds, want one", changes)
	}
	if len(slots) != length/3 && len(slots) != length/3+1 {
		t.Errorf("%d slots, want %d", len(slots), length/3)
	}
	if a, b := phase(snapshot, "20.1.2.3"), phase(snapshot, "20.1.2.5"); a == b {
		t.Errorf("the slots of two resolvers begin at the same moment, %d", a)
	}
	if d := Decide(snapshot, fromECS("20.1.2.0/24")); d.ScopeBits != 16 || d.TTL != 30*time.Second {
		t.Errorf("its clients' subnets have scope /%d and TTL %v, want /16 and 30s", d.ScopeBits, d.TTL)
	}
}

// Any run of slots has every site about as often as its share wants, within two slots whatever the length; drawn one by one
// they would be off by the square root of it.
func TestSlotsFollowSharesClosely(t *testing.T) {
	weights := shares{"fra": 5500, "iad": 3300, "pek": 1200}
	snapshot := heavySnapshot(t, weights)
	var sites []gslb.SiteID
	for i := range int64(1000) {
		d := Decide(snapshot, fromResolver("20.1.2.3", 3*i))
		sites = append(sites, snapshot.Plan.Map.Services[0].Endpoints[d.Endpoint].Site)
	}
	for first := 0; first < 900; first += 7 {
		for _, n := range []int{2, 3, 5, 8, 20, 100} {
			for site, share := range weights {
				got, want := 0, float64(n)*float64(share)/10_000
				for _, s := range sites[first : first+n] {
					if s == site {
						got++
					}
				}
				if math.Abs(float64(got)-want) > 2 {
					t.Fatalf("%d of the %d slots from %d on at %s, want %.1f", got, n, first, site, want)
				}
			}
		}
	}
}

// heavySnapshot has a class that is split, and resolvers that carry much of it.
func heavySnapshot(t *testing.T, weights shares) *world.Snapshot {
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""}, endpoint{"pek", 1, ""})
	splitClass(t, m, german, weights)
	m.HeavyResolvers = []netip.Addr{netip.MustParseAddr("20.1.2.3"), netip.MustParseAddr("20.1.2.5")}
	return compile(t, m)
}

// phase is the second of three in which a resolver's slots begin.
func phase(snapshot *world.Snapshot, resolver string) (second int) {
	first := Explain(snapshot, name, fromResolver(resolver, 0)).Split.Slot
	for ; Explain(snapshot, name, fromResolver(resolver, int64(second))).Split.Slot == first; second++ {
	}
	return second
}

// Where a class is not split, the slots and the resolver's last octet change nothing.
func TestHeavyResolversOfUnsplitClasses(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Weighted}, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""})
	m.HeavyResolvers = []netip.Addr{netip.MustParseAddr("20.1.2.3")}
	snapshot := compile(t, m)
	want := Decide(snapshot, fromResolver("20.1.2.3", 0))
	for at := range int64(300) {
		if got := Decide(snapshot, fromResolver("20.1.2.3", at)); !reflect.DeepEqual(got, want) {
			t.Fatalf("at %d: %+v, want %+v", at, got, want)
		}
	}
	if got := Decide(snapshot, fromResolver("20.1.2.77", 0)); got.Endpoint != want.Endpoint {
		t.Error("the last octet of a resolver counts")
	}
}

// With the shortest TTL each second is a slot, and a clock before 1970 costs no answer.
func TestSlotsOfTheShortestTTL(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""})
	m.Services[0].TTL = time.Second
	splitClass(t, m, german, shares{"fra": 5000, "iad": 5000})
	m.HeavyResolvers = []netip.Addr{netip.MustParseAddr("20.1.2.3")}
	snapshot := compile(t, m)
	for at := int64(-2); at < 3; at++ {
		if d := Decide(snapshot, fromResolver("20.1.2.3", at)); d.Reason != Split {
			t.Errorf("at %d: %s", at, text(snapshot, d))
		}
	}
}
