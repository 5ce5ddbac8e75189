package hub

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	bushub "tidegate.dev/tidegate/gslb/bus/hub"
)

// tableBus keeps what is put on it, and can fail or stand still.
type tableBus struct {
	Bus
	mu    sync.Mutex
	puts  []string
	fails error
	stuck bool
}

func (b *tableBus) PublishTable(ctx context.Context, digest string, _ []byte) error {
	b.mu.Lock()
	b.puts = append(b.puts, digest)
	fails, stuck := b.fails, b.stuck
	b.mu.Unlock()
	if stuck {
		<-ctx.Done()
		return ctx.Err()
	}
	return fails
}

func (b *tableBus) failWith(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails = err
}

func (b *tableBus) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.puts)
}

// The table is put on the bus, again after the bus was lost, and again while that fails; the status says so.
func TestGeoTableIsPutOnTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &tableBus{}
		l := newTestLoop(t, &memoryBus{})
		l.cfg.Bus = b
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); l.handOverGeo(ctx) }()
		expect := func(step string, puts int, trouble string) {
			t.Helper()
			synctest.Wait()
			if got := l.Status().GeoTrouble; b.count() != puts || got != trouble {
				t.Errorf("%s: put %v, trouble %q; want %d and %q", step, b.puts, got, puts, trouble)
			}
		}
		expect("no table", 0, "")
		l.BusConnected()
		expect("no table for the bus either", 0, "")
		l.SetGeo(GeoHandout{Digest: "one"})
		expect("a table", 1, "")
		l.BusConnected()
		expect("the bus lost its disk", 2, "")
		b.failWith(bushub.ErrNotFound)
		l.SetGeo(GeoHandout{Digest: "two"})
		expect("the bus does not take it", 3, bushub.ErrNotFound.Error())
		sleep(ctx, geoPause)
		expect("nor later", 4, bushub.ErrNotFound.Error())
		b.failWith(nil)
		sleep(ctx, geoPause)
		expect("now it does", 5, "")
		l.SetGeoTrouble("city.mmdb is cut short")
		expect("the newest files are broken", 5, "city.mmdb is cut short")
		l.SetGeo(GeoHandout{Digest: "three"})
		expect("mended", 6, "")
		cancel()
		<-ended
	})
}

// Maps are published while the bus stands still on a table.
func TestMapsDoNotWaitForTheGeoTable(t *testing.T) {
	maps := &memoryBus{}
	l := newTestLoop(t, maps)
	l.cfg.Bus = struct {
		*memoryBus
		TableBus
	}{maps, &tableBus{stuck: true}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); l.handOverGeo(ctx) }()
	l.SetGeo(GeoHandout{Digest: "one"})
	ready(t, l)
	in := Inputs{State: l.state.State, Head: l.bus.head, Handout: l.handout()}
	if err := l.publish(t.Context(), in, Outputs{Map: aMap(), Publish: true, State: l.state.State}); err != nil {
		t.Fatal(err)
	}
	if l.bus.head.GeoDigest != "one" || l.bus.head.Generation != 1 {
		t.Errorf("head %+v", l.bus.head)
	}
	cancel()
	<-ended
}
