package hub

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"tidegate.dev/tidegate/controlplane/enroll"
	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/bus"
	bushub "tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
)

// memoryBus is a bus in memory that keeps the order of what is written.
type memoryBus struct {
	Bus
	head     []byte
	revision bushub.Revision
	writes   []string
	conflict bool
	// inventory and bundles are what it holds for every site; lost is why it takes no bundle.
	inventory []byte
	bundles   []string
	lost      error
}

func (b *memoryBus) Inventory(context.Context, string) ([]byte, error) { return b.inventory, nil }

func (b *memoryBus) Bundles(context.Context, string) ([]string, error) { return b.bundles, nil }

func (b *memoryBus) Head(context.Context) ([]byte, bushub.Revision, error) {
	if b.head == nil {
		return nil, bushub.NoHead, bushub.ErrNotFound
	}
	return b.head, b.revision, nil
}

func (b *memoryBus) PublishMap(_ context.Context, data []byte) (string, error) {
	b.writes = append(b.writes, "map")
	return string(plan.DigestOf(data)), nil
}

func (b *memoryBus) MoveHead(_ context.Context, signed []byte, _ string, expected bushub.Revision) (bushub.Revision, error) {
	if b.conflict || expected != b.revision {
		return bushub.NoHead, bushub.ErrConflict
	}
	b.writes = append(b.writes, "head")
	b.head, b.revision = signed, b.revision+1
	return b.revision, nil
}

func (b *memoryBus) PutBundle(_ context.Context, site, key string, _ []byte) error {
	b.writes = append(b.writes, "bundle "+site+" "+key)
	return b.lost
}

func (b *memoryBus) PutInventory(_ context.Context, site string, _ []byte) error {
	b.writes = append(b.writes, "inventory "+site)
	return nil
}

func (b *memoryBus) DeleteBundle(_ context.Context, site, key string) error {
	b.writes = append(b.writes, "delete "+site+" "+key)
	return nil
}

func newTestLoop(t *testing.T, b *memoryBus) *Loop {
	t.Helper()
	return New(Config{
		Client: fake.NewClientBuilder().WithScheme(scheme.Scheme).Build(), Bus: b, Namespace: "tidegate-system",
		MapKey: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), MapFile: filepath.Join(t.TempDir(), "map.json"),
		Logger: slog.New(slog.DiscardHandler),
	})
}

func aMap() *plan.Map {
	m := &plan.Map{Zones: []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}}}
	m.Canonical()
	return m
}

// ready reads the state and the head, as a pass does first.
func ready(t *testing.T, l *Loop) {
	t.Helper()
	if err := errors.Join(l.readState(t.Context()), l.readHead(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func publishOnce(t *testing.T, l *Loop) error {
	t.Helper()
	ready(t, l)
	in := Inputs{State: l.state.State, Head: l.bus.head}
	return l.publish(t.Context(), in, Outputs{Map: aMap(), Publish: true, State: l.state.State})
}

func TestPublishIsRemembered(t *testing.T) {
	b := &memoryBus{}
	first := newTestLoop(t, b)
	if err := publishOnce(t, first); err != nil {
		t.Fatal(err)
	}
	if want := []string{"map", "head"}; !slices.Equal(b.writes, want) {
		t.Errorf("wrote %v, want %v", b.writes, want)
	}
	second := newTestLoop(t, b)
	second.cfg.Client, second.cfg.MapFile = first.cfg.Client, first.cfg.MapFile
	ready(t, second)
	if second.bus.head.Generation != 1 || second.bus.current == nil || second.state.Generation != 1 {
		t.Errorf("a new leader knows head %+v, map %v, state %+v", second.bus.head, second.bus.current != nil, second.state.State)
	}
}

func TestTwoLeadersNeverShareAGeneration(t *testing.T) {
	b := &memoryBus{}
	first, second := newTestLoop(t, b), newTestLoop(t, b)
	second.cfg.Client = first.cfg.Client
	ready(t, first)
	ready(t, second)
	if err := publishOnce(t, first); err != nil {
		t.Fatal(err)
	}
	out := Outputs{Map: aMap(), Publish: true}
	if err := second.publish(t.Context(), Inputs{}, out); err == nil {
		t.Fatal("the second leader took the same generation")
	}
	if err := publishOnce(t, second); err != nil || second.bus.head.Generation != 2 {
		t.Errorf("after reading again: %v, generation %d", err, second.bus.head.Generation)
	}
}

func TestConflictReadsTheHeadAgain(t *testing.T) {
	b := &memoryBus{conflict: true}
	l := newTestLoop(t, b)
	if err := publishOnce(t, l); !errors.Is(err, bushub.ErrConflict) || l.bus.known {
		t.Errorf("err = %v, known %v", err, l.bus.known)
	}
}

func TestForeignHeadIsReplaced(t *testing.T) {
	signed, err := plan.Head{Generation: 9}.Sign(ed25519.NewKeyFromSeed(slices.Repeat([]byte{1}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	b := &memoryBus{head: signed, revision: 4}
	l := newTestLoop(t, b)
	if err := publishOnce(t, l); err != nil || l.bus.head.Generation != 1 || b.revision != 5 {
		t.Errorf("err = %v, head %+v", err, l.bus.head)
	}
}

func TestWorkIsWrittenInOrder(t *testing.T) {
	b := &memoryBus{}
	l := newTestLoop(t, b)
	l.bus.work = map[gslb.SiteID]SiteWork{}
	held := SiteWork{Inventory: work.Inventory{Revision: 4}, Since: map[string]uint64{"a": 2}}
	w := WorkWrite{Put: map[string][]byte{"b": []byte("{}")}, Remove: []string{"old"},
		Inventory: work.Inventory{Revision: 5, Bundles: map[string]plan.Digest{"a": "1", "b": "2", "c": "3"}}}
	if err := l.handOut(t.Context(), Inputs{Work: map[gslb.SiteID]SiteWork{"fra": held}}, Outputs{Work: map[gslb.SiteID]WorkWrite{"fra": w}}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"bundle fra b", "inventory fra", "delete fra old"}; !slices.Equal(b.writes, want) {
		t.Errorf("wrote %v, want %v", b.writes, want)
	}
	since := l.bus.work["fra"].Since
	if since["a"] != 2 || since["b"] != 5 || since["c"] != 4 {
		t.Errorf("since %v", since)
	}
}

// TestListedBundleThatIsNotThere: a bus that lost its disk took an inventory before the loop knew of the loss.
func TestListedBundleThatIsNotThere(t *testing.T) {
	b := &memoryBus{inventory: []byte(`{"revision": 5, "bundles": {"a": "1", "b": "2"}}`), bundles: []string{"b"}}
	got, err := newTestLoop(t, b).readInventory(t.Context(), "fra")
	if err != nil || got.Revision != 5 || len(got.Bundles) != 1 || got.Bundles["b"] != "2" {
		t.Errorf("read %+v, %v, want b alone: a is to be put again", got, err)
	}
}

// TestWorkThatIsNotTaken: what the bus does not take is remembered, so that the next try has the same revision.
func TestWorkThatIsNotTaken(t *testing.T) {
	b := &memoryBus{lost: errors.New("the bus is away")}
	l := newTestLoop(t, b)
	l.bus.work = map[gslb.SiteID]SiteWork{"fra": {Inventory: work.Inventory{Revision: 4}}}
	w := WorkWrite{Put: map[string][]byte{"a": nil}, Inventory: work.Inventory{Revision: 5, Bundles: map[string]plan.Digest{"a": "1"}}}
	err := l.handOut(t.Context(), Inputs{Work: l.bus.work}, Outputs{Work: map[gslb.SiteID]WorkWrite{"fra": w}})
	if got := l.bus.work["fra"]; !errors.Is(err, b.lost) || got.Inventory.Revision != 4 || got.Tried.Revision != 5 {
		t.Errorf("%v, holds %+v", err, got)
	}
}

func siteReport(sender string, change func(*signal.SiteReport)) bushub.Report {
	r := signal.SiteReport{Version: signal.Version, Site: gslb.SiteID(sender)}
	change(&r)
	data, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return bushub.Report{Sender: sender, Role: bus.Site, Data: data, Received: time.Now()}
}

func TestReports(t *testing.T) {
	news := 0
	h := newHeard(slog.New(slog.DiscardHandler), func() { news++ })
	same := func(*signal.SiteReport) {}
	h.take(siteReport("fra", same))
	h.take(siteReport("fra", func(r *signal.SiteReport) { r.Sequence, r.SampledAt = 7, time.Now() }))
	if news != 1 {
		t.Errorf("%d times news after the same report twice", news)
	}
	h.take(siteReport("fra", func(r *signal.SiteReport) { r.Work = 3 }))
	if news != 2 {
		t.Errorf("%d times news after other work", news)
	}
	requests, up := uint64(9), int64(1)
	for range 3 {
		requests++
		h.take(siteReport("fra", func(r *signal.SiteReport) {
			r.Work, r.Services = 3, []signal.ServiceReport{{Workload: "shop/Deployment/chat", DesiredReplicas: 1,
				Load: &signal.Load{RequestsTotal: &requests, ServersUp: &up}}}
		}))
	}
	up = 0
	h.take(siteReport("fra", func(r *signal.SiteReport) {
		r.Work, r.Services = 3, []signal.ServiceReport{{Workload: "shop/Deployment/chat", DesiredReplicas: 1, Load: &signal.Load{ServersUp: &up}}}
	}))
	if news != 4 {
		t.Errorf("%d times news after a service, more requests and a server that is down", news)
	}
	h.take(siteReport("pek", func(r *signal.SiteReport) { r.Site, r.Work = "fra", 9 }))
	h.take(bushub.Report{Sender: "fra", Role: bus.Site, Data: []byte("{"), Received: time.Now()})
	sites, _ := h.all()
	if h.refusedCount() != 2 || sites["fra"].Report.Work != 3 || len(sites) != 1 {
		t.Errorf("%d refused, sites %+v", h.refusedCount(), sites)
	}
}

func TestNewestPrefersWhatWasWritten(t *testing.T) {
	object := func(name, version string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version, UID: types.UID(name)}}
	}
	keep := func(w written, o *corev1.ConfigMap, at time.Time) { w[writtenKey(o)] = own{object: o, at: at} }
	w := written{}
	keep(w, object("newer", "12"), time.Now())
	keep(w, object("older", "3"), time.Now())
	keep(w, object("made", "5"), time.Now())
	keep(w, object("gone", "5"), time.Now().Add(-time.Hour))
	got := newest(w, []*corev1.ConfigMap{object("newer", "9"), object("older", "10")})
	var texts []string
	for _, o := range got {
		texts = append(texts, o.Name+" "+o.ResourceVersion)
	}
	slices.Sort(texts)
	if want := []string{"gone 5", "made 5", "newer 12", "older 10"}; !slices.Equal(texts, want) {
		t.Errorf("got %v, want %v", texts, want)
	}
	if len(w) != 2 {
		t.Errorf("%d are kept, want newer and made", len(w))
	}
}

func TestTokensAreUsedOnce(t *testing.T) {
	s := &Secrets{Client: fake.NewClientBuilder().WithScheme(scheme.Scheme).Build(), Namespace: "tidegate-system"}
	if _, err := s.Get(t.Context(), "h"); !errors.Is(err, enroll.ErrNoRecord) {
		t.Errorf("before: %v", err)
	}
	for hash, expires := range map[string]time.Duration{"old": -time.Hour, "h": time.Hour} {
		if err := s.Add(t.Context(), enroll.Record{Hash: hash, Role: bus.Site, Name: "fra", Expires: time.Now().Add(expires)}); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	winners := make([]string, 4)
	for i := range winners {
		wg.Go(func() {
			r, err := s.Use(t.Context(), "h", strings.Repeat("k", i+1))
			if err != nil {
				t.Error(err)
			}
			winners[i] = r.UsedBy
		})
	}
	wg.Wait()
	if len(slices.Compact(winners)) != 1 {
		t.Errorf("used by %v", winners)
	}
	if _, err := s.Use(t.Context(), "never", "k"); !errors.Is(err, enroll.ErrNoRecord) {
		t.Errorf("unknown: %v", err)
	}
}

func TestKeysAreMadeOnce(t *testing.T) {
	s := &Secrets{Client: fake.NewClientBuilder().WithScheme(scheme.Scheme).Build(), Namespace: "tidegate-system"}
	first, err := s.MapKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.MapKey(t.Context())
	if err != nil || !first.Equal(again) {
		t.Errorf("another key, %v", err)
	}
	a, err := s.Authority(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Authority(t.Context())
	if err != nil || a.CAHash() != b.CAHash() {
		t.Errorf("another authority, %v", err)
	}
}

func TestAdmin(t *testing.T) {
	token := func(_ context.Context, role bus.Role, name string) (string, error) {
		return string(role) + "-" + name, nil
	}
	leading := Admin{Status: func() Status { return Status{Leading: true, Generation: 7} }, NewToken: token}
	tests := []struct {
		admin              Admin
		method, path, body string
		code               int
		says               string
	}{
		{leading, "GET", "/v1/status", "", 200, `"generation":7`},
		{Admin{}, "GET", "/v1/status", "", 200, `"leading":false`},
		{leading, "POST", "/v1/tokens", `{"role":"site","name":"fra"}`, 200, `"token":"site-fra"`},
		{leading, "POST", "/v1/tokens", `{"role":"king","name":"fra"}`, 400, `role`},
		{leading, "POST", "/v1/tokens", `{"role":"site","name":"FRA"}`, 400, `name`},
		{leading, "POST", "/v1/tokens", `{"roll":"site"}`, 400, `want {\"role\":\"site\"`},
		{Admin{}, "POST", "/v1/tokens", `{"role":"site","name":"fra"}`, 503, "does not lead"},
		{leading, "GET", "/v1/tokens", "", 405, ""},
	}
	for _, test := range tests {
		answer := httptest.NewRecorder()
		request := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
		Handler(func() Admin { return test.admin }).ServeHTTP(answer, request)
		body := strings.ReplaceAll(answer.Body.String(), `": `, `":`)
		if answer.Code != test.code || !strings.Contains(body, test.says) {
			t.Errorf("%s %s %s: %d %s, want %d %s", test.method, test.path, test.body, answer.Code, body, test.code, test.says)
		}
	}
}

func TestLocation(t *testing.T) {
	for text, want := range map[string]int32{"50.11": 50_110_000, "-77.45": -77_450_000, "0": 0, "8.680001": 8_680_001} {
		if got, err := micro(text); err != nil || got != want {
			t.Errorf("micro(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "1.0000001", "5000"} {
		if got, err := micro(text); err == nil {
			t.Errorf("micro(%q) = %d", text, got)
		}
	}
}
