package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tidegate.dev/tidegate/lbagent/lb"
)

// load is clients that post over kept connections, which nobody may repeat for them, as fast as they are answered.
type load struct {
	sent, failed atomic.Uint64
	first        atomic.Pointer[error]
	clients      sync.WaitGroup
	end          context.CancelFunc
}

func (r *rig) load(clients int, target string) *load {
	ctx, end := context.WithCancel(r.Context())
	l := &load{end: end}
	for range clients {
		l.clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				l.post(client, target)
				time.Sleep(time.Millisecond)
			}
		})
	}
	r.Cleanup(l.stop)
	return l
}

func (l *load) post(client *http.Client, target string) {
	l.sent.Add(1)
	answer, err := client.Post(target, "application/json", strings.NewReader(`{"prompt": "tide"}`))
	if err == nil {
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			err = errors.New(answer.Status)
		}
	}
	if err != nil {
		l.failed.Add(1)
		l.first.CompareAndSwap(nil, &err)
	}
}

func (l *load) stop() {
	l.end()
	l.clients.Wait()
}

// check stops the load and says whether all of it was answered.
func (l *load) check(r *rig, least uint64) {
	r.Helper()
	l.stop()
	if first := l.first.Load(); first != nil || l.sent.Load() < least {
		r.Errorf("%d of %d requests failed, want 0 of at least %d; the first: %v", l.failed.Load(), l.sent.Load(), least, first)
	}
}

func TestServersChangeUnderLoad(t *testing.T) {
	r := newRig(t)
	a, b, c := newPod(t, "a"), newPod(t, "b"), newPod(t, "c")
	f := r.local("shop/Deployment/chat", lb.HTTP, a.Server)
	f.Check.HTTPPath = "/"
	r.apply(f)
	worker := r.worker()
	l := r.load(4, url(f))
	sets := [][]lb.Server{{a.Server, b.Server}, {b.Server, c.Server}, {c.Server}, {{Name: "c", Addr: a.Addr}}, {a.Server, b.Server, c.Server}, {b.Server}}
	for round := 0; round < 24 || l.sent.Load() < 300; round++ {
		r.apply(with(f, sets[round%len(sets)]...))
		time.Sleep(10 * time.Millisecond)
	}
	r.apply(with(f, b.Server))
	l.check(r, 300)
	if r.worker() != worker {
		t.Error("servers changed by a reload")
	}
	if _, body, err := get(url(f)); err != nil || body != "b" {
		t.Errorf("the last set is b alone: %q answered, %v", body, err)
	}
	if load := r.sample(f.Workload); *load.RequestsTotal != l.sent.Load()+1 || *load.Errors5xxTotal != 0 || *load.ServersUp != 1 {
		t.Errorf("counted %d requests of %d, %d errors, %d servers up", *load.RequestsTotal, l.sent.Load()+1, *load.Errors5xxTotal, *load.ServersUp)
	}
}

func TestFrontendsChangeUnderLoad(t *testing.T) {
	r := newRig(t)
	a := newPod(t, "a")
	f, other := r.local("shop/Deployment/chat", lb.HTTP, a.Server), r.local("shop/Deployment/other", lb.HTTP, a.Server)
	r.apply(f)
	r.sample(f.Workload)
	l := r.load(4, url(f))
	for range 4 {
		r.apply(f, other)
		if status, _, err := get(url(other)); status != http.StatusOK {
			t.Errorf("the new frontend: %d %v", status, err)
		}
		r.apply(f)
		r.sample(f.Workload)
	}
	l.check(r, 100)
	if _, _, err := get(url(other)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a frontend that is gone: %v, want connection refused", err)
	}
	// What a worker counts in the milliseconds between its last reading and its end is lost.
	if total := *r.sample(f.Workload).RequestsTotal; total == 0 || total > l.sent.Load() {
		t.Errorf("counted %d requests over reloads, %d were sent", total, l.sent.Load())
	}
}

func TestTotalsGoOnOverReloads(t *testing.T) {
	r := newRig(t)
	a := newPod(t, "a")
	f := r.local("shop/Deployment/chat", lb.HTTP, a.Server)
	for range 3 {
		r.apply(f, r.local("shop/Deployment/other", lb.HTTP))
		for range 7 {
			if status, _, err := get(url(f)); status != http.StatusOK {
				t.Fatal(status, err)
			}
		}
	}
	if total := *r.sample(f.Workload).RequestsTotal; total != 21 {
		t.Errorf("%d requests over two reloads, want 21", total)
	}
}

// The way out where the runtime socket refuses a change: nothing but the servers differs, so the digest stays.
func TestReloadWithTheSameFrontends(t *testing.T) {
	r := newRig(t)
	a, b := newPod(t, "a"), newPod(t, "b")
	f := r.local("shop/Deployment/chat", lb.HTTP, a.Server)
	r.apply(f)
	for _, pod := range []*pod{b, a, b} {
		before := r.worker()
		text, digest, err := Render(config(with(f, pod.Server)), r.driver.settings)
		if err == nil {
			err = r.driver.reload(t.Context(), text, digest, "the test wants it")
		}
		if err != nil || r.worker() == before {
			t.Fatalf("the old worker answers after the reload: %v", err)
		}
		if _, body, err := get(url(f)); body != pod.Name {
			t.Errorf("after the reload %q answers, want %q: %v", body, pod.Name, err)
		}
	}
}

func TestStreamsOutliveServersAndReloads(t *testing.T) {
	r := newRig(t)
	a, b := newPod(t, "a"), newPod(t, "b")
	f, other := r.local("shop/Deployment/chat", lb.HTTP, a.Server), r.local("shop/Deployment/other", lb.HTTP)
	r.apply(f)
	s := r.stream(f)
	r.apply(with(f, b.Server))
	if _, body, err := get(url(f)); err != nil || body != "b" {
		t.Errorf("a new request went to %q, %v", body, err)
	}
	r.apply(with(f), other)
	if load := r.sample(f.Workload); *load.InFlight != 1 || *load.ServersUp != 0 {
		t.Errorf("%d in flight, want the stream in the old worker; %d servers up, want none", *load.InFlight, *load.ServersUp)
	}
	close(a.release)
	if !s.ends() {
		t.Errorf("the stream was cut: %v", s.Err())
	}
	r.until("in flight falls to 0", func() bool { return *r.sample(f.Workload).InFlight == 0 })
}

func TestNoServers(t *testing.T) {
	r := newRig(t)
	a := newPod(t, "a")
	web, raw := r.local("shop/Deployment/chat", lb.HTTP), r.local("shop/Deployment/raw", lb.TCP)
	r.apply(web, raw)
	if status, _, err := get(url(web)); status != http.StatusServiceUnavailable {
		t.Errorf("HTTP without servers: %d %v, want 503", status, err)
	}
	if _, err := net.Dial("tcp", address(raw)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("TCP without servers: %v, want connection refused", err)
	}
	r.apply(with(web, a.Server), with(raw, a.Server))
	for _, f := range []lb.Frontend{web, raw} {
		if _, body, err := get(url(f)); body != "a" {
			t.Errorf("%s with a server: %q %v", f.Protocol, body, err)
		}
	}
	a.http.Close()
	begun := time.Now()
	r.until("a dead server is out: HTTP answers 503 and TCP closes", func() bool {
		status, _, _ := get(url(web))
		up := *r.sample(raw.Workload).ServersUp
		return status == http.StatusServiceUnavailable && up == 0
	})
	t.Logf("a dead server was out after %v", time.Since(begun).Round(time.Millisecond))
	if _, _, err := get(url(raw)); err == nil {
		t.Error("TCP with a dead server was answered")
	}
}

func TestSample(t *testing.T) {
	r := newRig(t)
	a := newPod(t, "a")
	f := r.local("shop/Deployment/chat", lb.HTTP, a.Server)
	r.apply(f)
	r.stream(f)
	for range 4 {
		if status, _, err := get(url(f) + "/fail"); status != http.StatusInternalServerError {
			t.Fatal(status, err)
		}
	}
	load := r.sample(f.Workload)
	if *load.RequestsTotal != 5 || *load.Errors5xxTotal != 4 || *load.InFlight != 1 || *load.Queued != 0 || *load.ServersUp != 1 || load.Rate != nil {
		t.Errorf("sample: %d requests, %d errors, %d in flight, %d queued, %d up, rate %v", *load.RequestsTotal, *load.Errors5xxTotal, *load.InFlight, *load.Queued, *load.ServersUp, load.Rate)
	}
}

// The probes of name servers reach the servers that clients reach, and are not counted.
func TestProbesAreNoRequests(t *testing.T) {
	r := newRig(t)
	a := newPod(t, "a")
	f := r.local("shop/Deployment/chat", lb.HTTP, a.Server)
	r.apply(f)
	for _, agent := range []string{"tidegate-probe", "tidegate-probe/2", "curl", "about tidegate-probe", ""} {
		if got, body, err := getAs(agent, url(f)); got != http.StatusOK || body != "a" {
			t.Errorf("%q: %d %q %v", agent, got, body, err)
		}
	}
	if total := *r.sample(f.Workload).RequestsTotal; total != 3 {
		t.Errorf("%d requests, want the 3 of clients", total)
	}
	a.http.Close()
	r.until("a probe finds the dead server", func() bool { status, _, _ := getAs(probeAgent, url(f)); return status == http.StatusServiceUnavailable })
	if total := *r.sample(f.Workload).RequestsTotal; total != 3 {
		t.Errorf("%d requests after probes of a dead server, want 3", total)
	}
}

func TestAdopt(t *testing.T) {
	r := newRig(t)
	a, b := newPod(t, "a"), newPod(t, "b")
	f := r.local("shop/Deployment/chat", lb.HTTP, a.Server)
	r.apply(f)
	worker := r.worker()
	s := r.stream(f)
	r.driver = r.open() // as after kill -9 of the site's agent
	r.apply(with(f, b.Server))
	if r.worker() != worker {
		t.Error("the running HAProxy was not adopted as it was")
	}
	if _, body, _ := get(url(f)); body != "b" {
		t.Errorf("a change after the adoption did not arrive: %q", body)
	}
	close(a.release)
	if !s.ends() {
		t.Errorf("the stream was cut by the adoption: %v", s.Err())
	}
}

func TestKilledHAProxyComesBack(t *testing.T) {
	r := newRig(t)
	a := newPod(t, "a")
	f := r.local("shop/Deployment/chat", lb.HTTP, a.Server)
	r.apply(f)
	master, ok := r.driver.process.running()
	if !ok {
		t.Fatal("no pid file")
	}
	for _, pid := range []int{master, r.worker()} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	r.until("nothing listens", func() bool { _, _, err := get(url(f)); return errors.Is(err, syscall.ECONNREFUSED) })
	if _, err := r.driver.Sample(t.Context()); err == nil {
		t.Error("a dead HAProxy was sampled")
	}
	r.apply(f)
	if _, body, err := get(url(f)); body != "a" {
		t.Errorf("after the start: %q %v", body, err)
	}
}

func TestOneBadFrontendDoesNotHurtTheOthers(t *testing.T) {
	r := newRig(t)
	a := newPod(t, "a")
	good, held, away, odd := r.local("a", lb.HTTP, a.Server), r.local("b", lb.HTTP, a.Server), r.local("c", lb.HTTP, a.Server), r.local("d", lb.HTTP, a.Server)
	holder, err := net.Listen("tcp", address(held))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	away.Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.77")}
	odd.Check.HTTPPath = "/'"
	err = r.driver.Apply(t.Context(), lb.Config{Frontends: []lb.Frontend{good, held, away, odd}})
	reasons, only := lb.FrontendErrors(err)
	if !only || len(reasons) != 3 || !errors.Is(reasons["b"], syscall.EADDRINUSE) || !errors.Is(reasons["c"], syscall.EADDRNOTAVAIL) || !errors.Is(reasons["d"], errName) {
		t.Errorf("reasons: %v", err)
	}
	if _, body, err := get(url(good)); body != "a" {
		t.Errorf("the good one: %q %v", body, err)
	}
	_ = holder.Close()
	r.apply(good, held)
	if _, body, err := get(url(held)); body != "a" {
		t.Errorf("the port is free now: %q %v", body, err)
	}
}

func TestEmptyConfig(t *testing.T) {
	r := newRig(t)
	a := newPod(t, "a")
	r.apply()
	f := r.local("shop/Deployment/chat", lb.HTTP, a.Server)
	r.apply(f)
	r.apply()
	if _, _, err := get(url(f)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nothing to serve: %v, want connection refused", err)
	}
}

func TestNew(t *testing.T) {
	if _, err := New(Options{Binary: "no-such-haproxy", Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "apt-get install haproxy") {
		t.Errorf("no HAProxy: %v", err)
	}
	if _, err := New(Options{Binary: "true", Dir: t.TempDir() + "/" + strings.Repeat("long", 30)}); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("a long path: %v", err)
	}
	dir := t.TempDir()
	if _, err := New(Options{Binary: "true", Dir: dir}); err != nil {
		t.Skip(fmt.Sprint("the temporary folder's path is too long here: ", err))
	}
	p := process{dir: dir}
	if err := os.WriteFile(p.pidFile(), fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		t.Fatal(err)
	}
	if pid, ok := p.running(); ok {
		t.Errorf("process %d is not HAProxy and was taken for it", pid)
	}
}
