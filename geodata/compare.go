package geodata

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"tidegate.dev/tidegate/gslb"
)

// Comparison is what changes when one table takes the place of another.
type Comparison struct {
	Before, After Figures
	// Sources are those of the first table with their rows in both, where these were counted.
	Sources []SourceChange
	// Sampled is how many addresses were looked up in both tables. Country, Moved and Line are how many of these are in
	// another country, farther than MovedKm away from where they were or nowhere now, and on another line.
	Sampled, Country, Moved, Line int
	// Located and Lined are how many of the sample had a location and a line before; LineLost is how many of the latter
	// are on another line, or on none.
	Located, Lined, LineLost int
	// Examples are some of the addresses that changed.
	Examples []Example
}

// Figures are a table's origin and size.
type Figures struct {
	Origin
	// Rows is the number of networks that differ from their neighbours, of both families; Places leaves the unknown one out.
	Rows, Places int
}

// Example is an address with its place in both tables.
type Example struct {
	Addr          netip.Addr
	Before, After Place
}

const (
	// MovedKm is how far an address may move before a comparison counts it.
	MovedKm = 100
	// sampleSize is how many addresses a comparison looks up.
	sampleSize  = 50_000
	maxExamples = 10
)

// FiguresOf counts a table.
func FiguresOf(t *Table) Figures {
	f := Figures{Origin: t.Origin(), Places: t.Places() - 1}
	for range t.V4() {
		f.Rows++
	}
	for range t.V6() {
		f.Rows++
	}
	return f
}

// Compare counts both tables, and looks up a sample of the addresses that current has a place for in both.
func Compare(current, next *Table) Comparison {
	c := Comparison{Before: FiguresOf(current), After: FiguresOf(next), Sources: changes(current.rows, next.rows)}
	changes := 0
	for _, addr := range sample(current) {
		c.Sampled++
		e := Example{addr, current.placeOf(addr), next.placeOf(addr)}
		if c.count(e) {
			changes++
			c.keep(e, changes)
		}
	}
	slices.SortFunc(c.Examples, func(a, b Example) int { return a.Addr.Compare(b.Addr) })
	return c
}

func (t *Table) placeOf(addr netip.Addr) Place {
	id, _ := t.Lookup(addr)
	return t.Place(id)
}

// count says whether the address changed in a way that counts.
func (c *Comparison) count(e Example) (changed bool) {
	if e.Before.HasLocation {
		c.Located++
	}
	if e.Before.Line != gslb.NoLine {
		c.Lined++
	}
	if e.Before == e.After {
		return false
	}
	country, line := e.Before.Country != e.After.Country, e.Before.Line != e.After.Line
	moved := e.Before.HasLocation && (!e.After.HasLocation ||
		e.Before.Location.Direction().DistanceKm(e.After.Location.Direction()) > MovedKm)
	for _, change := range []struct {
		happened bool
		counter  *int
	}{{country, &c.Country}, {moved, &c.Moved}, {line, &c.Line}, {line && e.Before.Line != gslb.NoLine, &c.LineLost}} {
		if change.happened {
			*change.counter++
		}
	}
	return country || moved || line
}

// keep makes the n-th change an example with the chance that spreads them over all changes. It is no chance: the same
// tables have the same examples.
func (c *Comparison) keep(e Example, n int) {
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, e)
	} else if slot := scatter(uint64(n)) % uint64(n); slot < maxExamples {
		c.Examples[slot] = e
	}
}

// sample is a fixed set of addresses that a table has a place for: of IPv4 by space, of IPv6 by run, since the size of an
// IPv6 network says little about how many clients it has. Half are of each family; where IPv6 has fewer runs than that,
// IPv4 has the rest.
func sample(t *Table) []netip.Addr {
	v4, v6 := placed4(t), placed6(t)
	space, runs := v4.size(), uint64(len(v6))
	half := uint64(sampleSize / 2)
	if space == 0 {
		half = sampleSize
	}
	n6 := min(half, runs)
	n4 := sampleSize - n6
	if space == 0 {
		n4 = 0
	}
	addresses := make([]netip.Addr, 0, n4+n6)
	for k := range n4 {
		addresses = append(addresses, v4.at(pick(k, n4, space), uint8(scatter(k))))
	}
	for k := range n6 {
		r := v6[pick(k, n6, runs)]
		addresses = append(addresses, address6Of(r.first+scatter(k)%max(r.size, 1)))
	}
	return addresses
}

// pick is the k-th of n numbers spread over those below size: one from each of n equal parts.
func pick(k, n, size uint64) uint64 {
	first, next := k*size/n, (k+1)*size/n
	return first + scatter(k)%max(next-first, 1)
}

// scatter is a number that looks like any other, always the same for k (the finisher of splitmix64).
func scatter(k uint64) uint64 {
	k += 0x9e3779b97f4a7c15
	k = (k ^ k>>30) * 0xbf58476d1ce4e5b9
	k = (k ^ k>>27) * 0x94d049bb133111eb
	return k ^ k>>31
}

// run is a range of addresses that has a place; below is how many addresses with a place come before it.
type run struct{ first, size, below uint64 }

// placedRuns are in order.
type placedRuns []run

func (r placedRuns) size() uint64 {
	if len(r) == 0 {
		return 0
	}
	last := r[len(r)-1]
	return last.below + last.size
}

// at is the address of a unit, counted over those that have a place; host chooses within the unit.
func (r placedRuns) at(unit uint64, host uint8) netip.Addr {
	i, exact := slices.BinarySearchFunc(r, unit, func(r run, unit uint64) int { return int(int64(r.below) - int64(unit)) })
	if !exact {
		i--
	}
	number := (r[i].first+unit-r[i].below)<<unitShift4 | uint64(host)
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(number))))
}

// placed4 are the IPv4 runs with a place, in units.
func placed4(t *Table) (runs placedRuns) {
	before := Unknown
	first, below := uint64(0), uint64(0)
	end := func(next uint64) {
		if before != Unknown {
			runs = append(runs, run{first, next - first, below})
			below += next - first
		}
	}
	for start, id := range t.V4() {
		end(uint64(start) >> unitShift4)
		first, before = uint64(start)>>unitShift4, id
	}
	end(1 << unitBits4)
	return runs
}

// placed6 are the IPv6 runs with a place, by the upper 64 bits of their addresses.
func placed6(t *Table) (runs placedRuns) {
	before, first := Unknown, uint64(0)
	end := func(next uint64) {
		if before != Unknown {
			runs = append(runs, run{first: first, size: next - first}) // the last one's end, 2^64, is 0: it fits all the same
		}
	}
	for start, id := range t.V6() {
		end(start)
		first, before = start, id
	}
	end(0)
	return runs
}

// address6Of is the first host of a network.
func address6Of(network uint64) netip.Addr {
	octets := binary.BigEndian.AppendUint64(nil, network)
	return netip.AddrFrom16([16]byte(append(octets, 0, 0, 0, 0, 0, 0, 0, 1)))
}
