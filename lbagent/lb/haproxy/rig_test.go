package haproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/lbagent/lb"
)

// rig is a driver over a real HAProxy of its own.
type rig struct {
	*testing.T
	driver *Driver
	dir    string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("haproxy is not installed: apt-get install haproxy")
	}
	dir, err := os.MkdirTemp("", "lb") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, dir: dir}
	r.driver = r.open()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(r.driver.Stop(ctx), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) open() *Driver {
	r.Helper()
	d, err := New(Options{Dir: r.dir, MaxConnections: 1000, Logger: slog.New(slog.NewTextHandler(r.Output(), nil))})
	if err != nil {
		r.Fatal(err)
	}
	return d
}

func (r *rig) apply(frontends ...lb.Frontend) {
	r.Helper()
	if err := r.driver.Apply(r.Context(), lb.Config{Frontends: frontends}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) worker() int {
	r.Helper()
	info, err := r.driver.process.info(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return info.pid
}

func (r *rig) sample(workload string) signal.Load {
	r.Helper()
	loads, err := r.driver.Sample(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	load, ok := loads[workload]
	if !ok {
		r.Fatalf("no load of %s in %v", workload, loads)
	}
	return load
}

// until waits for what HAProxy does in its own time.
func (r *rig) until(what string, holds func() bool) {
	r.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	r.Fatalf("it did not happen in 5 s: %s", what)
}

var nextHost atomic.Uint32

// local is a port on a loopback address that nothing else uses.
func (r *rig) local(workload string, protocol lb.Protocol, servers ...lb.Server) lb.Frontend {
	r.Helper()
	host := netip.AddrFrom4([4]byte{127, 77, byte(os.Getpid()), byte(nextHost.Add(1))})
	listener, err := net.Listen("tcp", netip.AddrPortFrom(host, 0).String())
	if err != nil {
		r.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).AddrPort().Port()
	return lb.Frontend{Workload: workload, Addresses: []netip.Addr{host}, Listen: port, Protocol: protocol, Servers: servers}
}

func address(f lb.Frontend) string { return netip.AddrPortFrom(f.Addresses[0], f.Listen).String() }
func url(f lb.Frontend) string     { return "http://" + address(f) }

func with(f lb.Frontend, servers ...lb.Server) lb.Frontend {
	f.Servers = servers
	return f
}

// pod is a server that answers with its name, and streams lines on /stream until it is released.
type pod struct {
	lb.Server
	http    *httptest.Server
	release chan struct{}
}

func newPod(t *testing.T, name string) *pod {
	p := &pod{release: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		fmt.Fprint(w, name)
	})
	mux.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	mux.HandleFunc("/stream", p.stream)
	p.http = httptest.NewServer(mux)
	t.Cleanup(p.http.Close)
	p.Server = lb.Server{Name: name, Addr: netip.MustParseAddrPort(p.http.Listener.Addr().String())}
	return p
}

func (p *pod) stream(w http.ResponseWriter, q *http.Request) {
	for {
		fmt.Fprintln(w, "line")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-p.release:
			fmt.Fprintln(w, "end")
			return
		case <-q.Context().Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stream is a client in the middle of a streamed answer.
type stream struct {
	*bufio.Scanner
	body io.Closer
}

func (r *rig) stream(f lb.Frontend) *stream {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url(f)+"/stream", strings.NewReader("{}"))
	if err != nil {
		r.Fatal(err)
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = answer.Body.Close() })
	s := &stream{Scanner: bufio.NewScanner(answer.Body), body: answer.Body}
	if !s.Scan() {
		r.Fatal("the stream did not begin")
	}
	return s
}

// ends says whether the stream came to its own end, rather than being cut.
func (s *stream) ends() bool {
	last := ""
	for s.Scan() {
		last = s.Text()
	}
	return s.Err() == nil && last == "end"
}

func get(target string) (status int, body string, err error) { return getAs("test", target) }

// getAs gets as a User-Agent; an empty one sends none.
func getAs(agent, target string) (status int, body string, err error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	request, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("User-Agent", agent)
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(data), err
}
