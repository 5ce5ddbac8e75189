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
	// Prefix is masked: no bit is set past its length. An IPv4 address is never in its IPv6-mapped form.
	Prefix netip.Prefix
	// FromECS says that the resolver sent it in an EDNS client subnet option with a source prefix length above 0.
	FromECS bool
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
