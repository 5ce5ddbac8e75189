package geodata_test

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
)

const (
	randomAddresses = 200_000
	hotAddresses    = 2_000 // what stays in the processor's caches, as a busy resolver's clients do
)

// random4 is spread over the whole IPv4 space.
func random4(n int) []netip.Addr {
	r := rand.New(rand.NewPCG(1, 2))
	addrs := make([]netip.Addr, n)
	for i := range addrs {
		v := r.Uint32()
		addrs[i] = netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	return addrs
}

// random6 takes a random range of the table and an address near its beginning: most of the IPv6 space is empty.
func random6(t *geodata.Table, n int) []netip.Addr {
	var starts []uint64
	for start := range t.V6() {
		starts = append(starts, start)
	}
	r := rand.New(rand.NewPCG(3, 4))
	addrs := make([]netip.Addr, n)
	for i := range addrs {
		network := starts[r.IntN(len(starts))] + r.Uint64N(1<<10)
		var octets [16]byte
		for j := range 8 {
			octets[j] = byte(network >> (56 - 8*j))
		}
		octets[15] = byte(r.Uint32())
		addrs[i] = netip.AddrFrom16(octets)
	}
	return addrs
}

func BenchmarkLookup(b *testing.B) {
	table, err := embedded.Open()
	if err != nil {
		b.Fatal(err)
	}
	families := []struct {
		name  string
		addrs []netip.Addr
	}{
		{"v4", random4(randomAddresses)}, {"v6", random6(table, randomAddresses)},
		{"v4-hot", random4(hotAddresses)}, {"v6-hot", random6(table, hotAddresses)},
	}
	for _, family := range families {
		addrs := family.addrs
		b.Run(family.name, func(b *testing.B) {
			b.ReportAllocs()
			sink, i := geodata.PlaceID(0), 0
			for b.Loop() {
				id, prefix := table.Lookup(addrs[i])
				sink += id + geodata.PlaceID(prefix.Bits())
				if i++; i == len(addrs) {
					i = 0
				}
			}
			runtime.KeepAlive(sink)
		})
	}
}

// BenchmarkOpen also says how much an open table holds.
func BenchmarkOpen(b *testing.B) {
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	table, err := embedded.Open()
	if err != nil {
		b.Fatal(err)
	}
	held := heap() - before
	runtime.KeepAlive(table)
	start, n := time.Now(), 0
	for b.Loop() {
		if _, err := embedded.Open(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(time.Since(start).Milliseconds())/float64(n), "ms/open")
	b.ReportMetric(float64(held)/(1<<20), "MiB-heap")
}

// BenchmarkLookupResolver looks for as many resolvers as the largest public ones have networks, and beside them.
func BenchmarkLookupResolver(b *testing.B) {
	base, err := embedded.Open()
	if err != nil {
		b.Fatal(err)
	}
	addrs := random4(randomAddresses)
	var builder geodata.Builder
	builder.Table(base)
	layer := builder.Resolvers("list")
	for i, addr := range addrs[:10_000] {
		prefix, _ := addr.Prefix(26)
		if err := layer.Add(prefix, at(int32(i%100), 0)); err != nil {
			b.Fatal(err)
		}
	}
	table, err := builder.Build(geodata.Origin{})
	if err != nil {
		b.Fatal(err)
	}
	for _, known := range []struct {
		name  string
		table *geodata.Table
	}{{"none", base}, {"10,000", table}} {
		b.Run(known.name, func(b *testing.B) {
			b.ReportAllocs()
			sink, i := geodata.PlaceID(0), 0
			for b.Loop() {
				sink += known.table.LookupResolver(addrs[i])
				if i++; i == len(addrs) {
					i = 0
				}
			}
			runtime.KeepAlive(sink)
		})
	}
}
