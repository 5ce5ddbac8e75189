// Package bustest runs a whole bus over loopback for tests: authority, embedded server with TLS, hub and members.
//
// Tests of packages that speak on the bus start one; nothing else may import it.
package bustest

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
	"tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/bus/server"
)

// Timeout bounds every wait of this package and is a good bound for those of tests.
const Timeout = 10 * time.Second

// Bus is a running bus. Stop and Start restart it at the same address.
type Bus struct {
	Authority *authority.Authority
	Server    *server.Server
	Hub       *hub.Hub
	// Connected is Hub's Config.Connected of the next Start.
	Connected func(context.Context)

	t      testing.TB
	listen string
	dir    string
}

// Start runs a new bus until the test ends.
func Start(t testing.TB) *Bus {
	t.Helper()
	a, err := authority.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	b := &Bus{Authority: a, t: t, listen: "127.0.0.1:0", dir: t.TempDir()}
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

// Around is a bus that the caller runs; the hub is closed with the test.
func Around(t testing.TB, a *authority.Authority, h *hub.Hub, listen string) *Bus {
	b := &Bus{Authority: a, Hub: h, t: t, listen: listen}
	t.Cleanup(b.Stop)
	return b
}

// Start starts a stopped bus again, with its authority as it was saved.
func (b *Bus) Start() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), Timeout)
	defer cancel()
	var err error
	b.Server, err = server.Start(ctx, server.Config{Authority: b.Authority, Listen: b.listen, StoreDir: b.dir, Logger: Logger(b.t)})
	if err != nil {
		b.t.Fatal(err)
	}
	b.listen = b.Server.URL()[len("tls://"):]
	b.Hub, err = hub.Open(ctx, hub.Config{Authority: b.Authority, Embedded: b.Server, Connected: b.Connected, Logger: Logger(b.t)})
	if err != nil {
		b.t.Fatal(err)
	}
}

// Stop ends the bus and its hub; a stopped one is left alone.
func (b *Bus) Stop() {
	if b.Hub != nil {
		b.Hub.Close()
		b.Hub = nil
	}
	if b.Server != nil {
		b.Server.Close()
		b.Server = nil
	}
}

// Wipe gives a stopped bus an empty disk.
func (b *Bus) Wipe() { b.dir = b.t.TempDir() }

// Restore makes a stopped bus start with an authority's saved value.
func (b *Bus) Restore(value []byte) {
	b.t.Helper()
	a, err := authority.Parse(value)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Authority = a
}

// MoveQuietly moves the head and tells nobody.
func (b *Bus) MoveQuietly(head []byte) {
	b.t.Helper()
	kv, err := b.jetStream().KeyValue(b.t.Context(), "map")
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := kv.Put(b.t.Context(), "head", head); err != nil {
		b.t.Fatal(err)
	}
}

// Maps tells whether the bus holds the map of a digest, asked of the bus itself.
func (b *Bus) Maps() func(digest string) bool { return b.holds("maps") }

// Tables tells whether the bus holds the geo table of a digest, asked of the bus itself.
func (b *Bus) Tables() func(digest string) bool { return b.holds("geo") }

func (b *Bus) holds(store string) func(digest string) bool {
	b.t.Helper()
	objects, err := b.jetStream().ObjectStore(b.t.Context(), store)
	if err != nil {
		b.t.Fatal(err)
	}
	return func(digest string) bool {
		_, err := objects.GetInfo(b.t.Context(), digest)
		if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
			b.t.Error(err)
		}
		return err == nil
	}
}

// DropBuckets loses everything that the hub keeps on the bus.
func (b *Bus) DropBuckets() {
	b.t.Helper()
	js := b.jetStream()
	for name := range js.StreamNames(b.t.Context()).Name() {
		if err := js.DeleteStream(b.t.Context(), name); err != nil {
			b.t.Fatal(err)
		}
	}
}

// jetStream is a second hub's view of the bus.
func (b *Bus) jetStream() jetstream.JetStream {
	b.t.Helper()
	user, err := b.Authority.HubUser(time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	nc, err := nats.Connect("", nats.InProcessServer(b.Server), nats.CustomInboxPrefix("_HUB"),
		nats.UserJWT(func() (string, error) { return user.JWT, nil }, user.Sign))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		b.t.Fatal(err)
	}
	return js
}

// Enroll makes a member and its credentials.
func (b *Bus) Enroll(role bus.Role, name string) bus.Credentials {
	b.t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		b.t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		b.t.Fatal(err)
	}
	seed, err := key.Seed()
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := b.Hub.Enroll(b.t.Context(), role, name, public)
	if err != nil {
		b.t.Fatal(err)
	}
	return bus.Credentials{
		Role: role, Name: name, URLs: []string{"tls://" + b.listen}, CA: string(b.Authority.CA()),
		JWT: text, Seed: string(seed),
	}
}

// Dial starts a member and waits until it is connected. It ends with the test.
func (b *Bus) Dial(creds bus.Credentials, cfg bus.Config) *bus.Member {
	b.t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = Logger(b.t)
	}
	m, err := bus.Dial(b.t.Context(), creds, cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(m.Close)
	ctx, cancel := context.WithTimeout(b.t.Context(), Timeout)
	defer cancel()
	if err := m.WaitConnected(ctx); err != nil {
		b.t.Fatal(err)
	}
	return m
}

// Member enrols a member and connects it.
func (b *Bus) Member(role bus.Role, name string) *bus.Member {
	b.t.Helper()
	return b.Dial(b.Enroll(role, name), bus.Config{})
}

// Logger writes into the test's output.
func Logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}
