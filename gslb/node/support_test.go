package node

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/probe"
	"tidegate.dev/tidegate/gslb/world"
)

const chat gslb.Name = "chat.edge.example."

// mapOf is a world of services with one endpoint each at some sites. Nothing is probed, so that the only verdicts are
// the test's own.
func mapOf(services, sites int) *plan.Map {
	m := &plan.Map{Zones: []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}}}
	for i := range sites {
		m.Sites = append(m.Sites, plan.Site{ID: gslb.SiteID(fmt.Sprintf("s%02d", i))})
	}
	for i := range services {
		s := plan.Service{Name: chat, TTL: time.Second, Steering: plan.Steering{Method: plan.Failover, OnAllUnhealthy: plan.AnswerAll}}
		if i > 0 {
			s.Name = gslb.Name(fmt.Sprintf("n%d.edge.example.", i))
		}
		for j, site := range m.Sites {
			s.Endpoints = append(s.Endpoints, plan.Endpoint{Site: site.ID, Capacity: 1000, Addresses: []plan.Address{{Addr: addressOf(j)}}})
		}
		m.Services = append(m.Services, s)
	}
	m.Canonical()
	return m
}

func addressOf(site int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(site + 1)}) }

func probed(m *plan.Map) *plan.Map {
	m.Services[0].Health = &plan.Health{Type: plan.ProbeTCP, Port: 9, Interval: time.Hour}
	return m
}

// rig is a running node.
type rig struct {
	*Node
	t     *testing.T
	swaps atomic.Int64
	stop  func()
}

func start(t *testing.T, folder string) *rig {
	t.Helper()
	table, err := new(geodata.Builder).Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, folder, Config{Geo: plan.NewGeo(table)})
}

// startWith is start with a geo table of the test's own.
func startWith(t *testing.T, folder string, config Config) *rig {
	t.Helper()
	r := &rig{t: t}
	config.Log = slog.New(slog.DiscardHandler)
	if folder != "" {
		f, err := keep.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		config.Folder = &f
	}
	r.Node = New(config)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	go r.countSwaps(ctx)
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	return r
}

// countSwaps is exact as long as swaps do not follow each other at once: a note that was not taken yet stands for all.
func (r *rig) countSwaps(ctx context.Context) {
	for {
		select {
		case <-r.swapped:
			r.swaps.Add(1)
		case <-ctx.Done():
			return
		}
	}
}

// offer proposes a map as the hub would.
func (r *rig) offer(generation uint64, m *plan.Map, reasons ...plan.Reason) error {
	return r.Propose(r.t.Context(), proposalOf(r.t, generation, m, reasons...))
}

func proposalOf(t *testing.T, generation uint64, m *plan.Map, reasons ...plan.Reason) Proposal {
	t.Helper()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	head := plan.Head{Generation: generation, Digest: plan.DigestOf(data), Reasons: reasons}
	signed, err := head.Sign(hubKey())
	if err != nil {
		t.Fatal(err)
	}
	return Proposal{Head: head, SignedHead: signed, Data: data}
}

func hubKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

func verifyHead(signed []byte) (plan.Head, error) {
	return plan.OpenHead(signed, hubKey().Public().(ed25519.PublicKey))
}

// finding hands the node a verdict of its probes, and waits until it was taken (in a synctest bubble).
func (r *rig) finding(site int, down bool) {
	r.verdicts <- verdictOf(chat, site, down)
	synctest.Wait()
}

func verdictOf(service gslb.Name, site int, down bool) probe.Verdict {
	return probe.Verdict{Target: world.Target{Service: service, Addr: addressOf(site)}, State: health.State{Down: down, Since: time.Now()}}
}

// up says which sites of the service the served snapshot calls up.
func (r *rig) up() (states string) {
	for _, e := range r.Store().Load().Service(0).Endpoints {
		states += map[bool]string{true: "U", false: "D"}[e.Up]
	}
	return states
}

func (r *rig) expectUp(want string) {
	r.t.Helper()
	if got := r.up(); got != want {
		r.t.Errorf("sites are %s, want %s", got, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	temporary := filepath.Join(filepath.Dir(path), "new")
	if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temporary, path); err != nil {
		t.Fatal(err)
	}
}
