package probe

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

func targetAt(t *testing.T, address net.Addr, health plan.Health) world.ProbeTarget {
	t.Helper()
	at := netip.MustParseAddrPort(address.String())
	health.Port = at.Port()
	return world.ProbeTarget{Target: world.Target{Service: "chat.edge.example.", Addr: at.Addr()}, Health: health}
}

func TestCheckHTTP(t *testing.T) {
	hang := make(chan struct{})
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Host+" "+r.UserAgent())
		switch r.URL.Path {
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/moved":
			http.Redirect(w, r, "/busy", http.StatusFound)
		case "/hang":
			<-hang
		}
	}))
	defer server.Close()
	defer close(hang)
	for path, want := range map[string]string{
		"/healthz": "", "/moved": "", "/healthz?deep=1": "",
		"/busy": "GET /busy answered 503 Service Unavailable", "/missing": "GET /missing answered 404 Not Found",
	} {
		err := check(t.Context(), targetAt(t, server.Listener.Addr(), plan.Health{Type: plan.ProbeHTTP, Path: path}))
		if message(err) != want {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	for _, who := range asked {
		if who != "chat.edge.example tidegate-probe" {
			t.Errorf("asked as %q", who)
		}
	}
	if len(asked) != 5 {
		t.Errorf("%d requests for 5 checks: a redirect was followed", len(asked))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := check(ctx, targetAt(t, server.Listener.Addr(), plan.Health{Type: plan.ProbeHTTP, Path: "/hang"}))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that hangs: %v", err)
	}
}

// An https probe takes any certificate, and asks for that of the service's name.
func TestCheckHTTPS(t *testing.T) {
	var name string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name = r.TLS.ServerName
		if r.URL.Path == "/busy" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	at := func(kind plan.ProbeType, path string) world.ProbeTarget {
		return targetAt(t, server.Listener.Addr(), plan.Health{Type: kind, Path: path})
	}
	if err := check(t.Context(), at(plan.ProbeHTTPS, "/healthz")); err != nil || name != "chat.edge.example" {
		t.Errorf("%v, by the name %q", err, name)
	}
	if err := check(t.Context(), at(plan.ProbeHTTPS, "/busy")); message(err) != "GET /busy answered 503 Service Unavailable" {
		t.Errorf("busy: %v", err)
	}
	if err := check(t.Context(), at(plan.ProbeHTTP, "/healthz")); err == nil {
		t.Error("healthy without TLS")
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	if err := check(t.Context(), targetAt(t, plain.Listener.Addr(), plan.Health{Type: plan.ProbeHTTPS, Path: "/"})); err == nil {
		t.Error("healthy by TLS where there is none")
	}
}

// Route 53: "the string must appear entirely in the first 5,120 bytes of the response body".
func TestCheckMatch(t *testing.T) {
	const text = "model loaded"
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		padding := func(n int) { io.WriteString(w, strings.Repeat("x", n)) }
		switch r.URL.Path {
		case "/last":
			padding(maxBody - len(text))
		case "/late":
			padding(maxBody - len(text) + 1)
		case "/none":
			padding(7)
			return
		case "/endless":
			padding(maxBody)
			w.(http.Flusher).Flush()
			<-hang
			return
		case "/error":
			w.WriteHeader(http.StatusInternalServerError)
		}
		io.WriteString(w, text)
	}))
	defer server.Close()
	defer close(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for path, want := range map[string]string{
		"/": "", "/last": "", "/error": "GET /error answered 500 Internal Server Error",
		"/none":    `GET /none answered without "model loaded" in the first 7 bytes`,
		"/late":    `GET /late answered without "model loaded" in the first 5120 bytes`,
		"/endless": `GET /endless answered without "model loaded" in the first 5120 bytes`,
	} {
		err := check(ctx, targetAt(t, server.Listener.Addr(), plan.Health{Type: plan.ProbeHTTP, Path: path, Match: text}))
		if message(err) != want {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestCheckTCP(t *testing.T) {
	for _, loopback := range []string{"127.0.0.1:0", "[::1]:0"} {
		listener, err := net.Listen("tcp", loopback)
		if err != nil {
			t.Logf("left out %s: %v", loopback, err)
			continue
		}
		p := targetAt(t, listener.Addr(), plan.Health{Type: plan.ProbeTCP})
		if err := check(t.Context(), p); err != nil {
			t.Errorf("%s: %v", loopback, err)
		}
		listener.Close()
		if err := check(t.Context(), p); err == nil {
			t.Errorf("%s is healthy though nobody listens", loopback)
		}
	}
}

func TestCheckGRPC(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked string
	listen := grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		asked = strings.Join(metadata.ValueFromIncomingContext(ctx, "user-agent"), " ")
		return next(ctx, request)
	})
	server, state := grpc.NewServer(listen), health.NewServer()
	healthpb.RegisterHealthServer(server, state)
	go func() { _ = server.Serve(listener) }()
	p := targetAt(t, listener.Addr(), plan.Health{Type: plan.ProbeGRPC})
	if err := check(t.Context(), p); err != nil || !strings.HasPrefix(asked, "tidegate-probe") {
		t.Errorf("serving: %v, asked as %q", err, asked)
	}
	state.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	if err := check(t.Context(), p); message(err) != "grpc health is NOT_SERVING" {
		t.Errorf("not serving: %v", err)
	}
	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := check(ctx, p); err == nil {
		t.Error("healthy though nobody listens")
	}
}

func TestCheckGRPCWithoutHealth(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	err = check(t.Context(), targetAt(t, listener.Addr(), plan.Health{Type: plan.ProbeGRPC}))
	if err == nil || !strings.Contains(err.Error(), "Unimplemented") {
		t.Errorf("got %v", err)
	}
}

func TestCheckOfUnknownType(t *testing.T) {
	if err := check(t.Context(), world.ProbeTarget{Health: plan.Health{Type: "icmp"}}); err == nil {
		t.Error("healthy")
	}
}
