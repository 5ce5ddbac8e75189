package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// clients is how many addresses both sides are asked for, half of either family.
const clients = 100_000

// compareAnswers prints how often both name the same nearest site, and whether our scopes are as wide.
func compareAnswers(g gdnsd, truth *geodata.Table, geo *plan.Geo, classes *plan.Classes) error {
	addrs := placedClients(truth)
	answers, err := g.ask(addrs)
	if err != nil {
		return err
	}
	var differ, asWide, unequal int
	random := rand.New(rand.NewPCG(7871, 2))
	why := map[string]int{}
	for i, addr := range addrs {
		class, bits := classes.Lookup(gslb.Unit(addr))
		if theirs := answers[i]; bits <= min(theirs.scope.Bits(), gslb.Unit(addr).Bits()) {
			asWide++
		}
		unequal += unequalInside(classes, gslb.Unit(addr), bits, random)
		name := sites()[class.Candidates[0].Site].name
		if name == answers[i].sites[0] {
			continue
		}
		differ++
		why[explain(truth, geo, addr, name, answers[i].sites[0])]++
	}
	fmt.Printf("nearest: %d of %d differ: %v\n", differ, len(addrs), why)
	fmt.Printf("result geo.scope_as_wide_as_gdnsd %.2f percent\n", 100*float64(asWide)/float64(len(addrs)))
	fmt.Printf("result geo.scope_unequal %d pairs\n", unequal)
	fmt.Printf("result geo.nearest_differs %.3f percent\n", 100*float64(differ)/float64(len(addrs)))
	if n := why[unexplained]; n > 0 || unequal > 0 {
		return fmt.Errorf("%d differences have no explanation, %d pairs in one scope differ in class", n, unequal)
	}
	return nil
}

// pairs is how many addresses inside each returned scope are compared with the one asked for.
const pairs = 2

// unequalInside counts random addresses of a unit's scope that are of another class.
func unequalInside(classes *plan.Classes, unit netip.Prefix, scopeBits int, random *rand.Rand) (unequal int) {
	want, _ := classes.Lookup(unit)
	for range pairs {
		octets := unit.Addr().AsSlice()
		for bit := scopeBits; bit < unit.Bits(); bit++ {
			octets[bit/8] = octets[bit/8]&^(0x80>>(bit%8)) | byte(random.IntN(2))<<7>>(bit%8)
		}
		addr, _ := netip.AddrFromSlice(octets)
		got, _ := classes.Lookup(gslb.Unit(addr))
		if !slices.Equal(got.Candidates, want.Candidates) || !slices.Equal(got.Tags, want.Tags) {
			unequal++
		}
	}
	return unequal
}

// placedClients are random addresses that the database places: IPv4 over the whole space, IPv6 by record.
func placedClients(truth *geodata.Table) (addrs []netip.Addr) {
	random := rand.New(rand.NewPCG(7871, 64))
	next6 := byRecord6(truth, random)
	for len(addrs) < clients {
		addr := address4(random.Uint32())
		if len(addrs)%2 == 1 {
			addr = next6()
		}
		if id, _ := truth.Lookup(addr); truth.Place(id).HasLocation {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

const unexplained = "unexplained"

// explain says why the nearest site differs, in the order in which reasons are looked for.
func explain(truth *geodata.Table, geo *plan.Geo, addr netip.Addr, ours, theirs string) string {
	id, _ := truth.Lookup(addr)
	exact := truth.Place(id).Location.Direction()
	id, _ = geo.Table.Lookup(addr)
	rounded := geo.Table.Place(id).Location.Direction()
	to := func(name string, from gslb.Direction) int {
		for _, s := range sites() {
			if s.name == name {
				return from.DistanceKm(s.Direction())
			}
		}
		return -1
	}
	switch nearer := to(ours, exact) - to(theirs, exact); {
	case nearer < 0:
		return "gdnsd's is farther by our unit's place: its networks are finer than /24 and /56"
	case nearer <= 1:
		return "both within 1 km"
	case to(ours, rounded) <= to(theirs, rounded) && nearer <= 16:
		return "both within the 16 km that the grid may move"
	}
	return unexplained
}
