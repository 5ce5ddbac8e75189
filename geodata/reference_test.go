package geodata_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tidegate.dev/tidegate/geodata"
)

// said is one range of one layer, as the reference sees it: IPv4 addresses, or the upper 64 bits of IPv6 ones.
type said struct {
	layer       int
	first, last uint64
	place       geodata.Place
}

// reference answers by walking through everything that was said, for every address of the unit. It knows no special
// ranges: what is said lies outside them, and they have no place, like all that was not mentioned.
type reference struct {
	said  []said
	units map[uint64]told // asked for so far
}

// told is a place with the names of the layers that told its country and its line.
type told struct {
	geodata.Place
	country, line string
}

// address is what a layer says of an address: what was said last.
func (r reference) address(layer int, n uint64) (place geodata.Place) {
	for _, s := range r.said {
		if s.layer == layer && s.first <= n && n <= s.last {
			place = s.place
		}
	}
	return place
}

// layerUnit is the place that most addresses of a unit have in a layer, of equals the one that comes first; no place
// does not count.
func (r reference) layerUnit(layer int, u uint64) geodata.Place {
	counts := map[geodata.Place]int{}
	var order []geodata.Place
	for n := range uint64(256) {
		p := r.address(layer, u<<8|n)
		if counts[p]++; counts[p] == 1 {
			order = append(order, p)
		}
	}
	delete(counts, geodata.Place{})
	var best geodata.Place
	for _, p := range order {
		if counts[p] > counts[best] {
			best = p
		}
	}
	return best
}

// unit is what the layers say together, the first on top.
func (r reference) unit(u uint64) told {
	if p, asked := r.units[u]; asked {
		return p
	}
	var place told
	for layer, name := range []string{"upper", "lower"} {
		p := r.layerUnit(layer, u)
		if place.Country == "" && p.Country != "" {
			place.Country, place.country = p.Country, name
		}
		if place.Line == "" && p.Line != "" {
			place.Line, place.line = p.Line, name
		}
	}
	r.units[u] = place
	return place
}

// bits is the length of the widest prefix around u that has one place. Places change only beside the ends of what was
// said, so no other unit needs to be asked.
// An IPv6 prefix never reaches into ::/3, where addresses carry IPv4 ones.
func (r reference) bits(u uint64, unitBits int) int {
	var others []uint64
	for _, s := range r.said {
		for _, near := range []uint64{s.first>>8 - 1, s.first >> 8, s.first>>8 + 1, s.last>>8 - 1, s.last >> 8, s.last>>8 + 1} {
			if r.unit(near) != r.unit(u) {
				others = append(others, near)
			}
		}
	}
	shortest := 0
	if unitBits == 56 {
		shortest = 3
	}
	for bits := shortest; bits < unitBits; bits++ {
		block := unitBits - bits
		within := func(other uint64) bool { return other>>block == u>>block }
		if !slices.ContainsFunc(others, within) {
			return bits
		}
	}
	return unitBits
}

// drawSaid draws ranges that touch, nest and overlap around a few points of lo to hi.
func drawSaid(t *rapid.T, lo, hi uint64) reference {
	point := rapid.Custom(func(t *rapid.T) uint64 {
		anchor := rapid.SampledFrom([]uint64{lo, lo + 1<<16, lo + 1<<17, lo + 1<<16 + 1<<8, hi}).Draw(t, "anchor")
		offset := rapid.Int64Range(-700, 700).Draw(t, "offset")
		return min(max(anchor+uint64(offset), lo), hi)
	})
	places := []geodata.Place{country("AA"), country("BB"), line("edu"), line("mobile"), {Country: "AA", Line: "edu"}}
	ranges := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) said {
		a, b := point.Draw(t, "a"), point.Draw(t, "b")
		return said{
			layer: rapid.IntRange(0, 1).Draw(t, "layer"),
			first: min(a, b), last: max(a, b),
			place: rapid.SampledFrom(places).Draw(t, "place"),
		}
	}), 0, 12).Draw(t, "said")
	return reference{said: ranges, units: map[uint64]told{}}
}

func (r reference) build(t *rapid.T, address func(uint64) netip.Addr, last func(uint64) netip.Addr) *geodata.Table {
	var b geodata.Builder
	layers := []*geodata.Layer{b.Source("upper"), b.Source("lower")}
	for _, s := range r.said {
		if err := layers[s.layer].AddRange(address(s.first), last(s.last), s.place); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func address4(n uint64) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(n))))
}

func address6(host uint64) func(uint64) netip.Addr {
	return func(n uint64) netip.Addr {
		octets := binary.BigEndian.AppendUint64(nil, n)
		return netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(octets, host)))
	}
}

func (r reference) check(t *rapid.T, table *geodata.Table, addr netip.Addr, n uint64, unitBits int) {
	id, prefix := table.Lookup(addr)
	from := table.From(id)
	got := told{table.Place(id), table.Source(from.Country), table.Source(from.Line)}
	if want := r.unit(n >> 8); got != want {
		t.Fatalf("%v is in %+v, want %+v", addr, got, want)
	}
	if got, want := prefix.Bits(), r.bits(n>>8, unitBits); got != want || !prefix.Contains(addr) {
		t.Fatalf("%v has prefix %v, want %d bits", addr, prefix, want)
	}
}

func TestLookupEqualsReference4(t *testing.T) {
	const lo, hi = 0x2000_0000, 0x3fff_ffff // 32.0.0.0/3
	rapid.Check(t, func(t *rapid.T) {
		r := drawSaid(t, lo, hi)
		table := r.build(t, address4, address4)
		for range 8 {
			n := rapid.OneOf(rapid.Uint64Range(lo, lo+1<<17+800), rapid.Uint64Range(hi-800, hi)).Draw(t, "address")
			r.check(t, table, address4(n), n, 24)
		}
		checkRanges(t, table)
	})
}

func TestLookupEqualsReference6(t *testing.T) {
	const lo, hi = 0x2a00_0000_0000_0000, 0x2aff_ffff_ffff_ffff
	rapid.Check(t, func(t *rapid.T) {
		r := drawSaid(t, lo, hi)
		table := r.build(t, address6(0), address6(^uint64(0)))
		for range 8 {
			n := rapid.OneOf(rapid.Uint64Range(lo, lo+1<<17+800), rapid.Uint64Range(hi-800, hi)).Draw(t, "address")
			r.check(t, table, address6(77)(n), n, 56)
		}
	})
}

// checkRanges holds V4 to its promise: the whole space without gaps, as Lookup sees it.
func checkRanges(t *rapid.T, table *geodata.Table) {
	before, begun := geodata.Unknown, false
	last := uint32(0)
	for start, id := range table.V4() {
		if got, _ := table.Lookup(address4(uint64(start))); got != id {
			t.Fatalf("range from %d is in %d, Lookup says %d", start, id, got)
		}
		if !begun && start != 0 || begun && (id == before || start <= last) {
			t.Fatalf("range from %d in %d follows one from %d in %d", start, id, last, before)
		}
		if begun {
			if got, _ := table.Lookup(address4(uint64(start) - 1)); got != before {
				t.Fatalf("range ends before %d in %d, Lookup says %d", start, before, got)
			}
		}
		before, begun, last = id, true, start
	}
}
