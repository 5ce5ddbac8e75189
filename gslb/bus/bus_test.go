package bus_test

import (
	"context"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/bustest"
	"tidegate.dev/tidegate/gslb/bus/hub"
)

// take waits for a value.
func take[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(bustest.Timeout):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(bustest.Timeout); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in %v: %s", bustest.Timeout, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// run calls f in a goroutine that has ended when the test ends.
func run(t *testing.T, f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// delivered is what a follower got, and when.
type delivered struct {
	data []byte
	at   time.Time
}

// followMap follows the map in the background.
func followMap(t *testing.T, m *bus.Member) <-chan delivered {
	heads := make(chan delivered, 100)
	run(t, func(ctx context.Context) {
		_ = m.FollowMap(ctx, func(_ context.Context, head []byte) error {
			heads <- delivered{head, time.Now()}
			return nil
		})
	})
	return heads
}

func TestMapReachesNameServers(t *testing.T) {
	b := bustest.Start(t)
	one, two := followMap(t, b.Member(bus.NameServer, "ns1")), followMap(t, b.Member(bus.NameServer, "ns2"))
	digest, err := b.Hub.PublishMap(t.Context(), []byte("a map"))
	if err != nil {
		t.Fatal(err)
	}
	at, err := b.Hub.MoveHead(t.Context(), []byte("head 1"), digest, hub.NoHead)
	if err != nil {
		t.Fatal(err)
	}
	for _, heads := range []<-chan delivered{one, two} {
		if got := take(t, heads, "head"); string(got.data) != "head 1" {
			t.Errorf("head %q", got.data)
		}
	}
	moved := time.Now()
	if _, err := b.Hub.MoveHead(t.Context(), []byte("head 2"), digest, at); err != nil {
		t.Fatal(err)
	}
	for _, heads := range []<-chan delivered{one, two} {
		got := take(t, heads, "head")
		t.Logf("head moved -> delivered in %v", got.at.Sub(moved))
		if string(got.data) != "head 2" || got.at.Sub(moved) > 500*time.Millisecond {
			t.Errorf("head %q after %v", got.data, got.at.Sub(moved))
		}
	}
}
