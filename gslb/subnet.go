package gslb

import "net/netip"

// The finest networks that Tidegate decides for. RFC 7871 section 11.1 recommends that resolvers send no more than
// these; deciding on the masked network makes every address of one network get the same answer.
const (
	MaxBits4 = 24
	MaxBits6 = 56
)

// ClientSubnet is the network on whose behalf a query came: the EDNS client subnet, or else the resolver's own address.
type ClientSubnet struct {
	// Prefix is masked: no bit is set past its length. An IPv4 address is never in an IPv6 form.
	Prefix netip.Prefix
	// FromECS says that the resolver sent it in an EDNS client subnet option with a source prefix length above 0.
	FromECS bool
	// CarrierBits is how many bits stood before Prefix in the query: 96 for an IPv4 network that came inside an IPv6 one.
	// The answer's scope counts them.
	CarrierBits int
}

// carriers are the networks whose addresses are IPv4 ones in an IPv6 form: the IPv4-mapped addresses of RFC 4291
// section 2.5.5.2, and the well-known NAT64 prefix of RFC 6052 section 2.1.
var carriers = [...]netip.Prefix{netip.MustParsePrefix("::ffff:0:0/96"), netip.MustParsePrefix("64:ff9b::/96")}

// Client is the client with a prefix; an IPv4 network is taken out of the IPv6 form that carries it. A network that begins
// with a carrier and is wider counts as all of IPv4: answers are for the first address of a network, and that one is
// carried. The scope is then longer than what the resolver sent, which RFC 7871 section 7.2.1 provides for.
func Client(prefix netip.Prefix, fromECS bool) ClientSubnet {
	prefix = prefix.Masked()
	for _, carrier := range carriers {
		if prefix.Addr().Is6() && carrier.Contains(prefix.Addr()) {
			octets := prefix.Addr().As16()
			carried := netip.PrefixFrom(netip.AddrFrom4([4]byte(octets[12:])), max(0, prefix.Bits()-carrier.Bits()))
			return ClientSubnet{Prefix: carried, FromECS: fromECS, CarrierBits: carrier.Bits()}
		}
	}
	return ClientSubnet{Prefix: prefix, FromECS: fromECS}
}

// Resolver is the client of a query that names none: the address it came from, whole, since known resolvers are told apart
// by single addresses.
func Resolver(addr netip.Addr) ClientSubnet {
	addr = addr.Unmap().WithZone("")
	return Client(netip.PrefixFrom(addr, addr.BitLen()), false)
}

// Unit is the network that the decision is made for: the client's, cut to /24 or /56.
func (c ClientSubnet) Unit() netip.Prefix {
	unit := Unit(c.Prefix.Addr())
	if mayCarry(unit.Addr()) {
		return c.Around(unit.Bits())
	}
	return unit
}

// Around is the network of a length around the client's first address. Where that would hold a carrier it is the widest that
// holds none: the clients in a carrier are decided for by the IPv4 addresses in theirs.
func (c ClientSubnet) Around(bits int) netip.Prefix {
	addr := c.Prefix.Addr()
	around, _ := addr.Prefix(bits) // of a client without an address there is none
	if !mayCarry(addr) {
		return around
	}
	for _, carrier := range carriers {
		if around.Contains(carrier.Addr()) {
			around, _ = addr.Prefix(commonBits(addr, carrier.Addr()) + 1)
		}
	}
	return around
}

// mayCarry says whether an address is one of ::/3, where both carriers are.
func mayCarry(addr netip.Addr) bool { return addr.Is6() && addr.As16()[0]>>5 == 0 }

// commonBits is the length of the longest prefix that holds both, which are not in one carrier.
func commonBits(a, b netip.Addr) (n int) {
	x, y := a.As16(), b.As16()
	for n < 127 && (x[n/8]^y[n/8])>>(7-n%8)&1 == 0 {
		n++
	}
	return n
}

// Unit is the /24 or /56 that holds addr.
func Unit(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := MaxBits6
	if addr.Is4() {
		bits = MaxBits4
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
