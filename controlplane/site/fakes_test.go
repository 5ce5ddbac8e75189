package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/lbagent/lb"
)

var errAway = errors.New("not reachable")

// fakeBus holds one inventory and its bundles, and collects reports.
type fakeBus struct {
	mu        sync.Mutex
	cut       bool
	inventory work.Inventory
	bundles   map[string][]byte
	fetched   int
	moved     chan struct{}
	reports   []signal.SiteReport
}

// run gives the site workloads; a higher revision is a newer inventory.
func (b *fakeBus) run(revision uint64, list ...work.Bundle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inventory = work.Inventory{Revision: revision, Bundles: map[string]plan.Digest{}}
	b.bundles = map[string][]byte{}
	for _, w := range list {
		data, _ := json.Marshal(w)
		b.bundles[w.Workload], b.inventory.Bundles[w.Workload] = data, plan.DigestOf(data)
	}
	poke(b.moved)
}

func (b *fakeBus) FollowWork(ctx context.Context, deliver func(context.Context, []byte) error) error {
	for {
		b.mu.Lock()
		data, _ := json.Marshal(b.inventory)
		quiet := b.cut || b.inventory.Revision == 0
		b.mu.Unlock()
		var again <-chan time.Time
		if !quiet && deliver(ctx, data) != nil {
			again = time.After(5 * time.Second)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.moved:
		case <-again:
		}
	}
}

func (b *fakeBus) FetchBundle(_ context.Context, key string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fetched++
	data, ok := b.bundles[key]
	if !ok || b.cut {
		return nil, errAway
	}
	return data, nil
}

func (b *fakeBus) PublishReport(data []byte) error {
	r, err := signal.DecodeSite(data)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut {
		return errAway
	}
	b.reports = append(b.reports, r)
	return nil
}

func (b *fakeBus) last() signal.SiteReport {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.reports) == 0 {
		return signal.SiteReport{}
	}
	return b.reports[len(b.reports)-1]
}

func (b *fakeBus) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.reports)
}

// fakeCluster holds objects and shows views.
type fakeCluster struct {
	mu      sync.Mutex
	away    bool
	hangs   bool   // it takes requests and answers none
	refuse  string // the name of an object that it does not take
	objects map[Ref]int
	owned   []Applied
	views   chan View
}

func (c *fakeCluster) Apply(ctx context.Context, o Object) error {
	c.mu.Lock()
	hangs := c.hangs
	c.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.away:
		return errAway
	case o.Name == c.refuse:
		return fmt.Errorf("%s: %w", o, ErrRefused)
	}
	c.objects[o.Ref]++
	return nil
}

func (c *fakeCluster) Delete(_ context.Context, ref Ref) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		return errAway
	}
	delete(c.objects, ref)
	return nil
}

func (c *fakeCluster) Owned(context.Context) ([]Applied, error) { return c.owned, nil }

func (c *fakeCluster) Trouble() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		return errAway
	}
	return nil
}

func (c *fakeCluster) Watch(ctx context.Context, deliver func(View)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case v := <-c.views:
			deliver(v)
		}
	}
}

// names of the objects that are there, with how often each was applied.
func (c *fakeCluster) names() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for ref, times := range c.objects {
		list = append(list, fmt.Sprintf("%s*%d", ref, times))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// fakeBalancer remembers what it should serve.
type fakeBalancer struct {
	mu      sync.Mutex
	applies int
	config  lb.Config
	err     error
	gone    bool
}

func (b *fakeBalancer) Apply(_ context.Context, config lb.Config) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.applies, b.config, b.gone = b.applies+1, config, false
	return b.err
}

func (b *fakeBalancer) Sample(context.Context) (map[string]signal.Load, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return nil, errAway
	}
	loads := map[string]signal.Load{}
	for _, f := range b.config.Frontends {
		loads[f.Workload] = signal.Load{ServersUp: ptr(int64(len(f.Servers)))}
	}
	return loads, nil
}

// servers are the names of what is served, by workload.
func (b *fakeBalancer) servers() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, f := range b.config.Frontends {
		var names []string
		for _, s := range f.Servers {
			names = append(names, s.Name)
		}
		list = append(list, f.Workload+"="+strings.Join(names, "+"))
	}
	return strings.Join(list, " ")
}

func (b *fakeBalancer) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.applies
}

// world is a site with everything around it faked; it lives in a bubble of synctest.
type world struct {
	*testing.T
	bus      *fakeBus
	cluster  *fakeCluster
	balancer *fakeBalancer
	agent    *Agent
	dir      string
	end      func()
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, dir: t.TempDir(), bus: &fakeBus{moved: make(chan struct{}, 1)}, balancer: &fakeBalancer{},
		cluster: &fakeCluster{objects: map[Ref]int{}, views: make(chan View)}}
	return w
}

// start starts an agent; restart ends it first, as a kill would.
func (w *world) start() {
	w.Helper()
	agent, err := New(Config{Site: "fra", Bus: w.bus, Cluster: w.cluster, Watcher: w.cluster, Balancer: w.balancer,
		Sets: []AddressSet{set("192.0.2.1")}, Dir: w.dir, Logger: slog.New(slog.NewTextHandler(w.Output(), nil))})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error)
	go func() { done <- agent.Run(ctx) }()
	w.agent = agent
	w.end = func() {
		cancel()
		if err := <-done; err != nil {
			w.Error(err)
		}
	}
}

func (w *world) show(pods ...Pod) { w.cluster.views <- View{Pods: pods} }

// after lets time pass.
func (w *world) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) is(what, got, want string) {
	w.Helper()
	if got != want {
		w.Errorf("%s: %q, want %q", what, got, want)
	}
}

// bundle is a workload with one Deployment in the namespace shop, which it brings along.
func bundle(app string, replicas int) work.Bundle {
	return work.Bundle{
		Workload: "shop/Deployment/" + app, Replicas: replicas, Selector: map[string]string{"app": app},
		Ports: []work.Port{{Listen: portOf[app], Target: 8000, Protocol: work.HTTP}},
		Manifests: []json.RawMessage{
			json.RawMessage(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`),
			json.RawMessage(fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%q,"namespace":"shop"},"spec":{"replicas":%d}}`, app, replicas)),
		},
	}
}

var portOf = map[string]uint16{"chat": 80, "search": 81, "rival": 80}

// services of a report, short: "chat 1/2" is one ready replica of two.
func services(r signal.SiteReport) string {
	short := map[string]string{}
	for _, s := range r.Services {
		short[s.Workload] = fmt.Sprintf("%s %d/%d", strings.TrimPrefix(s.Workload, "shop/Deployment/"), s.ReadyReplicas, s.DesiredReplicas)
	}
	var list []string
	for _, key := range slices.Sorted(maps.Keys(short)) {
		list = append(list, short[key])
	}
	return strings.Join(list, ", ")
}
