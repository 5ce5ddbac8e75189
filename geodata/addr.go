package geodata

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

func uint32Of(addr netip.Addr) uint32 {
	octets := addr.As4()
	return binary.BigEndian.Uint32(octets[:])
}

// halves splits an IPv6 address into the upper 64 bits, which tables look at, and the lower.
func halves(addr netip.Addr) (network, host uint64) {
	octets := addr.As16()
	return binary.BigEndian.Uint64(octets[:8]), binary.BigEndian.Uint64(octets[8:])
}

// lastOf is the last address of a masked prefix.
func lastOf(prefix netip.Prefix) netip.Addr {
	if prefix.Addr().Is4() {
		var octets [4]byte
		binary.BigEndian.PutUint32(octets[:], uint32Of(prefix.Addr())|^uint32(0)>>prefix.Bits())
		return netip.AddrFrom4(octets)
	}
	network, host := halves(prefix.Addr())
	var octets [16]byte
	binary.BigEndian.PutUint64(octets[:8], network|^uint64(0)>>prefix.Bits())
	binary.BigEndian.PutUint64(octets[8:], host|^uint64(0)>>max(prefix.Bits()-64, 0))
	return netip.AddrFrom16(octets)
}

// widestBlock is the log2 size of the widest aligned block that contains x and keeps out of what surrounds its range:
// first-1 below, if hasBefore, and next above, if hasNext. It is never more than space.
//
// A block of 2^k around x excludes a number n exactly if x and n differ in bit k or above it.
func widestBlock(x, first, next uint64, hasBefore, hasNext bool, space int) int {
	block := space
	if hasBefore {
		block = min(block, bits.Len64(x^(first-1))-1)
	}
	if hasNext {
		block = min(block, bits.Len64(x^next)-1)
	}
	return block
}
