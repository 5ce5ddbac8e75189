package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tidegate.dev/tidegate/gslb/bus/authority"
	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// The names of what the hub keeps on the bus.
const (
	mapBucket  = "map"  // key-value: the head
	workBucket = "work" // key-value: SITE.inventory and SITE.bundle.KEY
	mapStore   = "maps" // object store: maps by digest
	tableStore = "geo"  // object store: geo tables by digest
	headKey    = "head"
)

// buckets are the handles of what makeBuckets found or made.
type buckets struct {
	head, work   jetstream.KeyValue
	maps, tables jetstream.ObjectStore
}

// connect makes the hub's connection: in process, or to an external bus until ctx ends.
func (h *Hub) connect(ctx context.Context) error {
	for {
		nc, err := nats.Connect("", h.options()...)
		if err == nil {
			h.nc = nc
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (h *Hub) options() []nats.Option {
	where := nats.InProcessServer(h.cfg.Embedded)
	if h.cfg.Embedded == nil {
		where = external(h.cfg)
	}
	return []nats.Option{
		where, nats.Name(wire.RoleHub), nats.CustomInboxPrefix(wire.HubInboxPrefix),
		nats.UserJWT(h.newUser, h.sign),
		nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(), nats.ReconnectBufSize(-1),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ReconnectHandler(func(*nats.Conn) { poke(h.up) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if h.ctx.Err() == nil {
				h.cfg.Logger.Warn("bus disconnected, reconnecting", "error", err)
			}
		}),
		nats.ErrorHandler(h.asyncError),
		nats.ClosedHandler(func(*nats.Conn) { close(h.closed) }),
	}
}

func external(cfg Config) nats.Option {
	return func(o *nats.Options) error {
		o.Servers, o.TLSConfig, o.Secure = cfg.URLs, cfg.Authority.ClientTLS(), true
		o.IgnoreDiscoveredServers = true
		return nil
	}
}

func (h *Hub) asyncError(_ *nats.Conn, _ *nats.Subscription, err error) {
	h.cfg.Logger.Warn("bus error", "error", err)
}

// newUser makes the hub's user for one connection; sign answers the challenge for it.
func (h *Hub) newUser() (string, error) {
	user, err := h.cfg.Authority.HubUser(time.Now())
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.user = user
	return user.JWT, nil
}

func (h *Hub) sign(nonce []byte) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.user.Sign(nonce)
}

// makeBuckets finds or makes the buckets.
func (h *Hub) makeBuckets(ctx context.Context) (err error) {
	var b buckets
	replicas := max(h.cfg.Replicas, 1)
	b.head, err = h.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: mapBucket, History: 10, Replicas: replicas, Description: "the signed head of the map",
	})
	if err != nil {
		return fmt.Errorf("bucket %s: %w", mapBucket, err)
	}
	b.work, err = h.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: workBucket, History: 1, Replicas: replicas, Description: "what each site shall run",
	})
	if err != nil {
		return fmt.Errorf("bucket %s: %w", workBucket, err)
	}
	b.maps, err = h.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: mapStore, Replicas: replicas, Description: "maps by their digest",
	})
	if err != nil {
		return fmt.Errorf("object store %s: %w", mapStore, err)
	}
	b.tables, err = h.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: tableStore, Replicas: replicas, Description: "geo tables by their digest",
	})
	if err != nil {
		return fmt.Errorf("object store %s: %w", tableStore, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buckets = &b
	return nil
}

// lostAttempts bounds how often withBuckets calls f, with lostPause between.
const (
	lostAttempts = 5
	lostPause    = 20 * time.Millisecond
)

// withBuckets calls f, and again if the bus has lost its buckets or has no ear for JetStream: for a moment it has none
// while it takes a newer account.
func (h *Hub) withBuckets(ctx context.Context, f func(*buckets) error) error {
	for attempt := 1; ; attempt++ {
		h.mu.Lock()
		b := h.buckets
		h.mu.Unlock()
		err := f(b)
		if !isLost(err) || attempt == lostAttempts {
			return err
		}
		select {
		case <-time.After(lostPause):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
		if err := h.makeBuckets(ctx); err != nil && !isLost(err) {
			return err
		}
		poke(h.up) // the caller's other things are lost too
	}
}

func isLost(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) ||
		errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders)
}

// publishAccount hands the members' account to the bus, one version at a time.
func (h *Hub) publishAccount(ctx context.Context) error {
	h.publishing.Lock()
	defer h.publishing.Unlock()
	account, err := h.cfg.Authority.AccountJWT()
	if err != nil {
		return err
	}
	if h.cfg.Embedded != nil {
		return h.cfg.Embedded.UpdateAccount(ctx, account)
	}
	return h.pushAccount(ctx, account)
}

// pushAccount hands the account to an external bus, over a connection of the system account.
func (h *Hub) pushAccount(ctx context.Context, account string) error {
	user, err := h.cfg.Authority.SystemUser(time.Now())
	if err != nil {
		return err
	}
	nc, err := nats.Connect("", external(h.cfg), nats.Name(wire.RoleHub), nats.CustomInboxPrefix(wire.HubInboxPrefix),
		nats.UserJWT(func() (string, error) { return user.JWT, nil }, user.Sign))
	if err != nil {
		return fmt.Errorf("connect to the bus' system account: %w", err)
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	answer, err := nc.RequestWithContext(ctx, authority.ClaimsUpdate, []byte(account))
	if err != nil {
		return fmt.Errorf("hand the account to the bus: %w: its servers need a full resolver", err)
	}
	return claimsError(answer.Data)
}
