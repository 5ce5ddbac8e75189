package geodata

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// Origin says where a table's data came from.
type Origin struct {
	// Source names the data for people ("DB-IP City Lite").
	Source string
	// Date is when the data was made, to the second, in UTC; zero if no source says.
	Date time.Time
}

// Table maps addresses to places. It never changes.
type Table struct {
	origin Origin
	digest [sha256.Size]byte
	places []Place // by PlaceID; the first is Place{}
	v4     *index4
	v6     *index6
}

// Lookup finds the place of addr, and the widest prefix around addr that has the one place.
//
// An IPv4-mapped address is looked up, and answered, as the IPv4 address it carries. An address of the NAT64 prefix
// 64:ff9b::/96 (RFC 6052 section 2.1) is looked up as the IPv4 address it carries, and its prefix is the IPv6 one
// behind that /96: it may be longer than /56, so do not cut such an address to its unit before looking it up.
// The zero Addr has no place and no prefix.
func (t *Table) Lookup(addr netip.Addr) (PlaceID, netip.Prefix) {
	if addr.Is4() || addr.Is4In6() {
		addr = addr.Unmap()
		id, bits := t.v4.lookup(uint32Of(addr))
		return id, prefix(addr, bits)
	}
	if !addr.Is6() {
		return Unknown, netip.Prefix{}
	}
	network, host := halves(addr)
	if network == nat64Network && host>>32 == 0 {
		id, bits := t.v4.lookup(uint32(host))
		return id, prefix(addr, nat64Bits+bits)
	}
	id, bits := t.v6.lookup(network)
	return id, prefix(addr, bits)
}

// nat64Network is the upper half of 64:ff9b::/96, the well-known prefix of RFC 6052 section 2.1.
const (
	nat64Network = 0x0064ff9b_00000000
	nat64Bits    = 96
)

func prefix(addr netip.Addr, bits int) netip.Prefix {
	p, _ := addr.Prefix(bits) // bits is never more than the address has
	return p
}

// Place is what the table knows about id; an id that is not of this table knows nothing.
func (t *Table) Place(id PlaceID) Place {
	if int(id) >= len(t.places) {
		return Place{}
	}
	return t.places[id]
}

// Places is the number of places, the unknown one among them: IDs are below it.
func (t *Table) Places() int { return len(t.places) }

// Digest names the content: equal digests mean equal places for every address, the same IDs, origin and date.
func (t *Table) Digest() string { return "sha256:" + hex.EncodeToString(t.digest[:]) }

// Origin says where the data came from.
func (t *Table) Origin() Origin { return t.origin }

// V4 yields the ranges of the whole IPv4 space in order: the first address of each, and its place. There is no gap,
// the first range begins at 0, and neighbours differ in place.
func (t *Table) V4() iter.Seq2[uint32, PlaceID] { return t.v4.ranges() }

// V6 yields the ranges of the whole IPv6 space in order, as V4 does; an address is given by its upper 64 bits.
func (t *Table) V6() iter.Seq2[uint64, PlaceID] { return t.v6.ranges() }

// The sizes of the two spaces, in units.
const (
	unitBits4  = gslb.MaxBits4
	unitBits6  = gslb.MaxBits6
	unitShift4 = 32 - unitBits4
	unitShift6 = 64 - unitBits6
)

// newTable takes over its slices.
func newTable(origin Origin, places []Place, v4, v6 runs, digest [sha256.Size]byte) *Table {
	return &Table{origin: origin, digest: digest, places: places, v4: newIndex4(v4), v6: newIndex6(v6)}
}
