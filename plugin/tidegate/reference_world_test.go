package tidegate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

var (
	worldLines = []gslb.Line{gslb.NoLine, gslb.NoLine, gslb.DefaultLine, "telecom", "unicom", "mobile"}
	// worldPlaces are the regions and countries of clients; worldRegions are those that addresses are meant for.
	worldPlaces = [][2]string{{"", ""}, {"", "DE"}, {"", "CN"}, {"CN-GD", "CN"}, {"CN-BJ", "CN"}, {"CN-GD", ""},
		{"CN-GX", "CN"}, {"CN-GX", "CN"}, {"CN-GX", "CN"}, {"CN-GX", "CN"}}
	worldRegions = []plan.Region{"", "CN-GX", "CN-GX", "CN-south", "CN-south", "CN-GD", "CN-BJ", "CN-north", "CN-east", "CN", "DE", "NO"}
	worldTypes   = []uint16{dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeAAAA, dns.TypeAAAA,
		dns.TypeNS, dns.TypeSOA, dns.TypeTXT, dns.TypeHTTPS, dns.TypeANY, dns.TypeCNAME, dns.TypeMX}
	worldNames  = []string{"edge.example.", "ns1.edge.example.", "www.edge.example.", "old.edge.example.", "out.edge.example.", "lost.edge.example.", "deep.down.edge.example.", "down.edge.example.", "group.edge.example.", "nothing.edge.example.", "a.b.c.edge.example.", "sub.edge.example.", "www.sub.edge.example.", "elsewhere.example.", "x.ample.", "."}
	worldStatic = []string{
		"ns1.edge.example. 3600 IN A 192.0.2.53", "edge.example. 300 IN TXT \"steered\"",
		"www.edge.example. 300 IN CNAME s0.group.edge.example.", "old.edge.example. 300 IN CNAME www.edge.example.",
		"out.edge.example. 300 IN CNAME www.example.net.", "lost.edge.example. 300 IN CNAME missing.edge.example.",
		"deep.down.edge.example. 60 IN AAAA 2001:db8::53",
	}
	worldStaticSub = []string{"www.sub.edge.example. 120 IN CNAME s0.group.edge.example."}
)

// randomWorld makes a world with every kind of service, and says which of its addresses are down.
func randomWorld(rng *rand.Rand, services, maxSites int) (*plan.Map, map[world.Target]bool) {
	m := &plan.Map{Schema: plan.Schema, Zones: []plan.Zone{
		{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example.", "ns2.edge.example."}, Records: someOf(rng, worldStatic)},
		{Name: "sub.edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}, Records: someOf(rng, worldStaticSub)},
	}}
	for i := range 1 + rng.IntN(maxSites) {
		m.Sites = append(m.Sites, plan.Site{ID: gslb.SiteID(fmt.Sprintf("s%02d", i)), Location: randomLocation(rng)})
	}
	down := map[world.Target]bool{}
	for i := range services {
		s := randomService(rng, i, m.Sites)
		m.Services = append(m.Services, s)
		sick := rng.IntN(4) * 30 // percent of its addresses
		for _, e := range s.Endpoints {
			for _, a := range e.Addresses {
				if s.Health != nil && rng.IntN(100) < sick {
					down[world.Target{Service: s.Name, Addr: a.Addr}] = true
				}
			}
		}
	}
	return m, down
}

func someOf(rng *rand.Rand, records []string) (some []string) {
	for _, record := range records {
		if rng.IntN(5) > 0 {
			some = append(some, record)
		}
	}
	return some
}

// randomLocation often repeats itself nearly, so that sites share tiers.
func randomLocation(rng *rand.Rand) gslb.Location {
	if rng.IntN(3) > 0 {
		return gslb.Location{LatMicro: 50_000_000 + rng.Int32N(1_500_000), LonMicro: 8_000_000 + rng.Int32N(1_500_000)}
	}
	return gslb.Location{LatMicro: rng.Int32N(180_000_001) - 90_000_000, LonMicro: rng.Int32N(360_000_001) - 180_000_000}
}

func randomService(rng *rand.Rand, number int, sites []plan.Site) plan.Service {
	s := plan.Service{
		Name: gslb.Name(fmt.Sprintf("s%d.group.edge.example.", number)), TTL: time.Duration(1+rng.IntN(300)) * time.Second,
		Steering: plan.Steering{
			Method:         []plan.Method{plan.Proximity, plan.Proximity, plan.Weighted, plan.Failover}[rng.IntN(4)],
			OnAllUnhealthy: []plan.OnAllUnhealthy{plan.AnswerAll, plan.AnswerAll, plan.AnswerLastGood, plan.AnswerFallback, plan.AnswerServfail}[rng.IntN(5)],
			Precedence:     randomPrecedence(rng),
		},
		Asleep: rng.IntN(8) == 0,
	}
	if s.Steering.Method == plan.Proximity && rng.IntN(2) == 0 {
		s.Steering.CalmTTL = s.TTL + time.Duration(rng.IntN(300))*time.Second
	}
	if s.Steering.OnAllUnhealthy == plan.AnswerFallback {
		s.Steering.Fallback = randomFallback(rng)
	}
	if rng.IntN(2) == 0 {
		s.Aliases = []gslb.Name{gslb.Name(fmt.Sprintf("vanity%d.edge.example.", number))}
	}
	if rng.IntN(4) > 0 {
		s.Health = &plan.Health{Type: plan.ProbeTCP, Port: 80, Interval: time.Second}
	}
	families := rng.IntN(6) // 0: IPv4 only, 1: IPv6 only, else mixed
	regional := rng.IntN(2) == 0
	for _, i := range rng.Perm(len(sites))[:1+rng.IntN(len(sites))] {
		e := randomEndpoint(rng, sites[i].ID, number, i, families, 4)
		if regional {
			e = randomEndpoint(rng, sites[i].ID, number, i, families, plan.MaxAddresses)
			forRegions(rng, e.Addresses)
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	return s
}

// forRegions makes an endpoint's addresses those of a few regions, so that many a client matches several levels.
func forRegions(rng *rand.Rand, addresses []plan.Address) {
	for k := range addresses {
		addresses[k].Region = worldRegions[rng.IntN(len(worldRegions))]
		addresses[k].Line = worldLines[1+rng.IntN(4)]
	}
}

// randomPrecedence is none, a preset, or any list of levels.
func randomPrecedence(rng *rand.Rand) plan.Precedence {
	switch rng.IntN(4) {
	case 0:
		return plan.Precedence{}
	case 1, 2:
		return plan.Precedence{Preset: plan.Presets()[rng.IntN(len(plan.Presets()))]}
	}
	list := plan.Levels()
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return plan.Precedence{Levels: list[:1+rng.IntN(len(list))]}
}

func randomEndpoint(rng *rand.Rand, site gslb.SiteID, service, index, families, most int) plan.Endpoint {
	e := plan.Endpoint{Site: site, Capacity: gslb.MilliRPS(rng.IntN(500_000)), Drained: rng.IntN(8) == 0}
	e.Brief, e.Calm = rng.IntN(6) == 0, rng.IntN(3) == 0
	if rng.IntN(6) == 0 {
		e.Capacity = 0
	}
	for k := range 1 + rng.IntN(most) {
		v6 := families == 1 || families > 1 && rng.IntN(2) == 0
		a := plan.Address{Addr: netip.AddrFrom4([4]byte{20, byte(service), byte(index), byte(k)}), Line: worldLines[rng.IntN(len(worldLines))]}
		if v6 {
			a.Addr = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(service), byte(index), 15: byte(k)})
		}
		e.Addresses = append(e.Addresses, a)
	}
	return e
}

// smallTable is a hand-sized table: a few places in blocks of all widths, and much of the space without any.
func smallTable(rng *rand.Rand) (*geodata.Table, error) {
	var b geodata.Builder
	layer := b.Override("operator")
	for range 60 {
		place := geodata.Place{HasLocation: true, Location: randomLocation(rng), Line: worldLines[3+rng.IntN(4)%3]} // most often telecom
		if rng.IntN(4) == 0 {
			place = geodata.Place{Line: "telecom"}
		}
		at := worldPlaces[rng.IntN(len(worldPlaces))]
		place.Region, place.Country = at[0], at[1]
		prefix := netip.PrefixFrom(randomAddress(rng), 0)
		if bits := 1 + rng.IntN(24); prefix.Addr().Is4() {
			prefix = netip.PrefixFrom(prefix.Addr(), bits)
		} else {
			prefix = netip.PrefixFrom(prefix.Addr(), bits*2)
		}
		if err := layer.Add(prefix.Masked(), place); err != nil {
			return nil, err
		}
	}
	return b.Build(geodata.Origin{Source: "small"})
}

// randomAddress stays near a few networks half of the time, so that clients meet the edges of ranges.
func randomAddress(rng *rand.Rand) netip.Addr {
	if rng.IntN(3) == 0 {
		a := [16]byte{0: 0x20 + byte(rng.IntN(16)), 1: byte(rng.IntN(4)) * 64, 2: byte(rng.IntN(256)), 6: byte(rng.IntN(256)), 15: 1}
		return netip.AddrFrom16(a)
	}
	if rng.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte{84, 128 + byte(rng.IntN(4)), byte(rng.IntN(256)), byte(rng.IntN(256))})
	}
	n := rng.Uint32()
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func randomQuery(rng *rand.Rand, m *plan.Map) query {
	q := query{qtype: worldTypes[rng.IntN(len(worldTypes))], remote: randomAddress(rng).String(), edns: rng.IntN(2) == 0}
	if len(m.HeavyResolvers) > 0 && rng.IntN(4) == 0 {
		q.remote = m.HeavyResolvers[rng.IntN(len(m.HeavyResolvers))].String()
	}
	if s := m.Services[rng.IntN(len(m.Services))]; rng.IntN(10) < 7 {
		q.name = string(s.Name)
		if len(s.Aliases) > 0 && rng.IntN(2) == 0 {
			q.name = string(s.Aliases[0])
		}
	} else {
		q.name = worldNames[rng.IntN(len(worldNames))]
	}
	q.name = randomCase(rng, q.name)
	if client := randomAddress(rng); rng.IntN(3) > 0 {
		bits := rng.IntN(client.BitLen() + 1)
		if rng.IntN(2) == 0 {
			bits = unitOf(client).Bits()
		}
		q.ecs = netip.PrefixFrom(client, bits).Masked().String()
	}
	return q
}

func randomCase(rng *rand.Rand, name string) string {
	octets := []byte(name)
	for i, c := range octets {
		if 'a' <= c && c <= 'z' && rng.IntN(2) == 0 {
			octets[i] = c - 'a' + 'A'
		}
	}
	return string(octets)
}
