package geodata_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tidegate.dev/tidegate/geodata"
)

// said is one range of one layer, as the reference sees it: IPv4 addresses, or the upper 64 bits of IPv6 ones. A layer
// of round-trip times gives times, the others a place.
type said struct {
	layer       int
	first, last uint64
	place       geodata.Place
	times       []geodata.SiteRTT
}

// The layers, of each kind the one that counts first.
const (
	upper = iota
	lower
	upperTimes
	lowerTimes
	upperResolvers
	lowerResolvers
	layers
)

func layerName(layer int) string {
	return []string{"upper", "lower", "upper times", "lower times", "upper resolvers", "lower resolvers"}[layer]
}

// reference answers by walking through everything that was said, for every address of the unit. It knows no special
// ranges: what is said lies outside them, and they have no place, like all that was not mentioned.
type reference struct {
	said  []said
	units map[uint64]told // asked for so far
}

// told is a place with the names of the layers that told its country, its line and its round-trip times, and those times.
type told struct {
	geodata.Place
	country, line, rtt string
	times              string
}

// tell takes what a layer says where no layer before it did.
func (t *told) tell(layer int, s said) {
	if t.Country == "" && s.place.Country != "" {
		t.Country, t.country = s.place.Country, layerName(layer)
	}
	if t.Line == "" && s.place.Line != "" {
		t.Line, t.line = s.place.Line, layerName(layer)
	}
	if t.times == "" && s.times != nil {
		t.times, t.rtt = fmt.Sprint(s.times), layerName(layer)
	}
}

// address is what a layer says of an address: what was said last.
func (r reference) address(layer int, n uint64) (found said) {
	for _, s := range r.said {
		if s.layer == layer && s.first <= n && n <= s.last {
			found = s
		}
	}
	return found
}

// layerUnit is the place that most addresses of a unit have in a layer, of equals the one that comes first; no place
// does not count.
func (r reference) layerUnit(layer int, u uint64) geodata.Place {
	counts := map[geodata.Place]int{}
	var order []geodata.Place
	for n := range uint64(256) {
		p := r.address(layer, u<<8|n).place
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
	for _, layer := range []int{upper, lower} {
		place.tell(layer, said{place: r.layerUnit(layer, u)})
	}
	for _, layer := range []int{upperTimes, lowerTimes} {
		place.tell(layer, r.address(layer, u<<8)) // whole units
	}
	r.units[u] = place
	return place
}

// resolver is what the layers say together of the resolver at an address: its own layers stand above the others.
func (r reference) resolver(n uint64) told {
	var place told
	for _, layer := range []int{upperResolvers, lowerResolvers} {
		place.tell(layer, r.address(layer, n))
	}
	ordinary := r.unit(n >> 8)
	if place.Country == "" {
		place.Country, place.country = ordinary.Country, ordinary.country
	}
	if place.Line == "" {
		place.Line, place.line = ordinary.Line, ordinary.line
	}
	place.times, place.rtt = ordinary.times, ordinary.rtt
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
	rows := [][]geodata.SiteRTT{{{Site: "fra", Milliseconds: 12}}, {{Site: "fra", Milliseconds: 13}},
		{{Site: "fra", Milliseconds: 12}, {Site: "pek", Milliseconds: 180}}}
	ranges := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) said {
		a, b := point.Draw(t, "a"), point.Draw(t, "b")
		s := said{layer: rapid.IntRange(0, layers-1).Draw(t, "layer"), first: min(a, b), last: max(a, b)}
		if s.layer == upperTimes || s.layer == lowerTimes {
			s.first, s.last = s.first&^0xff, s.last|0xff
			s.times = rapid.SampledFrom(rows).Draw(t, "times")
			return s
		}
		s.place = rapid.SampledFrom(places).Draw(t, "place")
		return s
	}), 0, 24).Draw(t, "said")
	return reference{said: ranges, units: map[uint64]told{}}
}

func (r reference) build(t *rapid.T, address func(uint64) netip.Addr, last func(uint64) netip.Addr) *geodata.Table {
	var b geodata.Builder
	places := map[int]*geodata.Layer{
		upper: b.Source("upper"), lower: b.Source("lower"),
		upperResolvers: b.Resolvers("upper resolvers"), lowerResolvers: b.Resolvers("lower resolvers"),
	}
	lowerRTT := b.RTT("lower times")
	times := map[int]*geodata.RTTLayer{upperTimes: b.RTT("upper times"), lowerTimes: lowerRTT}
	for _, s := range r.said {
		if s.times != nil {
			for _, prefix := range prefixes(address(s.first), last(s.last)) {
				if err := times[s.layer].Add(prefix, s.times); err != nil {
					t.Fatal(err)
				}
			}
		} else if err := places[s.layer].AddRange(address(s.first), last(s.last), s.place); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// drawAddress prefers the ends of what was said.
func (r reference) drawAddress(t *rapid.T, lo, hi uint64) uint64 {
	kinds := []*rapid.Generator[uint64]{rapid.Uint64Range(lo, lo+1<<17+800), rapid.Uint64Range(hi-800, hi)}
	for _, s := range r.said {
		kinds = append(kinds, rapid.SampledFrom([]uint64{s.first - 1, s.first, s.last, s.last + 1}))
	}
	return min(max(rapid.OneOf(kinds...).Draw(t, "address"), lo), hi)
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

// prefixes cuts a range into prefixes, the widest that fit.
func prefixes(first, last netip.Addr) (list []netip.Prefix) {
	for at := first; ; {
		bits := 0
		for p := netip.PrefixFrom(at, bits); p.Masked() != p || last.Less(lastIn(p)); p = netip.PrefixFrom(at, bits) {
			bits++
		}
		list = append(list, netip.PrefixFrom(at, bits))
		end := lastIn(list[len(list)-1])
		if end == last {
			return list
		}
		at = end.Next()
	}
}

func lastIn(p netip.Prefix) netip.Addr {
	octets := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(octets); bit++ {
		octets[bit/8] |= 0x80 >> (bit % 8)
	}
	addr, _ := netip.AddrFromSlice(octets)
	return addr
}

// toldBy is what a table tells of one of its places.
func toldBy(table *geodata.Table, id geodata.PlaceID) told {
	from := table.From(id)
	got := told{Place: table.Place(id), country: table.Source(from.Country), line: table.Source(from.Line), rtt: table.Source(from.RTT)}
	if got.RTT != 0 {
		got.times, got.RTT = fmt.Sprint(table.RTT(got.RTT)), 0
	}
	return got
}

func (r reference) check(t *rapid.T, table *geodata.Table, addr netip.Addr, n uint64, unitBits int) {
	id, prefix := table.Lookup(addr)
	if got, want := toldBy(table, id), r.unit(n>>8); got != want {
		t.Fatalf("%v is in %+v, want %+v", addr, got, want)
	}
	if got, want := toldBy(table, table.LookupResolver(addr)), r.resolver(n); got != want {
		t.Fatalf("the resolver at %v is in %+v, want %+v", addr, got, want)
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
		for _, table := range withCopies(t, table) {
			for range 8 {
				n := r.drawAddress(t, lo, hi)
				r.check(t, table, address4(n), n, 24)
			}
		}
		checkRanges(t, table)
	})
}

func TestLookupEqualsReference6(t *testing.T) {
	const lo, hi = 0x2a00_0000_0000_0000, 0x2aff_ffff_ffff_ffff
	rapid.Check(t, func(t *rapid.T) {
		r := drawSaid(t, lo, hi)
		table := r.build(t, address6(0), address6(^uint64(0)))
		for _, table := range withCopies(t, table) {
			for range 8 {
				n := r.drawAddress(t, lo, hi)
				r.check(t, table, address6(77)(n), n, 56)
			}
		}
	})
}

// withCopies is a table and, as encoding is slow, now and then what comes of it in a file and as a source.
func withCopies(t *rapid.T, table *geodata.Table) []*geodata.Table {
	if rapid.IntRange(0, 9).Draw(t, "copies") > 0 {
		return []*geodata.Table{table}
	}
	return []*geodata.Table{table, decoded(t, table), imported(t, table)}
}

// decoded is a table that went through a file.
func decoded(t *rapid.T, table *geodata.Table) *geodata.Table {
	var file bytes.Buffer
	if err := table.Encode(&file); err != nil {
		t.Fatal(err)
	}
	again, err := geodata.Decode(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest() != table.Digest() {
		t.Fatalf("a table of digest %s is read with %s", table.Digest(), again.Digest())
	}
	return again
}

// imported is a table that is the only source of another.
func imported(t *rapid.T, table *geodata.Table) *geodata.Table {
	var b geodata.Builder
	b.Table(table)
	again, err := b.Build(table.Origin())
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest() != table.Digest() {
		t.Fatalf("a table of digest %s is imported with %s", table.Digest(), again.Digest())
	}
	return again
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
