package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/deploy/devcluster"
	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

const limit = 90 * time.Second

func TestEverySiteHasAReadyNode(t *testing.T) {
	ctx := testContext(t)
	for _, site := range cluster.Plan.Sites() {
		got := kubectl(ctx, t, site.Name, "get", "nodes", "-o", `jsonpath={.items[*].metadata.name} {.items[*].status.conditions[?(@.type=="Ready")].status}`)
		if want := site.Node() + " True"; got != want {
			t.Errorf("%s: nodes %q, want %q", site.Name, got, want)
		}
	}
}

// On the hub a Deployment is intent: nobody there makes pods of it.
func TestHubRunsNoWorkloads(t *testing.T) {
	ctx := testContext(t)
	kubectl(ctx, t, "hub", "apply", "-f", "testdata/hello.yaml")
	defer kubectl(ctx, t, "hub", "delete", "-f", "testdata/hello.yaml")
	// The service account comes from a controller of the same program: when it is there, the controllers have run.
	poll(ctx, t, "the hub's controllers", func() (bool, string) {
		out, err := cluster.Kubectl(ctx, "hub", "get", "serviceaccount", "default")
		return err == nil, out
	})
	if got := kubectl(ctx, t, "hub", "get", "replicasets,pods,nodes", "-A", "-o", "name"); got != "" {
		t.Errorf("the hub made %s", got)
	}
}

func TestPodAnswersFromAPushedImage(t *testing.T) {
	needRealNodes(t)
	ctx := testContext(t)
	binary := filepath.Join(t.TempDir(), "hello")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./testdata/hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := cluster.PushImage(ctx, "registry.edge.example/hello:dev", binary); err != nil {
		t.Fatal(err)
	}
	kubectl(ctx, t, "pek", "apply", "-f", "testdata/hello.yaml")
	defer kubectl(ctx, t, "pek", "delete", "-f", "testdata/hello.yaml", "--wait=false")
	kubectl(ctx, t, "pek", "rollout", "status", "deployment/hello", "--timeout=60s")
	service := "http://" + kubectl(ctx, t, "pek", "get", "service", "hello", "-o", "jsonpath={.spec.clusterIP}") + "/"

	if got := get(t, "pek", service); !strings.HasPrefix(got, "hello from hello-") {
		t.Errorf("from the site: %q", got)
	}
	pod := kubectl(ctx, t, "pek", "get", "pods", "-l", "app=hello", "-o", "jsonpath={.items[0].metadata.name}")
	if got := kubectl(ctx, t, "pek", "exec", pod, "--", "/hello", service); !strings.HasPrefix(got, "hello from hello-") {
		t.Errorf("from a pod: %q", got)
	}
	if got := kubectl(ctx, t, "pek", "logs", pod); got != "listening" {
		t.Errorf("logs: %q", got)
	}
	// Service addresses are the site's own.
	if err := tryGet("client", service); err == nil {
		t.Error("another host reaches the site's Service address")
	}
}

func TestCutAndHeal(t *testing.T) {
	ctx := testContext(t)
	if cluster.Plan.Mode == layout.Loopback {
		if err := cluster.Cut("iad"); !errors.Is(err, devcluster.ErrNoLinks) {
			t.Errorf("cut without links: %v", err)
		}
	}
	needRealNodes(t)
	registry := "http://" + cluster.Registry() + "/v2/"
	get(t, "iad", registry)
	if err := cluster.Cut("iad"); err != nil {
		t.Fatal(err)
	}
	if err := tryGet("iad", registry); err == nil {
		t.Error("a cut site reaches the registry")
	}
	if err := cluster.Heal("iad"); err != nil {
		t.Fatal(err)
	}
	poll(ctx, t, "the healed site", func() (bool, string) {
		err := tryGet("iad", registry)
		return err == nil, fmt.Sprint(err)
	})
}

func TestDaemonStartsStopsAndStartsAgain(t *testing.T) {
	ctx := testContext(t)
	spec := proc.Spec{Name: "sleeper", Host: "ns1", Args: []string{"/bin/sleep", "600"}}
	if err := cluster.Start(spec); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Kill(ctx, "sleeper"); err != nil || cluster.Alive("sleeper") {
		t.Fatalf("killed: %v, alive: %t", err, cluster.Alive("sleeper"))
	}
	if err := cluster.Restart("sleeper"); err != nil || !cluster.Alive("sleeper") {
		t.Fatalf("started again: %v, alive: %t", err, cluster.Alive("sleeper"))
	}
	// It stays: down has to end it.
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func kubectl(ctx context.Context, t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := cluster.Kubectl(ctx, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func get(t *testing.T, host, url string) string {
	t.Helper()
	body, err := fetch(host, url)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func tryGet(host, url string) error {
	_, err := fetch(host, url)
	return err
}

// fetch asks from a host: the connection is made on a thread in the host's network.
func fetch(host, url string) (body string, err error) {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DialContext: cluster.DialFrom(host), DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}

func poll(ctx context.Context, t *testing.T, what string, done func() (bool, string)) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, last := done()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v; last: %s", what, ctx.Err(), last)
		case <-tick.C:
		}
	}
}
