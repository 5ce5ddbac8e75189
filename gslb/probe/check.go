package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// userAgent begins how HTTP and gRPC probes call themselves: sites tell them from clients by it (lbagent/lb/haproxy).
const userAgent = "tidegate-probe"

// check makes one check; nil is healthy.
func check(ctx context.Context, t world.ProbeTarget) error {
	address := netip.AddrPortFrom(t.Addr, t.Health.Port).String()
	switch t.Health.Type {
	case plan.ProbeHTTP, plan.ProbeHTTPS:
		return checkHTTP(ctx, address, t)
	case plan.ProbeTCP:
		return checkTCP(ctx, address)
	case plan.ProbeGRPC:
		return checkGRPC(ctx, address)
	}
	return fmt.Errorf("probe type %q is unknown", t.Health.Type)
}

func checkTCP(ctx context.Context, address string) error {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}

// checkHTTP asks on a fresh connection, as a new client would, and follows no redirect.
func checkHTTP(ctx context.Context, address string, t world.ProbeTarget) error {
	scheme := string(t.Health.Type)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+t.Health.Path, nil)
	if err != nil {
		return err
	}
	request.Host = strings.TrimSuffix(string(t.Service), ".")
	request.Header.Set("User-Agent", userAgent)
	response, err := transportTo(request.Host).RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return fmt.Errorf("GET %s answered %s", t.Health.Path, response.Status)
	}
	return checkBody(response.Body, t.Health)
}

// transportTo is good for one request. By TLS it asks for the certificate of the service's name and does not verify it, like
// the kubelet's probes: a probe asks whether the endpoint works, and inside a site certificates are often its own.
func transportTo(name string) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10,
		TLSClientConfig: &tls.Config{ServerName: name, InsecureSkipVerify: true},
	}
}

// maxBody is how much of an answer is searched for the text to match, as Route 53 does.
const maxBody = 5120

func checkBody(body io.Reader, h plan.Health) error {
	if h.Match == "" {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(body, maxBody))
	if bytes.Contains(text, []byte(h.Match)) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("GET %s: read the answer: %w", h.Path, err)
	}
	return fmt.Errorf("GET %s answered without %q in the first %d bytes", h.Path, h.Match, len(text))
}

// checkGRPC asks for the health of the whole server (the empty service name of grpc.health.v1).
func checkGRPC(ctx context.Context, address string) error {
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent(userAgent))
	if err != nil {
		return err
	}
	defer connection.Close()
	answer, err := healthpb.NewHealthClient(connection).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if answer.Status != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("grpc health is %s", answer.Status)
	}
	return nil
}
