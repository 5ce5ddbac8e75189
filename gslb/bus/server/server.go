// Package server runs a NATS server with JetStream inside the hub's process.
//
// It is the default bus; gslb/bus/authority says who may connect and gslb/bus/hub writes to it. Only cmd/tidegate-hub
// and tests start one, and a tidegate-dns that is told to embed the bus.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"strconv"
	"time"

	"github.com/nats-io/jwt/v2"
	nats "github.com/nats-io/nats-server/v2/server"

	"tidegate.dev/tidegate/gslb/bus/authority"
	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// Config says where the server listens and what it keeps.
type Config struct {
	// Authority gives the operator, the accounts and the server's certificate.
	Authority *authority.Authority
	// Listen is host:port for members; port 0 takes a free one.
	Listen string
	// Hosts are the names and IP addresses that members dial; the certificate is for them. Empty: localhost and its
	// addresses.
	Hosts []string
	// StoreDir is where JetStream keeps its streams. It may be empty or new: the hub publishes again.
	StoreDir string
	// Logger takes the server's log; nil is slog.Default.
	Logger *slog.Logger
}

// Server is a running NATS server.
type Server struct {
	nats     *nats.Server
	accounts *nats.MemAccResolver
}

// The bounds of one connection. A member that does not read is cut off once pendingBytes wait for it or writeDeadline
// has passed; one that is gone without a word, after pings.
const (
	pendingBytes  = 16 << 20
	writeDeadline = 5 * time.Second
	pingInterval  = 10 * time.Second
	maxPings      = 2
	maxStoreBytes = 8 << 30
)

// Start runs the server and returns once it takes connections. ctx bounds the start only; Close ends the server.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	opts, accounts, err := options(cfg)
	if err != nil {
		return nil, fmt.Errorf("start the bus: %w", err)
	}
	ns, err := nats.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("start the bus: %w", err)
	}
	s := &Server{nats: ns, accounts: accounts}
	logger := cfg.Logger
	if logger == nil {
		logger = slog.Default()
	}
	failed := &fatal{}
	ns.SetLoggerV2(&log{to: logger, fatal: failed}, false, false, false)
	ns.Start()
	if err := s.waitReady(ctx, failed); err != nil {
		s.Close()
		return nil, fmt.Errorf("start the bus on %s: %w", cfg.Listen, err)
	}
	return s, nil
}

func options(cfg Config) (*nats.Options, *nats.MemAccResolver, error) {
	host, port, err := splitListen(cfg.Listen)
	if err != nil {
		return nil, nil, err
	}
	operator, err := jwt.DecodeOperatorClaims(cfg.Authority.Operator())
	if err != nil {
		return nil, nil, err
	}
	accounts, err := resolver(cfg.Authority)
	if err != nil {
		return nil, nil, err
	}
	tls, err := cfg.Authority.TLS(cfg.Hosts)
	if err != nil {
		return nil, nil, err
	}
	return &nats.Options{
		ServerName: "tidegate", Host: host, Port: port, NoSigs: true,
		TrustedOperators: []*jwt.OperatorClaims{operator}, SystemAccount: operator.SystemAccount, AccountResolver: accounts,
		TLSConfig: tls, TLSTimeout: 5, AuthTimeout: 5,
		MaxPayload: wire.MaxPayloadBytes, MaxPending: pendingBytes, WriteDeadline: writeDeadline,
		PingInterval: pingInterval, MaxPingsOut: maxPings,
		JetStream: true, StoreDir: cfg.StoreDir, JetStreamMaxStore: maxStoreBytes, JetStreamMaxMemory: 64 << 20,
		DisableJetStreamBanner: true,
	}, accounts, nil
}

func splitListen(listen string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("port %q: %w", text, err)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if n == 0 {
		return host, nats.RANDOM_PORT, nil
	}
	return host, int(n), nil
}

func resolver(a *authority.Authority) (*nats.MemAccResolver, error) {
	accounts, err := a.Accounts()
	if err != nil {
		return nil, err
	}
	r := &nats.MemAccResolver{}
	for public, text := range accounts {
		if err := r.Store(public, text); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// waitReady polls, since the server has no other way to say that it runs.
func (s *Server) waitReady(ctx context.Context, failed *fatal) error {
	for {
		if s.nats.ReadyForConnections(20 * time.Millisecond) {
			return nil
		}
		if err := errors.Join(failed.err(), ctx.Err()); err != nil {
			return err
		}
	}
}

// Close ends all connections, writes JetStream's state and waits until the server is gone.
func (s *Server) Close() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// URL is where members connect on this machine, "tls://127.0.0.1:4222". Clients elsewhere dial one of Config.Hosts.
func (s *Server) URL() string {
	addr, ok := s.nats.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "tls://" + net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

// InProcessConn is a connection that needs no socket; the hub's.
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// UpdateAccount takes a newer account JWT. Connections that it revokes are cut before UpdateAccount returns. One that
// says the same as before changes nothing.
func (s *Server) UpdateAccount(_ context.Context, accountJWT string) error {
	if err := s.updateAccount(accountJWT); err != nil {
		return fmt.Errorf("update the bus' account: %w", err)
	}
	return nil
}

func (s *Server) updateAccount(accountJWT string) error {
	claims, err := jwt.DecodeAccountClaims(accountJWT)
	if err != nil {
		return err
	}
	current, err := s.accounts.Fetch(claims.Subject)
	if err != nil {
		return err
	}
	if before, err := jwt.DecodeAccountClaims(current); err == nil && reflect.DeepEqual(before.Account, claims.Account) {
		return nil
	}
	if err := s.accounts.Store(claims.Subject, accountJWT); err != nil {
		return err
	}
	account, err := s.nats.LookupAccount(claims.Subject)
	if err != nil {
		return err
	}
	s.nats.UpdateAccountClaims(account, claims)
	return nil
}
