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

// Client is the client with a prefix; an IPv4 network is taken out of the IPv6 form that carries it.
func Client(prefix netip.Prefix, fromECS bool) ClientSubnet {
	for _, carrier := range carriers {
		if prefix.Bits() >= carrier.Bits() && prefix.Addr().Is6() && carrier.Masked().Contains(prefix.Addr().WithZone("")) {
			octets := prefix.Addr().As16()
			carried := netip.PrefixFrom(netip.AddrFrom4([4]byte(octets[12:])), prefix.Bits()-carrier.Bits())
			return ClientSubnet{Prefix: carried.Masked(), FromECS: fromECS, CarrierBits: carrier.Bits()}
		}
	}
	return ClientSubnet{Prefix: prefix.Masked(), FromECS: fromECS}
}

// Resolver is the client of a query that names none: the address it came from, whole, since known resolvers are told apart
// by single addresses.
func Resolver(addr netip.Addr) ClientSubnet {
	addr = addr.Unmap().WithZone("")
	return Client(netip.PrefixFrom(addr, addr.BitLen()), false)
}

// Unit is the network that the decision is made for: the client's, cut to /24 or /56.
func (c ClientSubnet) Unit() netip.Prefix {
	return Unit(c.Prefix.Addr())
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
