package main

import (
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

// measureLookup prints the mean time and the allocations of a lookup.
func measureLookup(table, truth *geodata.Table) {
	random := rand.New(rand.NewPCG(40, 40))
	next6 := byRecord6(truth, random)
	v4, v6 := make([]netip.Addr, lookups/2), make([]netip.Addr, lookups/2)
	for i := range v4 {
		v4[i], v6[i] = address4(random.Uint32()), next6()
	}
	mixed := append(append([]netip.Addr(nil), v4...), v6...)
	random.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for _, set := range []struct {
		suffix string
		addrs  []netip.Addr
	}{{"_v4", v4}, {"_v6", v6}, {"", mixed}} {
		ns, allocs := timed(table, set.addrs)
		fmt.Printf("result geo.lookup%s %.1f ns\n", set.suffix, ns)
		if allocs > 0 {
			fmt.Printf("lookup%s: %d allocations\n", set.suffix, allocs)
		}
	}
}

func timed(table *geodata.Table, addrs []netip.Addr) (ns float64, allocs int64) {
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		sink := geodata.PlaceID(0)
		for i := 0; b.Loop(); i++ {
			id, _ := table.Lookup(addrs[i%len(addrs)])
			sink += id
		}
		runtime.KeepAlive(sink)
	})
	return float64(r.T.Nanoseconds()) / float64(r.N), r.AllocsPerOp()
}

// measureClasses prints what one more set of 64 sites costs once the places are known, with the defaults of a service.
func measureClasses(geo *plan.Geo) {
	before := heap()
	start := time.Now()
	classes := geo.Classes(locations(), nil, plan.DefaultRounding)
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
