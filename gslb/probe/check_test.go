package probe

import (
	"context"
	"errors"
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
