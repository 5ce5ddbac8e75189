package geodata

import (
	"errors"
	"fmt"
	"net/netip"
)

// Layer is one source's networks, added in any order. Where two overlap, the one added later counts.
type Layer struct {
	source SourceID
	places *placeSet
	finest *finest // what it takes only as a whole; nil: anything
	rows   int     // how many ranges were added
	v4     spans[uint32]
	v6     spans[uint64]
}

// finest is the length of the longest prefixes that a layer tells apart, and why it refuses longer ones.
type finest struct {
	bits4, bits6 int
	err          error
}

// fits says whether a range is made of whole networks of those lengths.
func (f *finest) fits(first, last netip.Addr) bool {
	bits := f.bits6
	if first.Is4() {
		bits = f.bits4
	}
	from, _ := first.Prefix(bits)
	to, _ := last.Prefix(bits)
	return from.Addr() == first && lastOf(to) == last
}

// Add puts a prefix in a place. An IPv4-mapped prefix is the IPv4 prefix that it maps.
func (l *Layer) Add(prefix netip.Prefix, place Place) error {
	if !prefix.IsValid() {
		return fmt.Errorf("add %v: not a prefix", prefix)
	}
	prefix = prefix.Masked()
	return l.AddRange(prefix.Addr(), lastOf(prefix), place)
}

// AddRange puts the addresses from first to last, both inclusive and of one family, in a place.
//
// Of IPv6 the upper 64 bits count: a /64 belongs to whoever holds its first address, as nothing finer is of use to a
// table of /56s.
func (l *Layer) AddRange(first, last netip.Addr, place Place) error {
	if err := checkStated(place); err != nil {
		return fmt.Errorf("add %v to %v: %w", first, last, err)
	}
	return l.addRange(first, last, of(place, l.source))
}

// checkStated refuses what a source cannot state of a place.
func checkStated(place Place) error {
	if place.RTT != 0 {
		return fmt.Errorf("%w: it has a row of round-trip times, which Builder.RTT takes with its networks", ErrPlace)
	}
	return nil
}

func (l *Layer) addRange(first, last netip.Addr, place sourced) error {
	first, last, err := checkRange(first, last)
	if err != nil {
		return err
	}
	if l.finest != nil && !l.finest.fits(first, last) {
		return fmt.Errorf("add %v to %v: %w", first, last, l.finest.err)
	}
	ref, err := l.places.ref(place)
	if err != nil {
		return fmt.Errorf("add %v to %v: %w", first, last, err)
	}
	l.add(first, last, ref)
	l.rows++
	return nil
}

func checkRange(first, last netip.Addr) (from, to netip.Addr, err error) {
	from, to = first.Unmap(), last.Unmap()
	if !from.IsValid() || from.BitLen() != to.BitLen() || to.Less(from) {
		return from, to, fmt.Errorf("add %v to %v: not a range", first, last)
	}
	return from, to, nil
}

func (l *Layer) add(first, last netip.Addr, ref placeRef) {
	if first.Is4() {
		l.v4.add(uint32Of(first), uint32Of(last), ref)
		return
	}
	if from, to, ok := networks(first, last); ok {
		l.v6.add(from, to, ref)
	}
}

// networks are the first and the last /64 whose first address lies in an IPv6 range; not ok if there is none.
func networks(first, last netip.Addr) (from, to uint64, ok bool) {
	from, host := halves(first)
	to, _ = halves(last)
	if host == 0 {
		return from, to, true
	}
	return from + 1, to, from < to
}

func (l *Layer) said4() *said[uint32] { return l.v4.said(unitShift4) }
func (l *Layer) said6() *said[uint64] { return l.v6.said(unitShift6) }

// Stream is one source's networks in ascending order, each family for itself. It keeps units only, so that a database
// of millions of networks costs a few bytes for each.
type Stream struct {
	source SourceID
	places *placeSet
	v4     unitWriter[uint32]
	v6     unitWriter[uint64]
}

func newStream(source SourceID, places *placeSet) *Stream {
	return &Stream{source: source, places: places, v4: unitWriter[uint32]{shift: unitShift4}, v6: unitWriter[uint64]{shift: unitShift6}}
}

// Ref stands for a place that a Stream knows.
type Ref struct{ ref placeRef }

// Ref checks a place, once for all networks that share it.
func (s *Stream) Ref(place Place) (Ref, error) {
	if err := checkStated(place); err != nil {
		return Ref{}, err
	}
	ref, err := s.places.ref(of(place, s.source))
	return Ref{ref}, err
}

// ErrOrder says that a source which must come in order does not.
var ErrOrder = errors.New("it lies before the end of the network before it; the file is not sorted, or damaged")

// Add puts a prefix in a place, as Layer.Add does; the prefix must lie behind all others of its family.
func (s *Stream) Add(prefix netip.Prefix, place Ref) error {
	first, bits := prefix.Addr(), prefix.Bits()
	if first.Is4In6() && bits >= carrierBits {
		first, bits = first.Unmap(), bits-carrierBits
	}
	switch {
	case bits < 0:
		return fmt.Errorf("add %v: not a prefix", prefix)
	case first.Is4():
		hosts := uint32(uint64(1)<<(32-bits) - 1)
		from := uint32Of(first) &^ hosts
		return added(s.v4.add(from, from|hosts, place.ref), prefix)
	case bits > 64:
		if _, host := halves(prefix.Masked().Addr()); host != 0 {
			return nil // the /64 belongs to whoever holds its first address
		}
	}
	network, _ := halves(first)
	hosts := ^uint64(0) >> min(bits, 64)
	return added(s.v6.add(network&^hosts, network|hosts, place.ref), prefix)
}

// AddRange puts the addresses from first to last, both inclusive, in a place.
func (s *Stream) AddRange(first, last netip.Addr, place Ref) error {
	first, last, err := checkRange(first, last)
	if err != nil {
		return err
	}
	if first.Is4() {
		return added(s.v4.add(uint32Of(first), uint32Of(last), place.ref), first)
	}
	from, to, ok := networks(first, last)
	return added(!ok || s.v6.add(from, to, place.ref), first)
}

// added is an error for what did not come in order. It makes no interface of the rest, which are millions.
func added[T any](inOrder bool, what T) error {
	if inOrder {
		return nil
	}
	return fmt.Errorf("add %v: %w", what, ErrOrder)
}

// rows is how many ranges came.
func (s *Stream) rows() int { return s.v4.rows + s.v6.rows }

func (s *Stream) said4() *said[uint32] { return s.v4.finish() }
func (s *Stream) said6() *said[uint64] { return s.v6.finish() }
