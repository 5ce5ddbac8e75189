// Package bustest runs a whole bus over loopback for tests: authority, embedded server with TLS, hub and members.
//
// Tests of packages that speak on the bus start one; nothing else may import it.
package bustest

import (
	"context"
	"log/slog"
	"testing"
	"time"

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
