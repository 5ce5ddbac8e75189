package bus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
	"tidegate.dev/tidegate/gslb/bus/bustest"
	"tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/bus/server"
)

// startExternal runs a plain NATS server from the files that the authority writes.
func startExternal(t *testing.T, a *authority.Authority, listen string) *natsserver.Server {
	t.Helper()
	dir := t.TempDir()
	files, err := a.Files(authority.External{Dir: dir, Listen: listen}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opts, err := natsserver.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	opts.NoLog, opts.NoSigs = true, true
	ns, err := natsserver.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(bustest.Timeout) {
		t.Fatal("the external server does not start")
	}
	return ns
}

// TestExternalBus: a NATS server of one's own with the authority's operator is the same bus; its disk is lost once.
func TestExternalBus(t *testing.T) {
	a, err := authority.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ns := startExternal(t, a, "127.0.0.1:-1")
	listen := ns.Addr().String()
	ctx, cancel := context.WithTimeout(t.Context(), bustest.Timeout)
	defer cancel()
	connected := make(chan struct{}, 10)
	h, err := hub.Open(ctx, hub.Config{
		Authority: a, URLs: []string{"tls://" + listen}, Logger: bustest.Logger(t),
		Connected: func(context.Context) { connected <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	b := bustest.Around(t, a, h, listen)
	take(t, connected, "first connection")
	heads := followMap(t, b.Member(bus.NameServer, "ns1"))
	publish(t, h, []byte("map"), []byte("head"), hub.NoHead)
	take(t, heads, "head")

	fra := b.Enroll(bus.Site, "fra")
	closed := raw(t, fra).StatusChanged(nats.CLOSED)
	began := time.Now()
	if err := h.Revoke(t.Context(), "fra"); err != nil {
		t.Fatal(err)
	}
	take(t, closed, "end of the revoked connection")
	t.Logf("revoke on an external bus -> connection cut in %v", time.Since(began))

	ns.Shutdown()
	ns.WaitForShutdown()
	startExternal(t, a, listen)
	take(t, connected, "call to publish again")
	publish(t, h, []byte("map"), []byte("head 2"), hub.NoHead)
	if got := take(t, heads, "head from the new disk"); string(got.data) != "head 2" {
		t.Errorf("head %q", got.data)
	}
	if _, err := rawConnect(fra); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a revoked member connects to the new server: %v", err)
	}
}

// TestPortInUse: the bus says why it does not start.
func TestPortInUse(t *testing.T) {
	b := bustest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), bustest.Timeout)
	defer cancel()
	_, err := server.Start(ctx, server.Config{
		Authority: b.Authority, Listen: b.Server.URL()[len("tls://"):], StoreDir: t.TempDir(), Logger: bustest.Logger(t),
	})
	if err == nil || ctx.Err() != nil {
		t.Errorf("a second bus on the same port: %v", err)
	}
	t.Log(err)
}

// TestSaveFails: a change that cannot be kept is not made.
func TestSaveFails(t *testing.T) {
	b := bustest.Start(t)
	b.Hub.Close()
	broken := errors.New("no Secret")
	h, err := hub.Open(t.Context(), hub.Config{
		Authority: b.Authority, Embedded: b.Server, Logger: bustest.Logger(t),
		Save: func(context.Context, []byte) error { return broken },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Hub = h
	creds := someCredentials(t)
	if _, err := h.Enroll(t.Context(), bus.Site, "fra", publicKey(t, creds)); !errors.Is(err, broken) {
		t.Errorf("enrol: %v", err)
	}
	if _, found := b.Authority.Member("fra"); found {
		t.Error("the member is enrolled all the same")
	}
}
