package bus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"time"

	"github.com/nats-io/nats.go"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// How a member's connection behaves.
const (
	dialTimeout = 3 * time.Second
	// A bus that is gone without a word is noticed after pingInterval * (maxPings + 1).
	pingInterval = 5 * time.Second
	maxPings     = 2
	// Attempts begin at firstRetry apart and slow down to lastRetry, each with 50 % of jitter.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// run connects, renews, and ends the connection with m.ctx.
func (m *Member) run() {
	closed := make(chan struct{})
	nc, err := nats.Connect("", m.options(closed)...)
	if err != nil { // only options can be wrong, and Dial has checked what they are made of
		m.cfg.Logger.Error("the bus cannot be dialled", "member", m.name, "error", err)
		return
	}
	m.conn.Store(nc)
	close(m.ready)
	m.wg.Go(m.sendReports)
	m.keepRenewed()
	m.connected.Store(false)
	nc.Close()
	<-closed
}

func (m *Member) options(closed chan<- struct{}) []nats.Option {
	creds := m.Credentials()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(creds.CA))
	return []nats.Option{
		func(o *nats.Options) error { o.Servers = creds.URLs; return nil },
		nats.Name(m.name), nats.CustomInboxPrefix(wire.InboxPrefix(m.name)),
		nats.Secure(&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool}),
		nats.UserJWT(m.userJWT, m.key.Sign),
		nats.SetCustomDialer(dialer{m.ctx}), nats.Timeout(dialTimeout), nats.IgnoreDiscoveredServers(),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(retryDelay), nats.ReconnectBufSize(-1), nats.FlusherTimeout(dialTimeout),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(maxPings),
		nats.ConnectHandler(m.up), nats.ReconnectHandler(m.up), nats.DisconnectErrHandler(m.down),
		nats.ReconnectErrHandler(m.failed), nats.ErrorHandler(func(nc *nats.Conn, _ *nats.Subscription, err error) { m.failed(nc, err) }),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
	}
}

// dialer makes connections that end with the member's context, also while the bus has yet to say its first word.
type dialer struct{ ctx context.Context }

func (d dialer) Dial(network, address string) (net.Conn, error) {
	direct := net.Dialer{Timeout: dialTimeout, KeepAlive: pingInterval}
	conn, err := direct.DialContext(d.ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &boundConn{Conn: conn, release: context.AfterFunc(d.ctx, func() { _ = conn.Close() })}, nil
}

// boundConn is a connection that a context closes, unless it was closed before.
type boundConn struct {
	net.Conn
	release func() bool
}

func (c *boundConn) Close() error {
	c.release()
	return c.Conn.Close()
}

func (m *Member) userJWT() (string, error) {
	return m.Credentials().JWT, nil
}

// retryDelay spreads members that lost the same bus.
func retryDelay(rounds int) time.Duration {
	delay := lastRetry
	if rounds < 6 {
		delay = min(lastRetry, firstRetry<<max(rounds-1, 0))
	}
	return jitter(delay, 50)
}

// jitter is d, more or less by up to percent.
func jitter(d time.Duration, percent int64) time.Duration {
	span := int64(d) * percent / 100
	if span <= 0 {
		return d
	}
	return d + time.Duration(rand.Int64N(2*span)-span)
}

func (m *Member) up(nc *nats.Conn) {
	m.count.connects.Add(1)
	m.conn.Store(nc) // the first connection can be made before Connect has returned
	m.mu.Lock()
	m.connected.Store(true)
	for wake := range m.watchers {
		poke(wake)
	}
	m.mu.Unlock()
	m.cfg.Logger.Info("bus connected", "member", m.name, "url", nc.ConnectedUrlRedacted())
}

func (m *Member) down(_ *nats.Conn, err error) {
	m.count.disconnects.Add(1)
	m.mu.Lock()
	m.connected.Store(false)
	m.offlineSince = time.Now()
	m.mu.Unlock()
	if m.ctx.Err() == nil {
		m.cfg.Logger.Warn("bus disconnected, reconnecting", "member", m.name, "error", err)
	}
}

// failed is told of failed attempts and of what the server refuses.
func (m *Member) failed(_ *nats.Conn, err error) {
	if isRefusal(err) {
		poke(m.refused)
	}
	m.cfg.Logger.Debug("bus error", "member", m.name, "error", err)
}

// isRefusal says whether the bus refused the JWT.
func isRefusal(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) ||
		errors.Is(err, nats.ErrAuthRevoked) || errors.Is(err, nats.ErrAccountAuthExpired)
}

// watch makes a channel that takes a signal whenever the bus is connected.
func (m *Member) watch() chan struct{} {
	wake := make(chan struct{}, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watchers[wake] = struct{}{}
	return wake
}

func (m *Member) unwatch(wake chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.watchers, wake)
}

// poke leaves a signal unless one is waiting.
func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
