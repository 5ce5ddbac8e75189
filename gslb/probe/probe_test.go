package probe

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// bench is a prober whose checks a test decides, in the time of a synctest bubble.
type bench struct {
	*Prober
	mu       sync.Mutex
	failing  map[world.Target]error
	checks   map[world.Target][]time.Duration
	verdicts []Verdict
	start    time.Time
}

func newBench() *bench {
	b := &bench{failing: map[world.Target]error{}, checks: map[world.Target][]time.Duration{}, start: time.Now()}
	b.Prober = New(func(v Verdict) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.verdicts = append(b.verdicts, v)
	})
	b.check = func(_ context.Context, t world.ProbeTarget) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.checks[t.Target] = append(b.checks[t.Target], time.Since(b.start))
		return b.failing[t.Target]
	}
	return b
}

func (b *bench) set(t world.ProbeTarget, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failing[t.Target] = err
}

// told returns the verdicts since the last call.
func (b *bench) told() []Verdict {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.verdicts
	b.verdicts = nil
	return list
}

func target(last byte) world.ProbeTarget {
	return world.ProbeTarget{
		Target: world.Target{Service: "chat.edge.example.", Addr: netip.AddrFrom4([4]byte{192, 0, 2, last})}, Site: "fra",
		Health: plan.Health{Type: plan.ProbeTCP, Port: 80, Interval: time.Second},
	}
}

func nobodyDown(world.Target) health.State { return health.State{} }

var errRefused = errors.New("connection refused")

func TestVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, a := newBench(), target(1)
		b.SetTargets(ctx, []world.ProbeTarget{a}, nobodyDown)
		time.Sleep(10 * time.Second)
		if told := b.told(); len(told) != 1 || told[0].Down {
			t.Errorf("a healthy target: %+v, want the first finding alone", told)
		}
		b.set(a, errRefused)
		died := time.Now()
		time.Sleep(5 * time.Second)
		told := b.told()
		if len(told) != 1 || !told[0].Down || told[0].Why != "connection refused" || told[0].Target != a.Target {
			t.Fatalf("a dead target: %+v", told)
		}
		if late := told[0].Since.Sub(died); late > 2*time.Second {
			t.Errorf("noticed after %v, want two intervals at most", late)
		}
		b.set(a, nil)
		time.Sleep(5 * time.Second)
		if told := b.told(); len(told) != 0 {
			t.Errorf("a target that is back for less than 5 s: %+v", told)
		}
		time.Sleep(2 * time.Second)
		if told := b.told(); len(told) != 1 || told[0].Down || told[0].Why != "" {
			t.Errorf("a target that came back: %+v", told)
		}
		cancel()
		b.Wait()
	})
}

// A failure between successes is no death.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, a := newBench(), target(1)
		results := 0
		b.check = func(context.Context, world.ProbeTarget) error {
			if results++; results%2 == 0 {
				return errRefused
			}
			return nil
		}
		b.SetTargets(ctx, []world.ProbeTarget{a}, nobodyDown)
		time.Sleep(time.Minute)
		if told := b.told(); len(told) != 1 || told[0].Down {
			t.Errorf("got %+v", told)
		}
		cancel()
		b.Wait()
	})
}

func TestTargetsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, a, c := newBench(), target(1), target(2)
		b.SetTargets(ctx, []world.ProbeTarget{a, c}, nobodyDown)
		time.Sleep(10 * time.Second)
		b.SetTargets(ctx, []world.ProbeTarget{a}, nobodyDown)
		time.Sleep(10 * time.Second)
		b.mu.Lock()
		kept, gone := b.checks[a.Target], b.checks[c.Target]
		b.mu.Unlock()
		if len(kept) != 20 || len(gone) != 10 {
			t.Errorf("%d and %d checks in 20 s and 10 s, want one each second", len(kept), len(gone))
		}
		for i := 1; i < len(kept); i++ {
			if kept[i]-kept[i-1] != time.Second {
				t.Errorf("checks at %v and %v: the target that stayed was disturbed", kept[i-1], kept[i])
			}
		}
		cancel()
		b.Wait()
	})
}

// A target that dies time and again is told twice a minute at most, and its verdicts carry the memory of that.
func TestFlapLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, a := newBench(), target(1)
		b.check = func(context.Context, world.ProbeTarget) error {
			if time.Since(b.start)%(20*time.Second) < 10*time.Second {
				return nil
			}
			return errRefused
		}
		b.SetTargets(ctx, []world.ProbeTarget{a}, nobodyDown)
		time.Sleep(time.Minute)
		b.told()
		time.Sleep(10 * time.Minute)
		told := b.told()
		if len(told) < 4 || len(told) > 20 {
			t.Errorf("%d verdicts in ten minutes", len(told))
		}
		if last := told[len(told)-1]; last.Flaps < 3 {
			t.Errorf("%d flaps are remembered", last.Flaps)
		}
		cancel()
		b.Wait()
	})
}

// Who was down when the name server stopped is down until checks say otherwise, and no sooner than its flaps allow.
func TestStartsAsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, a := newBench(), target(1)
		b.set(a, errRefused)
		known := health.State{Down: true, Since: b.start, Flaps: 1}
		b.SetTargets(ctx, []world.ProbeTarget{a}, func(world.Target) health.State { return known })
		time.Sleep(5 * time.Second)
		if told := b.told(); len(told) != 1 || told[0].State != known {
			t.Errorf("got %+v, want that it is down as known", told)
		}
		b.set(a, nil)
		time.Sleep(50 * time.Second)
		if told := b.told(); len(told) != 0 {
			t.Errorf("got %+v within its hold of a minute", told)
		}
		time.Sleep(10 * time.Second)
		if told := b.told(); len(told) != 1 || told[0].Down {
			t.Errorf("got %+v", told)
		}
		cancel()
		b.Wait()
	})
}

// When a target's probe changes, the verdict of the old check may come after the new one began. The new check's first
// finding corrects it.
func TestReplacedCheckHasTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, old := newBench(), target(1)
		b.set(old, errRefused)
		b.SetTargets(ctx, []world.ProbeTarget{old}, nobodyDown)
		time.Sleep(5 * time.Second)
		changed := old
		changed.Health.Port = 81
		b.set(old, nil)
		b.told()
		b.SetTargets(ctx, []world.ProbeTarget{changed}, nobodyDown)
		time.Sleep(5 * time.Second)
		if told := b.told(); len(told) != 1 || told[0].Down {
			t.Errorf("got %+v, want that it is up", told)
		}
		cancel()
		b.Wait()
	})
}

// Many targets do not all begin at once, and a check gets its interval, at most two seconds.
func TestPhaseAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := newBench()
		var limits sync.Map
		b.check = func(ctx context.Context, target world.ProbeTarget) error {
			deadline, _ := ctx.Deadline()
			limits.Store(target.Target, time.Until(deadline))
			b.mu.Lock()
			defer b.mu.Unlock()
			b.checks[target.Target] = append(b.checks[target.Target], time.Since(b.start))
			return nil
		}
		var targets []world.ProbeTarget
		for i := range byte(200) {
			targets = append(targets, target(i))
		}
		targets[0].Health.Interval = time.Minute
		b.SetTargets(ctx, targets, nobodyDown)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		early := 0
		for _, p := range targets[1:] {
			if b.checks[p.Target][0] < 500*time.Millisecond {
				early++
			}
		}
		if early < 60 || early > 140 {
			t.Errorf("%d of 199 targets begin in the first half of the interval", early)
		}
		for i, want := range []time.Duration{MaxTimeout, time.Second} {
			if got, _ := limits.Load(targets[i].Target); got != want {
				t.Errorf("interval %v: a check gets %v, want %v", targets[i].Health.Interval, got, want)
			}
		}
		cancel()
		b.Wait()
	})
}
