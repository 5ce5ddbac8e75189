// Package node is what a name server runs beside its DNS engine.
//
// It follows a source of maps (a world file, or the bus), holds every proposal against the guards, compiles it aside,
// keeps it on disk, runs the probes of its endpoints, and swaps snapshots; likewise it takes another geo table in place of
// the one in use, and follows the hub's. The DNS plugin only reads the Store. One
// goroutine, Run, owns the builder; a death is swapped in at once, everything else at most once a second.
//
// Losing the source changes nothing: the last map stands for ever, and health goes on from the node's own probes.
package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/probe"
	"tidegate.dev/tidegate/gslb/tally"
	"tidegate.dev/tidegate/gslb/world"
)

// swapInterval bounds how often news that can wait are swapped in.
const swapInterval = time.Second

// Config is what a node needs.
type Config struct {
	// Geo is the table to start with, and GeoFrom its source; none is the embedded one.
	Geo     *plan.Geo
	GeoFrom GeoFrom
	// GeoKept says that Geo was read back from disk, in place of what its source has.
	GeoKept bool
	// GeoTrouble is why Geo is not the table that the operator asked for; it stands in the status.
	GeoTrouble string
	// Folder keeps maps over restarts; nil keeps nothing.
	Folder *keep.Folder
	Log    *slog.Logger
	// Prepare is called with every accepted map and its generation before it is served, so that the DNS engine builds what
	// it needs aside; nil is fine.
	Prepare func(*plan.Compiled, uint64)
}

// Node serves maps to a DNS engine through its Store.
type Node struct {
	config   Config
	store    *world.Store
	compiled chan compiledProposal
	tables   chan compiledGeo
	verdicts chan probe.Verdict
	swapped  chan struct{} // holds one note: there is something to report
	headNews chan struct{} // holds one note: a map with another head is served
	prober   *probe.Prober
	// resolvers counts the answers to single resolvers, of all services.
	resolvers *tally.Resolvers
	// counted is when Report last took what was counted.
	counted time.Time
	// geo is the table in use. The loop writes it, and never while a proposal of a map is on its way.
	geo         atomic.Pointer[geoInUse]
	proposal    sync.Mutex // one proposal at a time is compiled
	geoProposal sync.Mutex // one table at a time is held against the one in use
	status      status
}

// Proposal is a map that a source offers. SignedHead is kept on disk with it; a world file has none.
type Proposal struct {
	Head       plan.Head
	SignedHead []byte
	Data       []byte
	// Trusted proposals come from the operator's own file: what they take away, Accept does not ask.
	Trusted bool
	// Kept says that the proposal was read back from the node's own folder.
	Kept bool
}

type compiledProposal struct {
	Proposal
	plan *plan.Compiled
	done chan error
}

// New makes a node; Run starts it.
func New(config Config) *Node {
	n := &Node{
		config:    config,
		store:     world.NewStore(),
		compiled:  make(chan compiledProposal),
		tables:    make(chan compiledGeo),
		verdicts:  make(chan probe.Verdict, 1024),
		swapped:   make(chan struct{}, 1),
		headNews:  make(chan struct{}, 1),
		resolvers: tally.NewResolvers(rand.Uint64()),
		status:    newStatus(),
	}
	n.geo.Store(&geoInUse{Geo: config.Geo, from: cmp.Or(config.GeoFrom, GeoEmbedded), kept: config.GeoKept})
	n.status.setGeoTrouble(config.GeoTrouble)
	n.prober = probe.New(func(v probe.Verdict) { n.verdicts <- v })
	return n
}

// Store hands out the current snapshot.
func (n *Node) Store() *world.Store { return n.store }

// Propose holds a map against the guards and, if it passes, returns after it is served. An error says why the node goes
// on with what it has; it is counted. Run must be running.
func (n *Node) Propose(ctx context.Context, p Proposal) error {
	n.proposal.Lock()
	defer n.proposal.Unlock()
	err := n.propose(ctx, p)
	n.status.proposed(err, time.Now())
	if err != nil && ctx.Err() == nil {
		n.config.Log.Warn("a map was refused, the last one stays", "generation", p.Head.Generation, "why", err)
	}
	return err
}

func (n *Node) propose(ctx context.Context, p Proposal) error {
	served := n.store.Load()
	next, err := plan.Offer{Head: p.Head, Data: p.Data}.Open(served.Generation)
	if err != nil {
		return err
	}
	if served.Plan != nil && !p.Trusted {
		if err := plan.Accept(served.Plan.Map, next, p.Head.Reasons); err != nil {
			return err
		}
	}
	ready := compiledProposal{
		Proposal: p,
		plan:     plan.Compile(next, p.Head.Digest, n.geo.Load().Geo, served.Plan),
		done:     make(chan error, 1),
	}
	if err := rehearse(ready.plan); err != nil {
		return err
	}
	if n.config.Prepare != nil {
		n.config.Prepare(ready.plan, p.Head.Generation)
	}
	select {
	case n.compiled <- ready:
		return <-ready.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Refused counts and logs input that never became a proposal, such as a world file with an error.
func (n *Node) Refused(err error) {
	n.status.proposed(err, time.Now())
	n.config.Log.Warn("a map was refused, the last one stays", "why", err)
}

// Run owns the builder until ctx ends.
func (n *Node) Run(ctx context.Context) error {
	l := loop{node: n, builder: world.NewBuilder(), known: n.loadKnown(), lastSwap: time.Now().Add(-swapInterval)}
	l.builder.CountResolvers(n.resolvers)
	defer n.prober.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.drain()
		case p := <-n.compiled:
			p.done <- l.take(ctx, p)
		case g := <-n.tables:
			l.takeGeo(g)
			close(g.done)
		case v := <-n.verdicts:
			l.verdict(v)
			l.moreVerdicts()
		case <-timer.C:
		}
		if wait := l.swapIfDue(time.Now()); wait > 0 {
			timer.Reset(wait)
		}
	}
}

// ErrOvertaken is returned for a map that was overtaken while it was compiled.
var ErrOvertaken = errors.New("a newer map came first")

// loop is the state of Run.
type loop struct {
	node     *Node
	builder  *world.Builder
	known    map[world.Target]health.State // of the targets that ever died
	trusted  bool                          // the map that is served is a world file's
	news     bool                          // something changed since the last swap
	urgent   bool                          // and it must not wait
	lastSwap time.Time
}

// take makes a compiled map the served one. The generation is compared once more here, at the moment of the swap.
func (l *loop) take(ctx context.Context, p compiledProposal) error {
	if p.Head.Generation <= l.node.store.Load().Generation {
		return fmt.Errorf("%w: %d", ErrOvertaken, p.Head.Generation)
	}
	gone := l.node.store.Load().Gone(p.plan)
	l.node.config.Log.Info("a map is served", "generation", p.Head.Generation, "services", len(p.plan.Services), "gone", namesText(gone))
	l.setPlan(p.Head.Generation, p.plan)
	targets := world.Targets(p.plan.Map)
	l.forget(targets)
	l.node.prober.SetTargets(ctx, targets, func(t world.Target) health.State { return l.known[t] })
	l.node.status.served(p.Proposal, time.Now())
	l.trusted = p.Trusted
	l.node.warn(warningsOf(l.trusted, p.plan))
	l.keep(p.Proposal)
	l.swapIfDue(time.Now())
	poke(l.node.headNews)
	return nil
}

// setPlan has the next swap, which is due at once, serve a plan.
func (l *loop) setPlan(generation uint64, compiled *plan.Compiled) {
	l.builder.SetPlan(generation, compiled)
	for target, state := range l.known {
		l.builder.SetDown(target, state.Down)
	}
	l.news, l.urgent = true, true
}

// namesText lists names for the log, the first few of many.
func namesText(names []gslb.Name) string {
	const most = 20
	if len(names) <= most {
		return fmt.Sprint(names)
	}
	return fmt.Sprintf("%v and %d more", names[:most], len(names)-most)
}

// forget drops what is known of addresses that no probe checks any more.
func (l *loop) forget(targets []world.ProbeTarget) {
	checked := make(map[world.Target]bool, len(targets))
	for _, t := range targets {
		checked[t.Target] = true
	}
	for target := range l.known {
		if !checked[target] {
			delete(l.known, target)
			l.builder.SetDown(target, false)
		}
	}
}

func (l *loop) verdict(v probe.Verdict) {
	if !l.builder.SetDown(v.Target, v.Down) {
		return
	}
	l.known[v.Target] = v.State
	l.news, l.urgent = true, l.urgent || v.Down
	l.node.config.Log.Info("health changed", "service", v.Target.Service, "address", v.Target.Addr, "down", v.Down, "why", v.Why)
}

// moreVerdicts takes what else is waiting: a dead site is one swap, not one for each of its addresses.
func (l *loop) moreVerdicts() {
	for range cap(l.node.verdicts) {
		select {
		case v := <-l.node.verdicts:
			l.verdict(v)
		default:
			return
		}
	}
}

// swapIfDue publishes news, and returns how long to wait until the next swap is allowed.
func (l *loop) swapIfDue(now time.Time) time.Duration {
	if !l.news {
		return 0
	}
	if wait := swapInterval - now.Sub(l.lastSwap); wait > 0 && !l.urgent {
		return wait
	}
	l.builder.SetTime(now)
	l.node.store.Swap(l.builder.Snapshot())
	l.news, l.urgent, l.lastSwap = false, false, now
	l.node.status.setDown(l.known)
	l.saveKnown()
	poke(l.node.swapped)
	return 0
}

// poke leaves a note unless one is waiting.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// drain ends Run: verdicts that are under way must not block the probes that send them.
func (l *loop) drain() error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		l.node.prober.Wait()
	}()
	for {
		select {
		case <-l.node.verdicts:
		case <-stopped:
			return nil
		}
	}
}
