package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"tidegate.dev/tidegate/deploy/daemons"
	"tidegate.dev/tidegate/deploy/drills"
)

// drillLimit bounds one drill, its recovery included.
const drillLimit = 3 * time.Minute

// soon is how long the acceptance gives a change or a death to reach every answer.
const soon = 5 * time.Second

func newDrills() *drills.Drills {
	return &drills.Drills{Cluster: cluster, Say: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "e2e: "+format+"\n", args...)
	}}
}

func drillContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), drillLimit)
	t.Cleanup(cancel)
	return ctx
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(t *testing.T, what string, took, limit time.Duration) {
	t.Helper()
	if took > limit {
		t.Errorf("%s took %v, want at most %v", what, took, limit)
	}
}

func TestEveryClientGetsItsSite(t *testing.T) {
	_, err := newDrills().Expect(drillContext(t), daemons.SampleName, drills.Everyone(), time.Now(), soon)
	check(t, err)
}

func TestEveryClientGetsItsSiteBySourceAddress(t *testing.T) {
	needRealNodes(t)
	check(t, newDrills().BySource(drillContext(t)))
}

func TestEveryClientTalksWithItsSite(t *testing.T) {
	needRealNodes(t)
	check(t, newDrills().Chat(drillContext(t)))
}

func TestExportLifecycle(t *testing.T) {
	d := newDrills()
	for i := range 3 {
		l, err := d.ExportLifecycle(drillContext(t), drills.Export{Name: fmt.Sprintf("cycle-%d", i), Port: 9000 + i})
		check(t, err)
		d.Say("pods Ready to answers %v, annotation %v, replicas %v, deletion %v", l.Ready, l.Annotated, l.Rescaled, l.Deleted)
		within(t, "pods Ready to both name servers", l.Ready, soon)
		within(t, "a changed annotation", l.Annotated, soon)
		within(t, "a changed replica count", l.Rescaled, soon)
		within(t, "a deleted workload", l.Deleted, soon)
	}
}

func TestSiteScaledToZero(t *testing.T) {
	took, err := newDrills().ScaleSiteToZero(drillContext(t), "fra")
	check(t, err)
	within(t, "a site scaled to zero", took, soon)
}

func TestLoadBalancerHangs(t *testing.T) {
	needRealNodes(t) // fake pods answer no probe, so every endpoint is down and none can be told apart
	took, err := newDrills().HangLoadBalancer(drillContext(t), daemons.SampleName, "pek")
	check(t, err)
	within(t, "a dead load balancer", took, soon)
}

func TestSiteIsCutOff(t *testing.T) {
	needRealNodes(t)
	took, err := newDrills().CutSite(drillContext(t), "iad")
	check(t, err)
	within(t, "a site that is cut off", took, soon)
}

func TestHubIsLost(t *testing.T) {
	loss, err := newDrills().LoseHub(drillContext(t), 10*time.Second, 500, false)
	check(t, err)
	unharmed(t, loss)
}

func TestHubIsLostWithItsDisk(t *testing.T) {
	loss, err := newDrills().LoseHub(drillContext(t), 10*time.Second, 500, true)
	check(t, err)
	unharmed(t, loss)
}

func unharmed(t *testing.T, loss drills.Loss) {
	t.Helper()
	if loss.Failed > 0 || loss.Changed > 0 {
		t.Errorf("%d of %d queries failed and %d answers changed, want none", loss.Failed, loss.Queries, loss.Changed)
	}
}

func TestNameServerStartsWithoutHub(t *testing.T) {
	took, err := newDrills().KillNameServer(drillContext(t), "ns2")
	check(t, err)
	within(t, "a name server's start from its disk", took, soon)
}

func TestNameServerStartsWithoutItsDisk(t *testing.T) {
	took, err := newDrills().WipeNameServer(drillContext(t), "ns2")
	check(t, err)
	within(t, "a name server's start from the bus", took, soon)
}
