package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/bustest"
	"tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/lbagent/lb/haproxy"
)

var _ Bus = (*bus.Member)(nil)

// chain is a hub's bus, an agent and HAProxy, all real; the cluster alone is a fake.
type chain struct {
	*testing.T
	hub      *bustest.Bus
	creds    bus.Credentials
	balancer *haproxy.Driver
	cluster  *fakeCluster
	dir      string
	port     uint16
	end      func()

	mu     sync.Mutex
	report signal.SiteReport
}

func newChain(t *testing.T) *chain {
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("haproxy is not installed: apt-get install haproxy")
	}
	dir, err := os.MkdirTemp("", "site") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	c := &chain{T: t, dir: dir, hub: bustest.Start(t), cluster: &fakeCluster{objects: map[Ref]int{}, views: make(chan View)}, port: freePort(t)}
	c.creds = c.hub.Enroll(bus.Site, "fra")
	if c.balancer, err = haproxy.New(haproxy.Options{Dir: filepath.Join(dir, "lb"), Logger: bustest.Logger(t)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(c.balancer.Stop(ctx), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return c
}

func freePort(t *testing.T) uint16 {
	l, err := net.Listen("tcp", lbAddress+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

// lbAddress is a loopback address that other tests do not use.
const lbAddress = "127.78.0.1"

func (c *chain) start() {
	c.Helper()
	ctx, cancel := context.WithCancel(c.Context())
	member, err := bus.Dial(ctx, c.creds, bus.Config{Logger: bustest.Logger(c), Reread: time.Second})
	if err != nil {
		c.Fatal(err)
	}
	agent, err := New(Config{Site: "fra", Bus: member, Cluster: c.cluster, Watcher: c.cluster, Balancer: c.balancer,
		Sets: []AddressSet{set(lbAddress)}, Dir: filepath.Join(c.dir, "work"), Logger: bustest.Logger(c)})
	if err != nil {
		c.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- agent.Run(ctx) }()
	c.end = func() {
		cancel()
		if err := <-done; err != nil {
			c.Error(err)
		}
		member.Close()
	}
}

// put makes the hub give the site work.
func (c *chain) put(revision uint64, list ...work.Bundle) {
	c.Helper()
	inventory := work.Inventory{Revision: revision, Bundles: map[string]plan.Digest{}}
	for _, b := range list {
		data, err := json.Marshal(b)
		if err != nil {
			c.Fatal(err)
		}
		inventory.Bundles[b.Workload] = plan.DigestOf(data)
		if err := c.hub.Hub.PutBundle(c.Context(), "fra", b.Workload, data); err != nil {
			c.Fatal(err)
		}
	}
	data, err := json.Marshal(inventory)
	if err == nil {
		err = c.hub.Hub.PutInventory(c.Context(), "fra", data)
	}
	if err != nil {
		c.Fatal(err)
	}
}

func (c *chain) get() string {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(fmt.Sprintf("http://%s:%d/", lbAddress, c.port))
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return fmt.Sprint(answer.StatusCode, " ", string(body[:min(len(body), 20)]))
}

// until waits for what several real programs do together, and returns how long it took.
func (c *chain) until(what string, holds func() bool) time.Duration {
	c.Helper()
	begun := time.Now()
	for !holds() {
		if time.Since(begun) > bustest.Timeout {
			c.Fatalf("it did not happen: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(begun)
}

// followReports keeps the last report that the hub received, until the hub ends.
func (c *chain) followReports() {
	ctx, cancel := context.WithCancel(c.Context())
	done := make(chan error)
	go func() {
		done <- c.hub.Hub.Reports(ctx, func(r hub.Report) {
			report, err := signal.DecodeSite(r.Data)
			if err != nil || r.Sender != "fra" {
				c.Errorf("report of %s: %v", r.Sender, err)
			}
			c.mu.Lock()
			c.report = report
			c.mu.Unlock()
		})
	}()
	c.Cleanup(func() {
		cancel()
		<-done
	})
}

func (c *chain) last() signal.SiteReport {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.report
}

func TestChain(t *testing.T) {
	c := newChain(t)
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "tide") }))
	t.Cleanup(pod.Close)
	at := netip.MustParseAddrPort(pod.Listener.Addr().String())
	b := bundle("chat", 2)
	b.Ports = []work.Port{{Listen: c.port, Target: at.Port(), Protocol: work.HTTP}}
	c.followReports()
	c.start()
	defer func() { c.end() }()

	c.put(1, b)
	c.until("the objects are applied", func() bool { return strings.Contains(c.cluster.names(), "shop/chat") })
	c.cluster.views <- View{}
	c.until("HTTP without replicas answers 503", func() bool { return strings.HasPrefix(c.get(), "503") })
	c.cluster.views <- View{Pods: []Pod{chatPod("chat-a", at.Addr().String())}}
	t.Logf("served %v after the pod was ready", c.until("the pod is served", func() bool { return c.get() == "200 tide" }))
	c.until("the hub has the report", func() bool { r := c.last(); return r.Work == 1 && services(r) == "chat 1/2" })
	c.until("the load is reported", func() bool { l := c.last().Services[0].Load; return l != nil && l.Rate != nil && *l.RequestsTotal > 0 })

	c.hub.Stop() // hub and bus are gone, and the agent restarts meanwhile
	c.end()
	if got := c.get(); got != "200 tide" {
		t.Errorf("without the agent: %s", got)
	}
	c.start()
	c.cluster.views <- View{Pods: []Pod{chatPod("chat-a", at.Addr().String())}}
	for range 20 {
		if got := c.get(); got != "200 tide" {
			t.Fatalf("cut off: %s", got)
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.hub.Start()
	c.put(2)
	c.until("the workload is gone", func() bool { return !strings.Contains(c.cluster.names(), "shop/chat") })
	c.until("its port is closed", func() bool { return strings.Contains(c.get(), "refused") })
}
