package site

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// AddressSet is addresses that serve the same workloads: one of each ISP line, say, or of both families.
type AddressSet []netip.Addr

// Claims are the addresses that workloads have, by workload. A workload gets, in each family, the first set on which all
// its ports are free, and keeps it as long as it wants the same ports: who came first stays, over restarts too.
type Claims map[string]Claim

// Claim is what one workload has.
type Claim struct {
	Addresses []netip.Addr `json:"addresses"`
	Ports     []uint16     `json:"ports"`
}

// holders says who has an address and port.
type holders map[netip.AddrPort]string

// claim gives every workload its addresses. The second result says, by workload, what it could not have.
func claim(sets []AddressSet, wanted map[string][]uint16, held Claims) (Claims, map[string]string) {
	taken, claims, problems := holders{}, Claims{}, map[string]string{}
	for _, workload := range inOrder(sets, wanted, held) {
		c := Claim{Ports: wanted[workload]}
		var conflicts []string
		for _, family := range byFamily(sets) {
			set, conflict := taken.choose(family, c.Ports, held[workload])
			c.Addresses = append(c.Addresses, set...)
			if conflict != "" {
				conflicts = append(conflicts, conflict)
			}
		}
		taken.take(workload, c)
		claims[workload] = c
		if len(conflicts) > 0 {
			problems[workload] = fmt.Sprintf("%s cannot have %s: let one of them listen on another port, or give the site one more -address",
				workload, strings.Join(conflicts, " and "))
		}
	}
	return claims, problems
}

// inOrder puts those first that can keep what they have, then those whose ports or addresses change, then new ones; each
// by name.
func inOrder(sets []AddressSet, wanted map[string][]uint16, held Claims) []string {
	addresses := slices.Concat(sets...)
	lost := func(addr netip.Addr) bool { return !slices.Contains(addresses, addr) }
	rank := func(workload string) int {
		has, ok := held[workload]
		switch {
		case !ok || len(has.Addresses) == 0:
			return 2
		case !slices.Equal(has.Ports, wanted[workload]) || slices.ContainsFunc(has.Addresses, lost):
			return 1
		}
		return 0
	}
	return slices.SortedFunc(maps.Keys(wanted), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
}

// byFamily splits the sets into those of IPv4 and those of IPv6, each in order, without empty ones.
func byFamily(sets []AddressSet) [][]AddressSet {
	var four, six []AddressSet
	for _, set := range sets {
		isSix := slices.ContainsFunc(set, netip.Addr.Is6)
		isFour := slices.ContainsFunc(set, netip.Addr.Is4)
		if isFour {
			four = append(four, slices.DeleteFunc(slices.Clone(set), netip.Addr.Is6))
		}
		if isSix {
			six = append(six, slices.DeleteFunc(slices.Clone(set), netip.Addr.Is4))
		}
	}
	return slices.DeleteFunc([][]AddressSet{four, six}, func(family []AddressSet) bool { return len(family) == 0 })
}

// choose finds a set with all ports free: the one that was held, else the first. Without one it says who is in the way.
func (h holders) choose(sets []AddressSet, ports []uint16, held Claim) (set AddressSet, conflict string) {
	kept := slices.IndexFunc(sets, func(s AddressSet) bool { return slices.Contains(held.Addresses, s[0]) })
	if kept >= 0 {
		sets = slices.Concat([]AddressSet{sets[kept]}, sets)
	}
	for _, set := range sets {
		at, holder := h.inTheWay(set, ports)
		if holder == "" {
			return set, ""
		}
		if conflict == "" {
			conflict = fmt.Sprintf("%s, which %s has", at, holder)
		}
	}
	return nil, conflict
}

func (h holders) inTheWay(set AddressSet, ports []uint16) (at netip.AddrPort, holder string) {
	for _, addr := range set {
		for _, port := range ports {
			at := netip.AddrPortFrom(addr, port)
			if holder := h[at]; holder != "" {
				return at, holder
			}
		}
	}
	return netip.AddrPort{}, ""
}

func (h holders) take(workload string, c Claim) {
	for _, addr := range c.Addresses {
		for _, port := range c.Ports {
			h[netip.AddrPortFrom(addr, port)] = workload
		}
	}
}
