// Package hub is the hub's side of the bus: the only writer of maps, heads and work, and the one that answers members.
//
// It keeps the head in a JetStream key-value bucket and moves it by compare-and-set, keeps maps and geo tables in object
// stores and work in another bucket, receives reports, and serves what members ask for (gslb/bus), each only its own. cmd/tidegate-hub
// and tests call it. It reads none of the bytes it carries.
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tidegate.dev/tidegate/gslb/bus/authority"
)

// Errors that a caller branches on.
var (
	// ErrConflict: the head is at another revision than expected; somebody else moved it.
	ErrConflict = errors.New("the head was moved by somebody else")
	// ErrNotFound: the bus holds no such thing.
	ErrNotFound = errors.New("not on the bus")
)

// Embedded is a bus inside this process; *server.Server is one.
type Embedded interface {
	InProcessConn() (net.Conn, error)
	UpdateAccount(ctx context.Context, accountJWT string) error
}

// Config says which bus, and whose.
type Config struct {
	Authority *authority.Authority
	// Embedded is the bus in this process; nil: an external one at URLs, whose servers have the authority's operator
	// (Authority.ServerConfig) and certificates of its CA.
	Embedded Embedded
	URLs     []string
	// Save keeps the authority's value (Authority.Marshal) before a change takes effect. An error undoes the change.
	// nil keeps it in memory only, for tests.
	Save func(ctx context.Context, value []byte) error
	// Connected is called once the bus is there and its buckets exist: at Open and after every reconnection, on a
	// goroutine of its own, never twice at a time. The bus may be empty then; the hub publishes again what it lacks.
	Connected func(ctx context.Context)
	// Replicas of every stream, for an external cluster; 0 is 1.
	Replicas int
	Logger   *slog.Logger
}

// counters are Counters while they count.
type counters struct {
	reportStreams, reportsReceived, reportsDropped, asks, asksRefused, headsMoved, conflicts, renewals atomic.Uint64
}

// Hub is the hub's connection. Its methods may be called from several goroutines.
type Hub struct {
	cfg   Config
	nc    *nats.Conn
	js    jetstream.JetStream
	count counters

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	closed chan struct{}
	// up takes a signal when the bus is connected, prune when the head was moved.
	up, prune chan struct{}

	// changing is held while members change, publishing while the bus is told, moving while the head moves or a map is
	// removed, tabling while a geo table is stored.
	changing, publishing, moving, tabling sync.Mutex
	// headDigest is the map that the head of the last MoveHead names. moving guards it.
	headDigest string

	mu           sync.Mutex
	user         authority.User
	buckets      *buckets
	maps, tables shelf

	limits limiter
}

// asksWaiting is how many questions of members wait for an answer before the newest are dropped; workers answer them.
const (
	asksWaiting = 4096
	workers     = 4
)

// Open connects, makes the buckets that are missing, and begins to answer members. With an external bus it returns an
// error if that does not answer before ctx ends. Close ends it.
func Open(ctx context.Context, cfg Config) (*Hub, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	h := &Hub{
		cfg: cfg, closed: make(chan struct{}), up: make(chan struct{}, 1), prune: make(chan struct{}, 1),
		maps: mapShelf(), tables: tableShelf(), limits: limiter{perSecond: asksPerSecond},
	}
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := h.connect(ctx); err != nil {
		h.cancel()
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	if err := h.start(ctx); err != nil {
		h.Close()
		return nil, fmt.Errorf("prepare the bus: %w", err)
	}
	return h, nil
}

// start makes the buckets and begins to answer.
func (h *Hub) start(ctx context.Context) (err error) {
	if h.js, err = jetstream.New(h.nc); err != nil {
		return err
	}
	if err := h.publishAccount(ctx); err != nil {
		return err
	}
	if err := h.makeBuckets(ctx); err != nil {
		return err
	}
	asks := make(chan *nats.Msg, asksWaiting)
	if _, err := h.nc.ChanQueueSubscribe("ask.>", "hub", asks); err != nil {
		return err
	}
	if err := h.nc.FlushTimeout(answerTimeout); err != nil {
		return err
	}
	for range workers {
		h.wg.Go(func() { h.answerAll(asks) })
	}
	h.wg.Go(h.onConnect)
	h.wg.Go(h.pruneAll)
	poke(h.up)
	return nil
}

// onConnect prepares the bus after every connection and tells the caller.
func (h *Hub) onConnect() {
	for {
		select {
		case <-h.up:
		case <-h.ctx.Done():
			return
		}
		err := errors.Join(h.publishAccount(h.ctx), h.makeBuckets(h.ctx))
		if h.ctx.Err() != nil {
			return
		}
		if err != nil {
			h.cfg.Logger.Warn("the bus is not ready; trying again", "error", err)
			h.retryUp()
			continue
		}
		h.noteAll()
		if h.cfg.Connected != nil {
			h.cfg.Connected(h.ctx)
		}
	}
}

// retryUp signals up again after a second.
func (h *Hub) retryUp() {
	select {
	case <-time.After(time.Second):
		poke(h.up)
	case <-h.ctx.Done():
	}
}

// Close stops answering and waits for everything that Open started.
func (h *Hub) Close() {
	h.cancel()
	h.nc.Close()
	<-h.closed
	h.wg.Wait()
}

// poke leaves a signal unless one is waiting.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Counters count what happened since Open.
type Counters struct {
	// ReportStreams counts the calls of Reports that have begun to receive.
	ReportStreams uint64

	ReportsReceived, ReportsDropped, Asks, AsksRefused, HeadsMoved, Conflicts, Renewals uint64
}

// Counters are what happened so far.
func (h *Hub) Counters() Counters {
	c := &h.count
	return Counters{
		ReportStreams: c.reportStreams.Load(), ReportsReceived: c.reportsReceived.Load(), ReportsDropped: c.reportsDropped.Load(),
		Asks: c.asks.Load(), AsksRefused: c.asksRefused.Load(),
		HeadsMoved: c.headsMoved.Load(), Conflicts: c.conflicts.Load(), Renewals: c.renewals.Load(),
	}
}
