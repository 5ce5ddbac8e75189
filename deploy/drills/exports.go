package drills

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"tidegate.dev/tidegate/deploy/daemons"
)

// Export is a workload of a drill's own: the sample's image under another name and port.
type Export struct {
	Name string
	Port int
}

// Namespace of the drills' workloads.
const Namespace = "drills"

// Domain is the export's name.
func (e Export) Domain() string { return e.Name + "." + daemons.Zone }

func (e Export) manifest() string {
	return fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[2]s
  namespace: %[1]s
  annotations:
    tidegate.dev/domain: %[3]s
    tidegate.dev/port: "%[4]d:8080"
    tidegate.dev/capacity: 12/s
    tidegate.dev/health: http:/healthz
spec:
  replicas: 3
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: chat
        image: %[5]s
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
        resources: {requests: {cpu: 5m, memory: 8Mi}}
`, Namespace, e.Name, e.Domain(), e.Port, daemons.SampleImage)
}

// Create exports the workload.
func (d *Drills) Create(ctx context.Context, e Export) error {
	file := filepath.Join(d.Cluster.Run(), "drill-"+e.Name+".yaml")
	if err := os.WriteFile(file, []byte(e.manifest()), 0o644); err != nil {
		return err
	}
	_, err := d.kubectl(ctx, "hub", "apply", "-f", file)
	return err
}

// Delete deletes the workload at the hub.
func (d *Drills) Delete(ctx context.Context, e Export) error {
	_, err := d.kubectl(ctx, "hub", "-n", Namespace, "delete", "deployment", e.Name, "--wait=false")
	return err
}

// Lifecycle is how long each step of one export took until both name servers answered with it.
type Lifecycle struct {
	// Ready counts from the moment that the last site's pod was Ready; the others from when kubectl returned.
	Ready, Annotated, Rescaled, Deleted time.Duration
}

// Serve exports the workload and waits until every client gets its own site. Ready counts as in Lifecycle.
func (d *Drills) Serve(ctx context.Context, e Export) (ready time.Duration, err error) {
	if err := d.Create(ctx, e); err != nil {
		return 0, err
	}
	if err := d.podsReady(ctx, e); err != nil {
		return 0, err
	}
	if ready, err = d.Expect(ctx, e.Domain(), Everyone(), time.Now(), reaction); err != nil {
		return 0, fmt.Errorf("%s: pods are Ready but answers are not there: %w", e.Name, err)
	}
	return ready, nil
}

// ExportLifecycle exports a workload, changes its annotation and its replicas, and deletes it.
func (d *Drills) ExportLifecycle(ctx context.Context, e Export) (l Lifecycle, err error) {
	if l.Ready, err = d.Serve(ctx, e); err != nil {
		return l, err
	}
	if l.Annotated, err = d.renamed(ctx, e); err != nil {
		return l, fmt.Errorf("%s: annotation changed: %w", e.Name, err)
	}
	if l.Rescaled, err = d.rescaled(ctx, e); err != nil {
		return l, fmt.Errorf("%s: replicas changed: %w", e.Name, err)
	}
	start := time.Now()
	if err := d.Delete(ctx, e); err != nil {
		return l, err
	}
	l.Deleted, err = d.ExpectGone(ctx, e.Domain(), start, reaction)
	return l, err
}

// podsReady waits until the workload has a Ready pod at every site.
func (d *Drills) podsReady(ctx context.Context, e Export) error {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, site := range d.Cluster.Plan.Sites() {
		group.Go(func() error {
			return until(ctx, func() error {
				out, err := d.kubectl(ctx, site.Name, "get", "pods", "-A", "-l", "app="+e.Name,
					"-o", `jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}`)
				if err == nil && !strings.Contains(out, "True") {
					err = fmt.Errorf("%s has no Ready pod of %s", site.Name, e.Name)
				}
				return err
			})
		})
	}
	return group.Wait()
}

// renamed gives the export a second name and waits for it.
func (d *Drills) renamed(ctx context.Context, e Export) (time.Duration, error) {
	second := "also-" + e.Domain()
	if _, err := d.kubectl(ctx, "hub", "-n", Namespace, "annotate", "deployment", e.Name, "--overwrite",
		"tidegate.dev/domain="+e.Domain()+","+second); err != nil {
		return 0, err
	}
	return d.Expect(ctx, second, Everyone(), time.Now(), reaction)
}

// rescaled scales to two replicas, so that one site loses its pod and its clients, and waits until another has them.
func (d *Drills) rescaled(ctx context.Context, e Export) (time.Duration, error) {
	if _, err := d.kubectl(ctx, "hub", "-n", Namespace, "scale", "deployment", e.Name, "--replicas=2"); err != nil {
		return 0, err
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, reaction)
	defer cancel()
	err := until(ctx, func() error {
		sites := map[string]bool{}
		for _, ns := range daemons.NameServers {
			for _, client := range daemons.Clients {
				answer, err := daemons.Ask(ctx, d.Cluster, ns, e.Domain(), client.Subnet)
				if err != nil {
					return err
				}
				sites[answer.Site] = true
			}
		}
		if len(sites) != 2 {
			return fmt.Errorf("%d sites answer, want 2", len(sites))
		}
		return nil
	})
	return time.Since(start), err
}
