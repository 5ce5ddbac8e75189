package node

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// geoSwaps is how many swaps the test makes. `make bench-geo` sets more by TIDEGATE_GEO_SWAPS, and gets a result line.
const geoSwaps = 100

// Swaps under queries: every answer is that of the table of its snapshot.
func TestGeoSwapsUnderQueries(t *testing.T) {
	swaps := geoSwaps
	if set := os.Getenv("TIDEGATE_GEO_SWAPS"); set != "" {
		var err error
		if swaps, err = strconv.Atoi(set); err != nil {
			t.Fatalf("TIDEGATE_GEO_SWAPS=%q: want a number", set)
		}
	}
	tables := [2]*plan.Geo{geoOf(t, june, geoClients[0], geoClients[4]), geoOf(t, june, geoClients[1], geoClients[2], geoClients[5])}
	right := map[string]map[string]gslb.SiteID{}
	for i, west := range [2][]string{{geoClients[0], geoClients[4]}, {geoClients[1], geoClients[2], geoClients[5]}} {
		sites := map[string]gslb.SiteID{}
		for _, client := range geoClients {
			sites[client] = "s00"
		}
		for _, client := range west {
			sites[client] = "s01"
		}
		right[tables[i].Table.Digest()] = sites
	}
	prepared := sync.Map{} // what was prepared for the DNS engine before it was served
	r := startWith(t, "", Config{Geo: tables[0], GeoFrom: GeoFiles, Prepare: func(c *plan.Compiled, _ uint64) { prepared.Store(c, true) }})
	defer r.stop()
	if err := r.offer(1, nearMap()); err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	var asked, wrong atomic.Int64
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			for i := 0; !done.Load(); i++ {
				snapshot, client := r.Store().Load(), geoClients[i%len(geoClients)]
				asked.Add(1)
				want, known := right[snapshot.Plan.Geo.Table.Digest()][client]
				if _, ready := prepared.Load(snapshot.Plan); !known || !ready || siteFor(snapshot, client) != want {
					wrong.Add(1)
				}
				if i%1000 == 0 {
					time.Sleep(time.Millisecond) // or nobody else gets to the processors
				}
			}
		})
	}
	for i := range swaps {
		next := tables[(i+1)%2]
		if err := r.ProposeGeo(t.Context(), GeoProposal{Geo: next, From: GeoFiles, Meant: true}); err != nil {
			t.Fatal(err)
		}
		if got := r.Store().Load().Plan.Geo; got != next {
			t.Fatalf("swap %d: another table is served", i)
		}
	}
	done.Store(true)
	running.Wait()
	if wrong.Load() != 0 || asked.Load() < int64(swaps) || r.Status().GeoReloads["taken"] != uint64(swaps) {
		t.Errorf("%d of %d answers are wrong, counted %v", wrong.Load(), asked.Load(), r.Status().GeoReloads)
	}
	t.Logf("%d swaps, %d queries", swaps, asked.Load())
	if swaps != geoSwaps {
		fmt.Printf("result geo.swap_wrong %d answers\n", wrong.Load())
	}
}

// A map that comes while a table is compiled is not lost: it is the one that is served with the table.
func TestMapWhileATableIsCompiled(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoOf(t, june), GeoFrom: GeoFiles})
	defer r.stop()
	if err := r.offer(1, nearMap()); err != nil {
		t.Fatal(err)
	}
	next := geoOf(t, june, geoClients[0])
	early := compileWith(next, r.Store().Load().Plan, nil)
	newer := nearMap()
	newer.Services[0].TTL = time.Minute
	if err := r.offer(2, newer); err != nil {
		t.Fatal(err)
	}
	if err := r.swapGeo(t.Context(), GeoProposal{Geo: next, From: GeoFiles}, early); err != nil {
		t.Fatal(err)
	}
	if s := r.Store().Load(); s.Generation != 2 || s.Plan.Services[0].Spec.TTL != time.Minute || s.Plan.Geo != next {
		t.Errorf("generation %d with TTL %v, with the table: %v", s.Generation, s.Plan.Services[0].Spec.TTL, s.Plan.Geo == next)
	}
}

// A table that comes while a map is compiled waits for it: else the map would bring the last table back.
func TestTableWhileAMapIsCompiled(t *testing.T) {
	var r *rig
	next := geoOf(t, june, geoClients[0])
	swapped := make(chan error, 1)
	comes := sync.OnceFunc(func() {
		go func() { swapped <- r.ProposeGeo(t.Context(), GeoProposal{Geo: next, From: GeoFiles, Meant: true}) }()
		for deadline := time.Now().Add(100 * time.Millisecond); len(swapped) == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond) // it must not be swapped in meanwhile
		}
	})
	r = startWith(t, "", Config{Geo: geoOf(t, june), GeoFrom: GeoFiles, Prepare: func(_ *plan.Compiled, generation uint64) {
		if generation == 2 { // the map is compiled, and not yet served
			comes()
		}
	}})
	defer r.stop()
	for generation := uint64(1); generation <= 2; generation++ {
		if err := r.offer(generation, nearMap()); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-swapped; err != nil {
		t.Fatal(err)
	}
	if s := r.Store().Load(); s.Generation != 2 || s.Plan.Geo != next || r.Status().GeoDigest != next.Table.Digest() {
		t.Errorf("generation %d, with the table: %v", s.Generation, s.Plan.Geo == next)
	}
}

// A map does not wait for a table that is being compiled: only for the moment of the swap.
func TestMapIsServedBetweenCompileAndSwap(t *testing.T) {
	geo := geoOf(t, june, geoClients[0])
	m := nearMap()
	early := compileWith(geo, plan.Compile(m, "one", geoOf(t, june), nil), nil)
	if early.Geo != geo || early.Map != m {
		t.Fatal("not compiled for the table")
	}
	if again := compileWith(geo, plan.Compile(m, "one", geoOf(t, june), nil), early); again != early {
		t.Error("the same map is compiled twice")
	}
	newer := plan.Compile(nearMap(), "two", geoOf(t, june), nil)
	late := compileWith(geo, newer, early)
	if late.Map != newer.Map || late.Geo != geo || late.Services[0].ByFamily[plan.IPv4].Classes != early.Services[0].ByFamily[plan.IPv4].Classes {
		t.Error("a newer map is not compiled from what is there")
	}
	if compileWith(geo, nil, nil) != nil {
		t.Error("no map is compiled")
	}
}
