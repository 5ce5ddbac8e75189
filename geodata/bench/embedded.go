package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/geodata/lines"
	"tidegate.dev/tidegate/geodata/mmdb"
	"tidegate.dev/tidegate/gslb"
)

// samples is how many addresses of each family are compared.
const samples = 200_000

// compareEmbedded prints how often the embedded table sends an address to another of 64 sites than the full database does.
func compareEmbedded(full *geodata.Table) error {
	table, err := embedded.Open()
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(20260605, 64))
	families := map[string]func() netip.Addr{
		"":    func() netip.Addr { return address4(random.Uint32()) },
		"_v6": byRecord6(full, random),
	}
	for _, suffix := range []string{"", "_v6"} {
		percent, extraKm := otherSite(full, table, families[suffix])
		fmt.Printf("result geo.embedded_other_site%s %.3f percent\n", suffix, percent)
		fmt.Printf("result geo.embedded_extra_distance%s %.1f km\n", suffix, extraKm)
	}
	return nil
}

// exact is the city database with its coordinates as they are.
func exact(path string) (*geodata.Table, error) {
	reader := mmdb.Reader{Grid: 1, LineOf: func(lines.ASN) gslb.Line { return gslb.NoLine }}
	if err := reader.Read(path); err != nil {
		return nil, err
	}
	return reader.Table()
}

func address4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

// byRecord6 takes a random range and its first address: of the IPv6 space nearly nothing is in use.
func byRecord6(full *geodata.Table, random *rand.Rand) func() netip.Addr {
	var starts []uint64
	for start := range full.V6() {
		starts = append(starts, start)
	}
	return func() netip.Addr {
		octets := binary.BigEndian.AppendUint64(nil, starts[random.IntN(len(starts))])
		return netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(octets, 1)))
	}
}

// otherSite says how many of the addresses with a place go to another site, and how much farther those go on average.
func otherSite(full, table *geodata.Table, next func() netip.Addr) (percent, extraKm float64) {
	sites := sites()
	var towards [len(sites)]gslb.Direction
	for i, site := range sites {
		towards[i] = site.Direction()
	}
	compared, other, extra := 0, 0, 0
	for compared < samples {
		addr := next()
		id, _ := full.Lookup(addr)
		truth := full.Place(id)
		if !truth.HasLocation {
			continue
		}
		compared++
		id, _ = table.Lookup(addr)
		wanted, best := nearest(truth.Location, towards[:])
		got, _ := nearest(table.Place(id).Location, towards[:])
		if got != wanted {
			other++
			extra += truth.Location.Direction().DistanceKm(towards[got]) - best
		}
	}
	return 100 * float64(other) / float64(compared), float64(extra) / float64(max(other, 1))
}

func nearest(l gslb.Location, sites []gslb.Direction) (site, km int) {
	from := l.Direction()
	site, km = -1, 1<<30
	for i, s := range sites {
		if d := from.DistanceKm(s); d < km {
			site, km = i, d
		}
	}
	return site, km
}
