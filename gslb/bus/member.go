package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// Config tunes a Member. The zero value is fine.
type Config struct {
	// Logger takes what happens to the connection; nil is slog.Default.
	Logger *slog.Logger
	// Saved is called with renewed credentials, to be written back; nil keeps them in memory only. An error is logged.
	Saved func(Credentials) error
	// Renew asks the hub for a new JWT beside the bus (join.Renew does), which is needed once the old one has expired
	// or a bus refuses it; nil: such a member stays off the bus.
	Renew func(context.Context, Credentials) (jwt string, err error)
	// Reread is how often the head or the inventory is asked for without a note, with 20 % of jitter; 0 is 5 s.
	Reread time.Duration
}

// Errors that a caller branches on.
var (
	// ErrOffline: not connected now. What was to be sent is dropped.
	ErrOffline = errors.New("the bus is not connected")
	// ErrNotFound: the bus does not hold what was asked for.
	ErrNotFound = errors.New("not on the bus")
	// ErrRefused: the hub does not give it to this member.
	ErrRefused = errors.New("refused by the hub")
	// ErrTooLarge: more than a message can carry.
	ErrTooLarge = errors.New("too large for the bus")
)

// Counters count what happened to a Member since Dial.
type Counters struct {
	Connects, Disconnects, ReportsSent, ReportsDropped, Renewals, RenewalErrors, DeliveryErrors uint64
}

// counters are Counters while they count.
type counters struct {
	connects, disconnects, reportsSent, reportsDropped, renewals, renewalErrors, deliveryErrors atomic.Uint64
}

// Member is one member's connection. Its methods may be called from several goroutines.
type Member struct {
	cfg    Config
	name   string
	key    nkeys.KeyPair
	public string
	count  counters

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	conn      atomic.Pointer[nats.Conn]
	connected atomic.Bool
	// reports wait here for sendReports.
	reports chan *nats.Msg
	// ready is closed once conn is set; it may not be connected then.
	ready chan struct{}
	// refused takes a signal when the bus does not accept the JWT.
	refused chan struct{}

	mu       sync.Mutex
	creds    Credentials
	watchers map[chan struct{}]struct{}
	// offlineSince is when the connection was lost, or Dial.
	offlineSince time.Time
}

// reportsQueued is how many reports wait for the connection. They are sent within microseconds unless it stands still.
const reportsQueued = 64

// Dial starts the member's connection and returns at once, connected or not; the only errors are those of the
// credentials. The connection is made and kept until ctx ends or Close is called.
func Dial(ctx context.Context, creds Credentials, cfg Config) (*Member, error) {
	if err := creds.Check(); err != nil {
		return nil, err
	}
	key, err := nkeys.FromSeed([]byte(creds.Seed))
	if err != nil {
		return nil, fmt.Errorf("%w: seed: %w", ErrCredentials, err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("%w: seed: %w", ErrCredentials, err)
	}
	m := &Member{
		cfg: cfg.withDefaults(), name: creds.Name, key: key, public: public, creds: creds,
		reports: make(chan *nats.Msg, reportsQueued), ready: make(chan struct{}), refused: make(chan struct{}, 1),
		watchers: map[chan struct{}]struct{}{}, offlineSince: time.Now(),
	}
	m.ctx, m.cancel = context.WithCancel(ctx)
	m.wg.Go(m.run)
	return m, nil
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Reread <= 0 {
		c.Reread = 5 * time.Second
	}
	return c
}

// Close ends the connection and waits for everything that Dial started.
func (m *Member) Close() {
	m.cancel()
	m.wg.Wait()
}

// Connected says whether the bus is connected now.
func (m *Member) Connected() bool { return m.connected.Load() }

// WaitConnected returns nil once the bus is connected, or ctx's error. After Close it returns ErrOffline.
func (m *Member) WaitConnected(ctx context.Context) error {
	wake := m.watch()
	defer m.unwatch(wake)
	for !m.Connected() {
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		case <-m.ctx.Done():
			return ErrOffline
		}
	}
	return nil
}

// Credentials are those in use, with the newest JWT.
func (m *Member) Credentials() Credentials {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.creds
}

// Counters are what happened so far.
func (m *Member) Counters() Counters {
	c := &m.count
	return Counters{
		Connects: c.connects.Load(), Disconnects: c.disconnects.Load(),
		ReportsSent: c.reportsSent.Load(), ReportsDropped: c.reportsDropped.Load(),
		Renewals: c.renewals.Load(), RenewalErrors: c.renewalErrors.Load(), DeliveryErrors: c.deliveryErrors.Load(),
	}
}

// PublishReport sends one report of this member, at most 1 MiB with what the bus adds. It never blocks and never keeps
// a report for later: one that cannot go now is dropped with ErrOffline, since a newer one will follow.
func (m *Member) PublishReport(data []byte) error {
	err := m.queueReport(data)
	if err != nil {
		m.count.reportsDropped.Add(1)
		return fmt.Errorf("report to the hub: %w", err)
	}
	return nil
}

func (m *Member) queueReport(data []byte) error {
	msg := nats.NewMsg(wire.Report(m.name))
	msg.Header.Set(wire.ReportHeader, "1")
	msg.Data = data
	if size := msg.Size() - len(msg.Subject); size > wire.MaxPayloadBytes {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, size, wire.MaxPayloadBytes)
	}
	if !m.Connected() {
		return ErrOffline
	}
	msg.Data = bytes.Clone(data)
	select {
	case m.reports <- msg:
		return nil
	default:
		return fmt.Errorf("%w: it does not take what it is sent", ErrOffline)
	}
}

// sendReports sends what PublishReport queued. It is apart since a bus that stands still holds up whoever writes.
func (m *Member) sendReports() {
	for {
		select {
		case msg := <-m.reports:
			if err := m.conn.Load().PublishMsg(msg); err != nil {
				m.count.reportsDropped.Add(1)
				continue
			}
			m.count.reportsSent.Add(1)
		case <-m.ctx.Done():
			return
		}
	}
}
