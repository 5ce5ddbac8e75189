package geodata_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
)

// Grouping a table finds what a table would find whose places are the groups: the same group, the same prefix.
func TestGroupsEqualACoarserTable(t *testing.T) {
	names := []geodata.Place{{}, country("AA"), country("BB")}
	rapid.Check(t, func(t *rapid.T) {
		v6 := rapid.Bool().Draw(t, "IPv6")
		lo, hi, address, last := uint64(0x2000_0000), uint64(0x3fff_ffff), address4, address4
		if v6 {
			lo, hi, address, last = 0x2a00_0000_0000_0000, 0x2aff_ffff_ffff_ffff, address6(0), address6(^uint64(0))
		}
		fine := drawSaid(t, lo, hi)
		for i := range fine.said {
			fine.said[i].first, fine.said[i].last = fine.said[i].first&^0xff, fine.said[i].last|0xff // whole units
		}
		table := fine.build(t, address, last)
		groupOf := make([]geodata.Group, table.Places())
		for i := range groupOf {
			groupOf[i] = geodata.Group(rapid.IntRange(0, len(names)-1).Draw(t, "group"))
		}
		groups := table.Group(groupOf)
		coarse := regroup(t, table, groupOf, names)
		for range 8 {
			n := rapid.OneOf(rapid.Uint64Range(lo, lo+1<<17+800), rapid.Uint64Range(hi-800, hi)).Draw(t, "address")
			addr := address(n)
			wantID, wantPrefix := coarse.Lookup(addr)
			group, prefix := groups.Lookup(addr)
			if all4, whole := coarse.Lookup(address4(0)); v6 && whole.Bits() == 0 && all4 == wantID {
				wantPrefix = netip.PrefixFrom(addr, min(prefix.Bits(), wantPrefix.Bits())).Masked() // IPv4 is of this group, too
			}
			if names[group] != coarse.Place(wantID) || prefix != wantPrefix {
				t.Fatalf("%v: group %d in %v, want %v in %v", addr, group, prefix, coarse.Place(wantID), wantPrefix)
			}
		}
	})
}

// A prefix of IPv6 holds what carries IPv4 only if all of IPv4 is of its group.
func TestGroupPrefixesOverCarriers(t *testing.T) {
	var b geodata.Builder
	add(t, b.Source("test"), network{"20.0.0.0/8", country("AA")})
	table := build(t, &b)
	aa, _ := table.Lookup(netip.MustParseAddr("20.0.0.1"))
	groupOf := make([]geodata.Group, table.Places())
	for _, want := range []string{"::/0", "2000::/3"} {
		if _, prefix := table.Group(slices.Clone(groupOf)).Lookup(netip.MustParseAddr("2a00::1")); prefix.String() != want {
			t.Errorf("groups %v: %v, want %s", groupOf, prefix, want)
		}
		groupOf[aa] = 1
	}
}

// regroup builds a table that has the groups' names as its places, special ranges among them.
func regroup(t *rapid.T, table *geodata.Table, groupOf []geodata.Group, names []geodata.Place) *geodata.Table {
	var b geodata.Builder
	layer := b.Override("operator")
	put := func(first, last netip.Addr, id geodata.PlaceID) {
		if err := layer.AddRange(first, last, names[groupOf[id]]); err != nil {
			t.Fatal(err)
		}
	}
	var starts []uint64
	var ids []geodata.PlaceID
	for start, id := range table.V4() {
		starts, ids = append(starts, uint64(start)), append(ids, id)
	}
	for i := range starts {
		end := uint64(1 << 32)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		put(address4(starts[i]), address4(end-1), ids[i])
	}
	starts, ids = nil, nil
	for start, id := range table.V6() {
		starts, ids = append(starts, start), append(ids, id)
	}
	for i := range starts {
		end := uint64(0)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		put(address6(0)(starts[i]), address6(^uint64(0))(end-1), ids[i])
	}
	coarse, err := b.Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return coarse
}

// On the embedded table every address inside the prefix of a group is of that group, and the next shorter prefix has
// one that is not: pairs are drawn as the acceptance of the geo data asks for.
func TestGroupPrefixesAreExactAndWidest(t *testing.T) {
	table, err := embedded.Open()
	if err != nil {
		t.Fatal(err)
	}
	groupOf := make([]geodata.Group, table.Places())
	for i := range groupOf {
		location := table.Place(geodata.PlaceID(i)).Location
		groupOf[i] = geodata.Group((location.LatMicro+90_000_000)/30_000_000*16 + (location.LonMicro+180_000_000)/30_000_000)
	}
	groups := table.Group(groupOf)
	random := rand.New(rand.NewPCG(7, 7))
	for _, addr := range append(random4(10_000), random6(table, 10_000)...) {
		group, prefix := groups.Lookup(addr)
		for range 4 {
			other := inside(prefix, random)
			id, _ := table.Lookup(other)
			if groupOf[id] != group {
				t.Fatalf("%v is of group %d in %v, and %v in it is of %d", addr, group, prefix, other, groupOf[id])
			}
		}
	}
}

// inside is a random address of a prefix.
func inside(prefix netip.Prefix, random *rand.Rand) netip.Addr {
	octets := prefix.Addr().AsSlice()
	for bit := prefix.Bits(); bit < len(octets)*8; bit++ {
		if random.IntN(2) == 0 {
			octets[bit/8] ^= 0x80 >> (bit % 8)
		}
	}
	addr, _ := netip.AddrFromSlice(octets)
	return addr
}
