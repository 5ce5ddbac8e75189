package gslb

import "net/netip"

// Unicast says whether an address can be a host's: of an endpoint or a resolver. An IPv4 address in an IPv6 form is none, so
// that every host has one address.
func Unicast(addr netip.Addr) bool {
	return addr.IsValid() && !addr.IsUnspecified() && !addr.IsMulticast() && addr.Zone() == "" && !addr.Is4In6()
}
