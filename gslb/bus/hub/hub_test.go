package hub

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tidegate.dev/tidegate/gslb/bus/authority"
	"tidegate.dev/tidegate/gslb/bus/server"
)

// TestConnectsAgain: the embedded bus ends the hub's connection when its JWT expires; the hub goes on with a new one.
func TestConnectsAgain(t *testing.T) {
	a, err := authority.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(t.Context(), server.Config{Authority: a, Listen: "127.0.0.1:0", StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	connected := make(chan struct{}, 10)
	h, err := Open(t.Context(), Config{Authority: a, Embedded: s, Connected: func(context.Context) { connected <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	<-connected
	first, err := h.newestUser()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.nc.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-connected:
	case <-time.After(10 * time.Second):
		t.Fatal("not connected again")
	}
	if second, _ := h.newestUser(); second == first {
		t.Error("the old JWT was used again")
	}
	if err := h.PutInventory(t.Context(), "fra", []byte("x")); err != nil {
		t.Error(err)
	}
}

func (h *Hub) newestUser() (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.user.JWT, nil
}

func TestOutdated(t *testing.T) {
	var infos []*jetstream.ObjectInfo
	for i, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"} {
		infos = append(infos, &jetstream.ObjectInfo{
			ObjectMeta: jetstream.ObjectMeta{Name: name}, ModTime: time.Unix(int64(100-i), 0),
		})
	}
	got := outdated(infos, keepMaps)
	if len(got) != 3 || got[0].Name != "k" || got[2].Name != "m" {
		t.Errorf("outdated %v", got)
	}
}

func TestLimiter(t *testing.T) {
	l := limiter{perSecond: 2}
	now := time.Unix(1, 0)
	for i, want := range []bool{true, true, false} {
		if got := l.allow("fra", now); got != want {
			t.Errorf("message %d: %v", i, got)
		}
	}
	if !l.allow("pek", now) || !l.allow("fra", now.Add(time.Second)) {
		t.Error("another member or second is limited")
	}
}
