// Package probe checks endpoints over the network: an HTTP or HTTPS GET, a TCP connection or the gRPC health protocol.
//
// It stands at the edge of the name server: gslb/node gives it the targets of the current map and gets verdicts back.
// Each target has its own goroutine and its own phase, so that probes spread over the interval.
package probe

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/world"
)

// MaxTimeout bounds a single check; a shorter interval bounds it further.
const MaxTimeout = 2 * time.Second

// Verdict is a change of mind about a target, or the first finding about one. The first one is told even if it agrees
// with what was known: a verdict of the check that was replaced may still be under way and must not stand.
type Verdict struct {
	Target world.Target
	// State is to be kept: a prober that starts with it goes on from there.
	health.State
	// Why is the last check's error; empty for up.
	Why string
}

// Prober keeps one check running per target.
type Prober struct {
	check   func(context.Context, world.ProbeTarget) error
	verdict func(Verdict)
	seed    maphash.Seed

	mu      sync.Mutex
	running map[world.ProbeTarget]*runner
	wait    sync.WaitGroup
}

type runner struct {
	cancel context.CancelFunc
}

// New makes a prober that reports changes to verdict, from several goroutines at once.
func New(verdict func(Verdict)) *Prober {
	return &Prober{check: check, verdict: verdict, seed: maphash.MakeSeed(), running: map[world.ProbeTarget]*runner{}}
}

// SetTargets starts what is new and ends what is gone; the rest goes on undisturbed. Known gives the state that the last
// verdict left of a target, perhaps in an earlier run.
func (p *Prober) SetTargets(ctx context.Context, targets []world.ProbeTarget, known func(world.Target) health.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := make(map[world.ProbeTarget]bool, len(targets))
	for _, t := range targets {
		wanted[t] = true
		if p.running[t] == nil {
			p.start(ctx, t, known(t.Target))
		}
	}
	for t, r := range p.running {
		if !wanted[t] {
			r.cancel()
			delete(p.running, t)
		}
	}
}

// Wait returns when every check has ended; end them by the context that SetTargets got.
func (p *Prober) Wait() { p.wait.Wait() }

func (p *Prober) start(ctx context.Context, t world.ProbeTarget, state health.State) {
	ctx, cancel := context.WithCancel(ctx)
	p.running[t] = &runner{cancel: cancel}
	p.wait.Go(func() { p.run(ctx, t, state) })
}

func (p *Prober) run(ctx context.Context, t world.ProbeTarget, state health.State) {
	timer := time.NewTimer(p.phase(t))
	defer timer.Stop()
	told := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(t.Health.Interval)
		err := p.once(ctx, t)
		if ctx.Err() != nil {
			return
		}
		next := state.Observe(err == nil, time.Now(), health.Default())
		if settled := next.Against == 0; settled && (!told || next.Down != state.Down) {
			told = true
			p.verdict(Verdict{Target: t.Target, State: next, Why: message(err)})
		}
		state = next
	}
}

func (p *Prober) once(ctx context.Context, t world.ProbeTarget) error {
	ctx, cancel := context.WithTimeout(ctx, min(t.Health.Interval, MaxTimeout))
	defer cancel()
	return p.check(ctx, t)
}

// phase spreads the first checks of many targets over one interval.
func (p *Prober) phase(t world.ProbeTarget) time.Duration {
	return time.Duration(maphash.Comparable(p.seed, t) % uint64(t.Health.Interval))
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
