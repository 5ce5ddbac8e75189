package tidegate

import (
	"net/netip"
	"sort"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb/plan"
)

// networkOf is the /24 or /56 around an address.
func networkOf(addr netip.Addr) netip.Prefix {
	bits := 56
	if addr.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

// unitOf is the /24 or /56 around an address, or the widest network that holds none of the carriers.
func unitOf(addr netip.Addr) netip.Prefix {
	return apart(addr, networkOf(addr).Bits())
}

// apart is the widest network around an address, of this length or a longer one, that holds no carrier.
func apart(addr netip.Addr, bits int) netip.Prefix {
	p := netip.PrefixFrom(addr, bits).Masked()
	for addr.Is6() && (p.Contains(carriers[0].Addr()) || p.Contains(carriers[1].Addr())) {
		p = netip.PrefixFrom(addr, p.Bits()+1).Masked()
	}
	return p
}

// span is the first and the last unit of a prefix.
func span(p netip.Prefix) (first, last uint64) {
	octets, bits := p.Addr().AsSlice(), 56
	if p.Addr().Is4() {
		bits = 24
	}
	for _, octet := range octets[:bits/8] {
		first = first*256 + uint64(octet)
	}
	return first, first + uint64(1)<<(bits-p.Bits()) - 1
}

func (r *reference) ranges(addr netip.Addr) []placed {
	if addr.Is4() {
		return r.v4
	}
	return r.v6
}

func (r *reference) placeOf(addr netip.Addr) geodata.PlaceID {
	list := r.ranges(addr)
	unit, _ := span(networkOf(addr))
	return list[sort.Search(len(list), func(i int) bool { return list[i].first > unit })-1].place
}

// scope is the widest prefix around a unit in which every place has one class.
func (r *reference) scope(s *plan.Service, f plan.Family, unit netip.Prefix) netip.Prefix {
	c := choiceOf{s, f}
	for _, known := range r.proven[c] {
		if known.Contains(unit.Addr()) {
			return known
		}
	}
	text, widest := r.classText(c, r.placeOf(unit.Addr())), unit
	for widest.Bits() > 0 && r.uniform(c, sibling(widest), text) {
		widest = netip.PrefixFrom(widest.Addr(), widest.Bits()-1).Masked()
	}
	r.proven[c] = append(r.proven[c], widest)
	return widest
}

// sibling is the other half of the prefix that is one bit shorter.
func sibling(p netip.Prefix) netip.Prefix {
	octets := p.Addr().AsSlice()
	bit := p.Bits() - 1
	octets[bit/8] ^= 0x80 >> (bit % 8)
	addr, _ := netip.AddrFromSlice(octets)
	return netip.PrefixFrom(addr, p.Bits())
}

// uniform looks at the IPv4 space too where IPv6 addresses carry it.
func (r *reference) uniform(c choiceOf, p netip.Prefix, text string) bool {
	for _, carrier := range []string{"64:ff9b::", "::ffff:0:0"} {
		if p.Contains(netip.MustParseAddr(carrier)) && !r.uniform(c, netip.MustParsePrefix("0.0.0.0/0"), text) {
			return false
		}
	}
	list := r.ranges(p.Addr())
	first, last := span(p)
	at := sort.Search(len(list), func(i int) bool { return list[i].first > first }) - 1
	for ; at < len(list) && list[at].first <= last; at++ {
		if r.classText(c, list[at].place) != text {
			return false
		}
	}
	return true
}
