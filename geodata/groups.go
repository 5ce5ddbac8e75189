package geodata

import (
	"fmt"
	"net/netip"
)

// Group numbers what a caller holds alike among the places of a table.
type Group uint32

// Groups is a table with its places joined into groups: it finds the group of an address, and the widest prefix around
// it that is all of that group. It adds to its table a few bits for each range, so that every set of sites can have its
// own; the table itself is shared.
type Groups struct {
	table *Table
	of    []Group // by PlaceID
	v4    groups4
	v6    groups6
}

// Group joins the places of the table; of gives the group of each PlaceID and belongs to the result from now on.
func (t *Table) Group(of []Group) *Groups {
	if len(of) != len(t.places) {
		panic(fmt.Sprintf("geodata: groups for %d places of a table of %d", len(of), len(t.places)))
	}
	return &Groups{table: t, of: of, v4: newGroups4(t.v4, of), v6: newGroups6(t.v6, of)}
}

// Lookup treats addresses as Table.Lookup does; the zero Addr is in the group of the unknown place.
func (g *Groups) Lookup(addr netip.Addr) (Group, netip.Prefix) {
	group, bits := g.Find(addr)
	return group, prefixOf(addr, bits)
}

// Find is Lookup with the length of the prefix alone, which is what a query needs.
func (g *Groups) Find(addr netip.Addr) (group Group, bits int) {
	if addr.Is4() {
		return g.v4.lookup(g.table.v4, g.of, uint32Of(addr))
	}
	network, _ := halves(addr)
	if mayCarry(network) {
		return g.findLow(addr)
	}
	group, bits = g.v6.lookup(g.table.v6, g.of, network)
	if g.hasAll4(group) {
		return group, bits
	}
	return group, outsideLow(network, bits)
}

// findLow is Find for the addresses of which some carry IPv4 ones.
func (g *Groups) findLow(addr netip.Addr) (group Group, bits int) {
	at := locate(addr)
	if at.is4 {
		group, bits = g.v4.lookup(g.table.v4, g.of, at.addr4)
		return group, at.carrierBits + bits
	}
	if !addr.IsValid() {
		return g.of[Unknown], 0
	}
	group, bits = g.v6.lookup(g.table.v6, g.of, at.network)
	if g.hasAll4(group) {
		return group, bits
	}
	return group, outsideCarriers(at.network, at.host, bits)
}

// hasAll4 says whether all of IPv4 is of a group, so that its prefixes may hold what carries IPv4.
func (g *Groups) hasAll4(group Group) bool {
	return g.v4.wide[0] == 0 && g.of[g.table.v4.place(0)] == group
}

// Of is the group of a place; a place that is not of the table is in the group of the unknown one.
func (g *Groups) Of(id PlaceID) Group {
	if int(id) >= len(g.of) {
		id = Unknown
	}
	return g.of[id]
}

// mixed stands in the list of widths for a bucket or a root with more than one group.
const mixed = 0xff

// groups4 marks, in every bucket with more than one group, the units where the group changes.
type groups4 struct {
	// wide is the prefix length to answer with where a bucket is all of one group.
	wide [buckets]uint8
	// slot is the position of a mixed bucket in begins.
	slot   [buckets]uint16
	begins []unitSet
}

func (g *groups4) lookup(x *index4, of []Group, addr uint32) (Group, int) {
	bucket, unit := addr>>bucketBits, uint8(addr>>unitShift4)
	group := of[x.place(addr)]
	if bits := g.wide[bucket]; bits != mixed {
		return group, int(bits)
	}
	first, next := g.begins[g.slot[bucket]].around(unit)
	return group, unitBits4 - widestBlock(uint64(unit), first, next)
}

func newGroups4(x *index4, of []Group) groups4 {
	var g groups4
	var whole [buckets]Group // of the buckets that are not mixed
	for i := range x.buckets {
		begins, last := x.groupBegins(i, of)
		if begins == (unitSet{1}) {
			whole[i] = last
			continue
		}
		g.wide[i], g.slot[i] = mixed, uint16(len(g.begins))
		g.begins = append(g.begins, begins)
	}
	g.begins = append([]unitSet(nil), g.begins...)
	widen(&g.wide, &whole)
	return g
}

// groupBegins marks the units of a bucket where the group changes, the first one always, and returns the last group.
func (x *index4) groupBegins(bucket int, of []Group) (marks unitSet, last Group) {
	for unit, id := range x.in(bucket) {
		group := of[id]
		if unit == 0 || group != last {
			marks.set(unit)
		}
		last = group
	}
	return marks, last
}

// widen fills in the prefix lengths of the buckets or roots that are not mixed: neighbours of which the whole is equal
// share the widest block around each.
func widen[T comparable](wide *[buckets]uint8, whole *[buckets]T) {
	for first := 0; first < buckets; {
		next := first + 1
		if wide[first] == mixed {
			first = next
			continue
		}
		for next < buckets && wide[next] != mixed && whole[next] == whole[first] {
			next++
		}
		for i := first; i < next; i++ {
			block := widestBlock(uint64(i), uint64(first), uint64(next))
			wide[i] = uint8(bucketBits - block)
		}
		first = next
	}
}

// groups6 marks the entries where the group changes; the first one of a root always.
type groups6 struct {
	wide  [buckets]uint8
	marks markSet
}

func (g *groups6) lookup(x *index6, of []Group, network uint64) (Group, int) {
	root, key := network>>(64-bucketBits), network>>unitShift6&entryKey
	if s := x.roots[root]; s.isWhole() {
		return of[s.place()], int(g.wide[root])
	}
	at := x.entryOf(network)
	group := of[x.entries[at].id()]
	if bits := g.wide[root]; bits != mixed {
		return group, int(bits)
	}
	begin, next := x.entries[g.marks.upTo(at)].key(), x.entries[g.marks.after(at)].key()
	if next == 0 { // the next root's
		next = rootUnits
	}
	return group, unitBits6 - widestBlock(key, begin, next)
}

func newGroups6(x *index6, of []Group) groups6 {
	g := groups6{marks: newMarkSet(len(x.entries))}
	var whole [buckets]Group
	root, groups := -1, 0
	var last Group
	for i, e := range x.entries[:len(x.entries)-1] {
		group := of[e.id()]
		if e.key() == 0 {
			root, groups = root+1, 0
			whole[root] = group
		}
		if groups == 0 || group != last {
			g.marks.set(i)
			groups++
		}
		if groups > 1 {
			g.wide[root] = mixed
		}
		last = group
	}
	g.marks.set(len(x.entries) - 1)
	widen(&g.wide, &whole)
	return g
}
