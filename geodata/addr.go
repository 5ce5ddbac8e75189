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

// halves splits an IPv6 address into the upper 64 bits, which tables look at, and the lower; both are zero for the zero Addr.
//
// As16 would be simpler. What it returns is copied as 16 bytes right after it was written as 8 and 8, which the processor
// cannot forward: it waits until both are in memory, and no lookup begins before the one in front of it is done.
func halves(addr netip.Addr) (network, host uint64) {
	var octets [16]byte
	_, _ = addr.WithZone("").AppendBinary(octets[:0]) // a zone would be appended, too
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

// widestBlock is the log2 size of the widest aligned block that contains x and nothing outside its range, which is from
// first up to next; where a range ends with the space, next is the size of that, a power of two.
//
// A block of 2^k around x excludes a number n exactly if x and n differ in bit k or above it. What is before the first of
// all is ^0, which every block excludes that fits into the space.
func widestBlock(x, first, next uint64) int {
	return bits.Len64(min(x^(first-1), x^next)) - 1
}
