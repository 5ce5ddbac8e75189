package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb/plan"
)

// lookups is how many addresses are looked up in turns, half of either family.
const lookups = 200_000

// measureLookup prints the mean time of a lookup: of random addresses of IPv4 and of 2000::/3 in turns, of either family
// alone, and of IPv6 by record, where clients are and nothing is near the addresses looked up before.
func measureLookup(table, truth *geodata.Table) error {
	random := rand.New(rand.NewPCG(40, 40))
	next6 := byRecord6(truth, random)
	v4, v6, used6 := make([]netip.Addr, lookups/2), make([]netip.Addr, lookups/2), make([]netip.Addr, lookups/2)
	for i := range v4 {
		v4[i], v6[i], used6[i] = address4(random.Uint32()), address6(random), next6()
	}
	mixed := append(append([]netip.Addr(nil), v4...), v6...)
	random.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	total := int64(0)
	for _, set := range []struct {
		suffix string
		addrs  []netip.Addr
	}{{"", mixed}, {"_v4", v4}, {"_v6", v6}, {"_v6_by_record", used6}} {
		ns, allocs := timed(table, set.addrs)
		fmt.Printf("result geo.lookup%s %.1f ns\n", set.suffix, ns)
		total += allocs
	}
	fmt.Printf("result geo.lookup_allocs %d allocs\n", total)
	if total > 0 {
		return errors.New("lookups allocate; see geodata's TestLookupDoesNotAllocate")
	}
	return nil
}

// address6 is a random address of the space that is handed out.
func address6(random *rand.Rand) netip.Addr {
	octets := binary.BigEndian.AppendUint64(nil, random.Uint64()>>3|1<<61)
	return netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(octets, random.Uint64())))
}

func timed(table *geodata.Table, addrs []netip.Addr) (ns float64, allocs int64) {
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		sink, i := geodata.PlaceID(0), 0
		for b.Loop() {
			id, bits := table.Find(addrs[i])
			sink += id + geodata.PlaceID(bits)
			if i++; i == len(addrs) {
				i = 0
			}
		}
		runtime.KeepAlive(sink)
	})
	return float64(r.T.Nanoseconds()) / float64(r.N), r.AllocsPerOp()
}

// measureClasses prints what one more set of 64 sites costs once the places are known, with the defaults of a service.
func measureClasses(geo *plan.Geo) {
	before := heap()
	start := time.Now()
	classes := geo.Classes(placed(), nil, plan.DefaultRounding)
	took := time.Since(start)
	fmt.Printf("result geo.classes_time %d ms\n", took.Milliseconds())
	fmt.Printf("result geo.classes_memory %.1f MB\n", float64(heap()-before)/(1<<20))
	fmt.Printf("classes: %d of %d places\n", classes.Len(), geo.Table.Places())
	runtime.KeepAlive(classes)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
