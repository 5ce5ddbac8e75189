package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
		time.Sleep(10 * time.Millisecond)
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

// collect receives reports in the background.
func collect(t *testing.T, b *bustest.Bus) <-chan hub.Report {
	reports := make(chan hub.Report, 10_000)
	h := b.Hub
	before := h.Counters().ReportStreams
	run(t, func(ctx context.Context) { _ = h.Reports(ctx, func(r hub.Report) { reports <- r }) })
	eventually(t, "reports are received", func() bool { return h.Counters().ReportStreams > before })
	return reports
}

// publish stores a map and makes a head that names it.
func publish(t *testing.T, h *hub.Hub, data, head []byte, expected hub.Revision) hub.Revision {
	t.Helper()
	digest, err := h.PublishMap(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	at, err := h.MoveHead(t.Context(), head, digest, expected)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestMoveHeadCompares(t *testing.T) {
	b := bustest.Start(t)
	if _, _, err := b.Hub.Head(t.Context()); !errors.Is(err, hub.ErrNotFound) {
		t.Fatalf("head of an empty bus: %v", err)
	}
	at := publish(t, b.Hub, []byte("a"), []byte("head a"), hub.NoHead)
	next := publish(t, b.Hub, []byte("b"), []byte("head b"), at)
	digest, err := b.Hub.PublishMap(t.Context(), []byte("late"))
	if err != nil {
		t.Fatal(err)
	}
	for _, stale := range []hub.Revision{hub.NoHead, at, next + 1} {
		if _, err := b.Hub.MoveHead(t.Context(), []byte("late"), digest, stale); !errors.Is(err, hub.ErrConflict) {
			t.Errorf("move at revision %d: %v, want a conflict", stale, err)
		}
	}
	if _, err := b.Hub.MoveHead(t.Context(), []byte("x"), "sha256:none", next); !errors.Is(err, hub.ErrNotFound) {
		t.Errorf("move to a map that is not there: %v", err)
	}
	head, revision, err := b.Hub.Head(t.Context())
	if err != nil || string(head) != "head b" || revision != next {
		t.Errorf("head %q at %d, %v", head, revision, err)
	}
	if got := b.Hub.Counters().Conflicts; got != 3 {
		t.Errorf("%d conflicts counted", got)
	}
}

func TestLargeMap(t *testing.T) {
	b := bustest.Start(t)
	m := b.Member(bus.NameServer, "ns1")
	data := make([]byte, 5<<20)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(data)
	digest, err := b.Hub.PublishMap(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got, err := m.FetchMap(t.Context(), digest)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	t.Logf("5 MiB fetched in %v", time.Since(began))
	b.Stop() // another hub has it in no memory
	b.Start()
	eventually(t, "the map comes from the bus' disk", func() bool {
		got, err := m.FetchMap(t.Context(), digest)
		return err == nil && bytes.Equal(got, data)
	})
	if _, err := m.FetchMap(t.Context(), "sha256:none"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("a map that is not there: %v", err)
	}
	if _, err := b.Hub.PublishMap(t.Context(), make([]byte, 64<<20+1)); err == nil {
		t.Error("a map over the limit was published")
	}
}

func TestOldMapsGo(t *testing.T) {
	b := bustest.Start(t)
	there := b.Maps()
	var digests []string
	at := hub.NoHead
	for i := range 15 {
		data := fmt.Appendf(nil, "map %d", i)
		digest, err := b.Hub.PublishMap(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		if i == 14 { // a rollback, while newer maps are there
			digest = digests[3]
		}
		digests = append(digests, digest)
		next, err := b.Hub.MoveHead(t.Context(), data, digest, at)
		if i == 14 && errors.Is(err, hub.ErrNotFound) { // gone already: publish it again, as the hub does
			next, err = publish(t, b.Hub, []byte("map 3"), data, at), nil
		}
		if err != nil {
			t.Fatal(err)
		}
		at = next
	}
	eventually(t, "the oldest are gone", func() bool { return !there(digests[0]) && !there(digests[1]) })
	for _, digest := range digests[6:14] {
		if !there(digest) {
			t.Errorf("%s is gone", digest)
		}
	}
	if _, err := b.Member(bus.NameServer, "ns1").FetchMap(t.Context(), digests[14]); err != nil {
		t.Errorf("the head's map: %v", err)
	}
}

func TestFailedDeliveryComesAgain(t *testing.T) {
	b := bustest.Start(t)
	m := b.Dial(b.Enroll(bus.NameServer, "ns1"), bus.Config{Reread: 20 * time.Millisecond})
	publish(t, b.Hub, []byte("map"), []byte("head"), hub.NoHead)
	calls := make(chan int, 100)
	n := 0
	run(t, func(ctx context.Context) {
		_ = m.FollowMap(ctx, func(context.Context, []byte) error {
			n++
			calls <- n
			if n < 3 {
				return errors.New("not now")
			}
			return nil
		})
	})
	for range 3 {
		take(t, calls, "delivery")
	}
	select {
	case <-calls:
		t.Error("a head that was taken is delivered again")
	case <-time.After(200 * time.Millisecond):
	}
}

// TestLostNote: a head that moves without a note arrives by the next reading.
func TestLostNote(t *testing.T) {
	b := bustest.Start(t)
	m := b.Dial(b.Enroll(bus.NameServer, "ns1"), bus.Config{Reread: 50 * time.Millisecond})
	heads := followMap(t, m)
	publish(t, b.Hub, []byte("map"), []byte("head"), hub.NoHead)
	take(t, heads, "head")
	b.MoveQuietly([]byte("quiet"))
	if got := take(t, heads, "head without a note"); string(got.data) != "quiet" {
		t.Errorf("head %q", got.data)
	}
}

func TestWorkReachesItsSite(t *testing.T) {
	b := bustest.Start(t)
	m := b.Member(bus.Site, "fra")
	inventories := make(chan string, 100)
	run(t, func(ctx context.Context) {
		_ = m.FollowWork(ctx, func(_ context.Context, inventory []byte) error {
			inventories <- string(inventory)
			return nil
		})
	})
	key := "shop/Deployment/chat"
	if err := b.Hub.PutBundle(t.Context(), "fra", key, []byte("bundle")); err != nil {
		t.Fatal(err)
	}
	if err := b.Hub.PutBundle(t.Context(), "pek", key, []byte("pek's bundle")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := b.Hub.PutInventory(t.Context(), "fra", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if got := take(t, inventories, "inventory"); got != "one" {
		t.Errorf("inventory %q", got)
	}
	t.Logf("inventory put -> delivered in %v", time.Since(began))
	if got, err := m.FetchBundle(t.Context(), key); err != nil || string(got) != "bundle" {
		t.Errorf("bundle %q, %v", got, err)
	}
	for _, wrong := range []string{"none", "", ">", "*", "../inventory", "x y"} {
		if _, err := m.FetchBundle(t.Context(), wrong); !errors.Is(err, bus.ErrNotFound) {
			t.Errorf("bundle %q: %v, want none", wrong, err)
		}
	}
	if keys, err := b.Hub.Bundles(t.Context(), "fra"); err != nil || len(keys) != 1 || keys[0] != key {
		t.Errorf("bundles %q, %v", keys, err)
	}
	if err := b.Hub.DeleteBundle(t.Context(), "fra", key); err != nil {
		t.Fatal(err)
	}
	if _, err := m.FetchBundle(t.Context(), key); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("a deleted bundle: %v", err)
	}
	if keys, err := b.Hub.Bundles(t.Context(), "fra"); err != nil || len(keys) != 0 {
		t.Errorf("bundles %q, %v", keys, err)
	}
	if err := b.Hub.PutBundle(t.Context(), "fra", key, make([]byte, 1<<20)); err == nil {
		t.Error("a bundle over the limit was put")
	}
}

// TestWipedBus: the bus and its disk are lost; members come back by themselves and get what the hub publishes again.
func TestWipedBus(t *testing.T) {
	b := bustest.Start(t)
	ns, site := b.Member(bus.NameServer, "ns1"), b.Member(bus.Site, "fra")
	heads := followMap(t, ns)
	publish(t, b.Hub, []byte("map"), []byte("head 1"), hub.NoHead)
	take(t, heads, "head")
	value, err := b.Authority.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b.Stop()
	b.Wipe()
	b.Restore(value)
	stopped := time.Now()
	b.Start()
	at := publish(t, b.Hub, []byte("map"), []byte("head 2"), hub.NoHead)
	if got := take(t, heads, "head of the new bus"); string(got.data) != "head 2" || at == hub.NoHead {
		t.Errorf("head %q", got.data)
	}
	t.Logf("bus gone -> wiped, started, members back, head delivered in %v", time.Since(stopped))
	reports := collect(t, b)
	eventually(t, "the site reports again", func() bool { return site.PublishReport([]byte("r")) == nil })
	if got := take(t, reports, "report"); got.Sender != "fra" {
		t.Errorf("report of %s", got.Sender)
	}
}

// TestLostBuckets: an external bus loses its disk under a hub that runs.
func TestLostBuckets(t *testing.T) {
	b := bustest.Start(t)
	again := make(chan struct{}, 10)
	b.Connected = func(context.Context) { again <- struct{}{} }
	b.Stop()
	b.Start()
	take(t, again, "first connection")
	publish(t, b.Hub, []byte("map"), []byte("head"), hub.NoHead)
	b.DropBuckets()
	publish(t, b.Hub, []byte("map 2"), []byte("head 2"), hub.NoHead)
	take(t, again, "call to publish again")
}

// TestHubAfterMembers: members that connected before the hub answers get the head when it does, not at the next reading.
func TestHubAfterMembers(t *testing.T) {
	b := bustest.Start(t)
	publish(t, b.Hub, []byte("map"), []byte("head"), hub.NoHead)
	creds := b.Enroll(bus.NameServer, "ns1")
	b.Hub.Close()
	m := b.Dial(creds, bus.Config{Reread: time.Hour})
	heads := followMap(t, m)
	var err error
	b.Hub, err = hub.Open(t.Context(), hub.Config{Authority: b.Authority, Embedded: b.Server, Logger: bustest.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	take(t, heads, "head")
}
