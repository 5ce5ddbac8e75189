package hub

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tidegate.dev/tidegate/controlplane/cname"
	"tidegate.dev/tidegate/controlplane/hub/recording"
	"tidegate.dev/tidegate/gslb"
	bushub "tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/plan"
)

// The loop's rhythm: what changes within debounce is one pass, and every recheck there is one anyway, since silence is
// no event.
const (
	debounce = 100 * time.Millisecond
	recheck  = time.Second
)

// MapBus is where maps go; *hub.Hub of gslb/bus is one.
type MapBus interface {
	Head(ctx context.Context) (signed []byte, at bushub.Revision, err error)
	PublishMap(ctx context.Context, data []byte) (digest string, err error)
	MoveHead(ctx context.Context, signed []byte, digest string, expected bushub.Revision) (bushub.Revision, error)
}

// WorkBus is where work goes; *hub.Hub of gslb/bus is one.
type WorkBus interface {
	Inventory(ctx context.Context, site string) ([]byte, error)
	Bundles(ctx context.Context, site string) (keys []string, err error)
	PutInventory(ctx context.Context, site string, data []byte) error
	PutBundle(ctx context.Context, site, key string, data []byte) error
	DeleteBundle(ctx context.Context, site, key string) error
}

// Reporter is where reports come from; *hub.Hub of gslb/bus is one.
type Reporter interface {
	Reports(ctx context.Context, handle func(bushub.Report)) error
}

// Bus is all that the loop needs of the bus.
type Bus interface {
	MapBus
	WorkBus
	TableBus
	Reporter
}

// Config is what a Loop stands on.
type Config struct {
	// Client writes; it must not read from a cache. Cache observes; the loop starts it.
	Client client.Client
	Cache  cache.Cache
	Events record.EventRecorder
	Bus    Bus
	// Resolver looks up domains outside our zones; nil: nobody does, and they stay as they are.
	Resolver cname.Resolver
	// MapKey signs heads.
	MapKey ed25519.PrivateKey
	// Namespace is the hub's own.
	Namespace string
	// MapFile keeps a copy of the published map, so that a restarted hub knows what it takes away.
	MapFile string
	Logger  *slog.Logger
}

// Loop observes, plans and applies. Run it once.
type Loop struct {
	cfg   Config
	log   *slog.Logger
	since time.Time
	wake  chan struct{}
	heard *heard
	links *cname.Checker
	// geoWake takes a signal when the geo table is to be put on the bus.
	geoWake chan struct{}

	// All below belongs to the goroutine of Run, except forget and what status guards.
	written written
	bus     onBus
	state   keptState
	late    lateness
	failed  map[string]string // stage -> its last error, so that each is logged once
	steer   steering

	mu       sync.Mutex
	forget   bool // the bus may have changed under us
	status   Status
	recorded *recording.Recording // never changed once it is here
	geo      geoHand
}

// onBus is what the bus holds, as far as the loop has read or written it.
type onBus struct {
	known    bool // the head was read
	head     plan.Head
	revision bushub.Revision
	current  *plan.Map
	work     map[gslb.SiteID]SiteWork
}

// New makes a loop. It begins to observe with Run.
func New(cfg Config) *Loop {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	l := &Loop{cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1), geoWake: make(chan struct{}, 1),
		written: written{}, late: lateness{}, failed: map[string]string{}}
	l.heard = newHeard(l.log, l.Poke)
	l.links = cname.New(cfg.Resolver, time.Now, l.Poke, l.log)
	return l
}

// Poke asks for a pass soon. It never blocks.
func (l *Loop) Poke() { poke(l.wake) }

// BusConnected tells the loop that the bus is there again, perhaps with an empty disk: it reads what is left.
func (l *Loop) BusConnected() {
	l.mu.Lock()
	l.forget = true
	l.mu.Unlock()
	poke(l.geoWake)
	l.Poke()
}

// Run leads until ctx ends.
func (l *Loop) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	l.since = time.Now()
	failed := make(chan error, 2)
	running.Go(func() { failed <- l.cfg.Cache.Start(ctx) })
	running.Go(func() { failed <- l.cfg.Bus.Reports(ctx, l.heard.take) })
	running.Go(func() { l.links.Run(ctx) })
	if err := l.watch(ctx); err != nil {
		return err
	}
	if !l.cfg.Cache.WaitForCacheSync(ctx) {
		return errors.Join(errors.New("the Kubernetes API cannot be observed: are the definitions in deploy/crds applied?"), ctx.Err())
	}
	running.Go(func() { l.handOverGeo(ctx) })
	l.log.Info("leading")
	return l.turn(ctx, failed)
}

func (l *Loop) turn(ctx context.Context, failed <-chan error) error {
	ticker := time.NewTicker(recheck)
	defer ticker.Stop()
	for {
		l.pass(ctx)
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("the hub can observe no longer: %w", err)
		case <-ticker.C:
		case <-l.wake:
			sleep(ctx, debounce)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// pass goes once through everything. A stage that fails is tried again with the next pass; the others go on.
func (l *Loop) pass(ctx context.Context) {
	in, err := l.gather(ctx)
	if !l.ok("observe", err) {
		return
	}
	if l.steer.due(in.Now) && in.warmingUp() == "" {
		l.steer.turn(in, l.heard.takeAnswers())
	}
	l.ok("use the measured round-trip times", l.steer.unknownTimes())
	in.Steered, in.Shifted, in.Measured = l.steer.outputs, l.steer.shifts, l.steer.measured()
	in.HeavyResolvers = l.steer.heavyResolvers(in.Current)
	out := Plan(in)
	l.note(in, out)
	if out.Hold != "" {
		return
	}
	l.links.Want(out.Links)
	l.ok("plan the map", out.Refused)
	l.ok("publish the map", l.publish(ctx, in, out))
	l.ok("hand out work", l.handOut(ctx, in, out))
	l.ok("write to the API", l.apply(ctx, out))
	for _, e := range out.Events {
		l.cfg.Events.Event(&e.Object, e.Type, e.Reason, e.Message)
	}
}

// ok logs an error once, and that it is over.
func (l *Loop) ok(stage string, err error) bool {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch before := l.failed[stage]; {
	case text == before:
	case text != "":
		l.log.Error("hub", "stage", stage, "error", text)
	default:
		l.log.Info("hub recovered", "stage", stage, "from", before)
	}
	l.failed[stage] = text
	return err == nil
}
