package geodata

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"math/bits"
	"net/netip"
	"sync"
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

// JoinOrigins is where data from several origins came from. Its date is the oldest one's, since that is the one to worry
// about.
func JoinOrigins(origins ...Origin) (all Origin) {
	for _, o := range origins {
		if all.Source != "" {
			all.Source += ", "
		}
		all.Source += o.Source
		if all.Date.IsZero() || o.Date.Before(all.Date) && !o.Date.IsZero() {
			all.Date = o.Date
		}
	}
	return all
}

// Table maps addresses to places. It never changes.
type Table struct {
	origin  Origin
	sources []string
	digest  func() string
	places  []sourced // by PlaceID; the first knows nothing
	rtt     [][]SiteRTT
	v4      *index4
	v6      *index6
	// resolvers is nil if no resolver is known.
	resolvers *resolvers
	rows      []SourceRows
}

// Lookup finds the place of addr, and the widest prefix around addr that has the one place.
//
// An IPv4-mapped address is looked up, and answered, as the IPv4 address it carries. An address of the NAT64 prefix
// 64:ff9b::/96 (RFC 6052 section 2.1) is looked up as the IPv4 address it carries, and its prefix is the IPv6 one
// behind that /96: it may be longer than /56, so do not cut such an address to its unit before looking it up. The
// prefix of another address never contains these two networks.
// The zero Addr has no place and no prefix.
func (t *Table) Lookup(addr netip.Addr) (PlaceID, netip.Prefix) {
	id, bits := t.Find(addr)
	return id, prefixOf(addr, bits)
}

// Find is Lookup with the length of the prefix alone, which is what a query needs.
func (t *Table) Find(addr netip.Addr) (id PlaceID, bits int) {
	if addr.Is4() {
		return t.v4.lookup(uint32Of(addr))
	}
	network, _ := halves(addr)
	if mayCarry(network) {
		return t.findLow(addr)
	}
	id, bits = t.v6.lookup(network)
	return id, outsideLow(network, bits)
}

// findLow is Find for the addresses of which some carry IPv4 ones.
func (t *Table) findLow(addr netip.Addr) (id PlaceID, bits int) {
	at := locate(addr)
	if at.is4 {
		id, bits = t.v4.lookup(at.addr4)
		return id, at.carrierBits + bits
	}
	if !addr.IsValid() {
		return Unknown, 0
	}
	id, bits = t.v6.lookup(at.network)
	return id, outsideCarriers(at.network, at.host, bits)
}

// prefixOf is the prefix of a length around an address as it is answered for; none for the zero Addr.
func prefixOf(addr netip.Addr, bits int) netip.Prefix {
	p, _ := addr.Unmap().Prefix(bits) // bits is never more than the address has
	return p
}

// located is an IPv6 address as the indexes see it.
type located struct {
	network, host uint64 // its halves
	is4           bool   // it carries an IPv4 address
	addr4         uint32
	carrierBits   int // how many bits of the answer's prefix are before those of the carried address
}

// The networks whose addresses carry IPv4 ones in their last 32 bits, by halves: 64:ff9b::/96, the well-known prefix of
// RFC 6052 section 2.1, and ::ffff:0:0/96, the IPv4-mapped addresses of RFC 4291 section 2.5.5.2. Both lie in ::/3.
const (
	nat64Network = 0x0064ff9b_00000000
	mappedHost   = 0xffff_00000000
	carrierBits  = 96
)

func locate(addr netip.Addr) located {
	if !addr.IsValid() {
		return located{}
	}
	network, host := halves(addr)
	at := located{network: network, host: host}
	switch {
	case network == nat64Network && host>>32 == 0:
		at.is4, at.addr4, at.carrierBits = true, uint32(host), carrierBits
	case network == 0 && host>>32 == mappedHost>>32:
		at.is4, at.addr4 = true, uint32(host) // it is answered as an IPv4 address
	}
	return at
}

// mayCarry says whether a network, or the zero Addr, is in ::/3, so that more must be known of the address than that.
func mayCarry(network uint64) bool { return network>>61 == 0 }

// outsideLow lengthens the prefix of a network that carries none until it contains no carrier: all that is needed is that
// it does not begin with the zeros of ::/3.
func outsideLow(network uint64, length int) int { return max(length, bits.LeadingZeros64(network)+1) }

// outsideCarriers lengthens a prefix until it contains no carrier.
func outsideCarriers(network, host uint64, length int) int {
	for _, carrier := range [...][2]uint64{{nat64Network, 0}, {0, mappedHost}} {
		common := bits.LeadingZeros64(network ^ carrier[0])
		if common == 64 {
			common += bits.LeadingZeros64(host ^ carrier[1])
		}
		length = max(length, common+1)
	}
	return length
}

// Place is what the table knows about id; an id that is not of this table knows nothing.
func (t *Table) Place(id PlaceID) Place {
	if int(id) >= len(t.places) {
		return Place{}
	}
	return t.places[id].Place
}

// From says which source gave each field of a place.
func (t *Table) From(id PlaceID) From {
	if int(id) >= len(t.places) {
		return From{}
	}
	return t.places[id].from
}

// Source is the name of a source, "" for none.
func (t *Table) Source(id SourceID) string {
	if id == 0 || int(id) > len(t.sources) {
		return ""
	}
	return t.sources[id-1]
}

// Places is the number of places, the unknown one among them: IDs are below it.
func (t *Table) Places() int { return len(t.places) }

// Digest names the content: equal digests mean equal places for every address, the same IDs, origin and date.
// The first call computes it, for a fifth of a second where a table is large.
func (t *Table) Digest() string { return t.digest() }

// Origin says where the data came from.
func (t *Table) Origin() Origin { return t.origin }

// V4 yields the ranges of the whole IPv4 space in order: the first address of each, and its place. There is no gap,
// the first range begins at 0, and neighbours differ in place.
func (t *Table) V4() iter.Seq2[uint32, PlaceID] {
	return func(yield func(uint32, PlaceID) bool) {
		for unit, id := range t.v4.units() {
			if !yield(uint32(unit)<<unitShift4, id) {
				return
			}
		}
	}
}

// V6 yields the ranges of the whole IPv6 space in order, as V4 does; an address is given by its upper 64 bits.
func (t *Table) V6() iter.Seq2[uint64, PlaceID] {
	return func(yield func(uint64, PlaceID) bool) {
		for unit, id := range t.v6.units() {
			if !yield(unit<<unitShift6, id) {
				return
			}
		}
	}
}

// The sizes of the two spaces, in units.
const (
	unitBits4  = gslb.MaxBits4
	unitBits6  = gslb.MaxBits6
	unitShift4 = 32 - unitBits4
	unitShift6 = 64 - unitBits6
)

// newTable lays out runs by unit, and keeps places. The caller adds what else there is.
func newTable(origin Origin, sources []string, places []sourced, v4, v6 iter.Seq2[uint64, PlaceID]) *Table {
	origin.Date = origin.Date.UTC().Truncate(time.Second)
	t := &Table{origin: origin, sources: sources, places: places}
	var both sync.WaitGroup
	both.Go(func() { t.v4 = newIndex4(v4, len(places)) })
	both.Go(func() { t.v6 = newIndex6(v6) })
	both.Wait()
	t.digest = sync.OnceValue(func() string {
		sum := sha256.New()
		t.writePayload(sum)
		return "sha256:" + hex.EncodeToString(sum.Sum(nil))
	})
	return t
}
