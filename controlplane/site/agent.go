package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/lbagent/lb"
)

// Bus is the site's connection to the hub; gslb/bus.Member is one.
type Bus interface {
	// FollowWork calls deliver with every new inventory until ctx ends, and again with one that it returned an error for.
	FollowWork(ctx context.Context, deliver func(ctx context.Context, inventory []byte) error) error
	FetchBundle(ctx context.Context, key string) ([]byte, error)
	// PublishReport never blocks; a report that cannot be sent now is dropped.
	PublishReport(data []byte) error
}

// Cluster is where the site's work runs.
type Cluster interface {
	// Apply makes an object be as its manifest says. An error that trying again cannot help is an ErrRefused.
	Apply(ctx context.Context, o Object) error
	// Delete removes an object if it is one that an agent of Tidegate applied; another's, or none, is left alone.
	Delete(ctx context.Context, ref Ref) error
	// Owned lists what agents of Tidegate have applied to the cluster, as far as it can be found.
	Owned(ctx context.Context) ([]Applied, error)
}

// Watcher sees the site's cluster.
type Watcher interface {
	// Watch calls deliver with every new view, the first once all pods are known, until ctx ends. A cluster that cannot be
	// reached delivers nothing.
	Watch(ctx context.Context, deliver func(View)) error
	// Trouble is why the cluster cannot be seen now, and since when; nil if it can.
	Trouble() error
}

// Config is what an Agent works with.
type Config struct {
	Site     gslb.SiteID
	Bus      Bus
	Cluster  Cluster
	Watcher  Watcher
	Balancer lb.Driver
	// Sets are the addresses that the load balancer may use, in the order of preference.
	Sets []AddressSet
	// Dir keeps the agent's memory.
	Dir string
	// Logger may be nil.
	Logger *slog.Logger
}

// Agent runs one site. Run it once.
type Agent struct {
	cfg   Config
	log   *slog.Logger
	keep  Keep
	desk  *desk
	apply *applier
	wake  chan struct{} // of the loop that plans, serves and reports

	mu     sync.Mutex // guards what follows
	view   *View
	status Status
}

// New reads what the agent kept. It starts nothing.
func New(cfg Config) (*Agent, error) {
	if err := gslb.CheckLabel(string(cfg.Site)); err != nil {
		return nil, fmt.Errorf("site's name: %w", err)
	}
	if err := CheckSets(cfg.Sets); err != nil {
		return nil, err
	}
	keep, err := OpenKeep(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	a := &Agent{cfg: cfg, log: cfg.Logger, keep: keep, wake: make(chan struct{}, 1)}
	desired, err := keep.LoadDesired()
	if err != nil {
		a.log.Error("some of the kept work cannot be read; it goes on running and is fetched again", "error", err)
	}
	a.apply = &applier{cluster: cfg.Cluster, keep: keep, log: a.log, done: a.nudge, wake: make(chan struct{}, 1)}
	a.desk = &desk{bus: cfg.Bus, keep: keep, log: a.log, desired: desired, wake: func() { poke(a.apply.wake); a.nudge() }}
	return a, nil
}

func (a *Agent) nudge() { poke(a.wake) }

// poke wakes a loop; one that is awake already runs once more.
func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// Run follows the work, applies it, serves it and reports it until ctx ends, and waits for all of that. Pods and load
// balancer go on without it.
func (a *Agent) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		all      sync.WaitGroup
		problems = make(chan error, 2)
	)
	start := func(what string, run func() error) {
		all.Go(func() {
			if err := run(); err != nil && ctx.Err() == nil {
				problems <- fmt.Errorf("%s: %w", what, err)
			}
			cancel()
		})
	}
	start("follow the work", func() error { return a.cfg.Bus.FollowWork(ctx, a.desk.deliver) })
	start("watch the site's cluster", func() error { return a.cfg.Watcher.Watch(ctx, a.see) })
	start("apply", func() error { a.apply.run(ctx, a.desk.current); return nil })
	start("serve", func() error { a.loop(ctx); return nil })
	all.Wait()
	close(problems)
	return errors.Join(collect(problems)...)
}

func collect(problems <-chan error) []error {
	var list []error
	for err := range problems {
		list = append(list, err)
	}
	return list
}

// see takes a view of the cluster.
func (a *Agent) see(v View) {
	a.mu.Lock()
	a.view = &v
	a.mu.Unlock()
	a.nudge()
}

func (a *Agent) seen() *View {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.view
}

// Status is what the agent is doing, for people.
type Status struct {
	Site gslb.SiteID `json:"site"`
	// Inventory is the revision that the site was told to run, Applied the one that its cluster was brought to.
	Inventory uint64 `json:"inventory"`
	Applied   uint64 `json:"applied"`
	// Watching says that the cluster's pods are known; until then nothing is changed at the load balancer.
	Watching bool                   `json:"watching"`
	Services []signal.ServiceReport `json:"services"`
	// Problems are what is wrong now, beside the services' messages.
	Problems []string `json:"problems"`
	// Reported is when the last report left, Sequence its number, Unsent how many could not leave since the last that did.
	Reported time.Time `json:"reported,omitzero"`
	Sequence uint64    `json:"sequence"`
	Unsent   uint64    `json:"unsent"`
}

// Status is the state after the last pass.
func (a *Agent) Status() Status {
	desired, problem := a.desk.current()
	applied, _ := a.apply.state()
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.status
	s.Site, s.Inventory, s.Applied, s.Watching = a.cfg.Site, desired.Inventory.Revision, applied, a.view != nil
	s.Problems = append([]string{}, s.Problems...)
	if problem != nil {
		s.Problems = append(s.Problems, problem.Error())
	}
	if s.Services == nil {
		s.Services = []signal.ServiceReport{}
	}
	return s
}
