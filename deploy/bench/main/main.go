// Command main measures the main job on a dev cluster: how long a warm start takes, how fast exports and deaths reach
// the name servers, what clients notice of a lost hub, and whether answers agree with the reference. It prints lines
// `result NAME VALUE UNIT`; progress goes to stderr. It fails after the last line if a figure passes its limit. Call it
// by `make bench-main`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"tidegate.dev/tidegate/deploy/daemons"
	"tidegate.dev/tidegate/deploy/devcluster"
	"tidegate.dev/tidegate/deploy/drills"
)

// What a figure may be at most.
const (
	warmLimit = 60 * time.Second
	soon      = 5 * time.Second // for a change or a death to reach every answer
)

// options bound the run.
type options struct {
	exports   int
	deaths    int
	away      time.Duration
	queries   int
	reference int
	keep      bool
}

func main() {
	var o options
	flag.IntVar(&o.exports, "exports", 50, "workloads to export, change and delete, one after the other")
	flag.IntVar(&o.deaths, "deaths", 20, "load balancers to hang, one after the other")
	flag.DurationVar(&o.away, "away", 5*time.Minute, "how long the hub is away")
	flag.IntVar(&o.queries, "queries", 10_000, "queries while the hub is away")
	flag.IntVar(&o.reference, "reference", 200_000, "random queries to compare with the reference")
	flag.BoolVar(&o.keep, "keep", false, "use the cluster that is up, and leave it up")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench-main:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	folder, err := devcluster.RunFolder()
	if err != nil {
		return err
	}
	return errors.Join(reference(ctx, o.reference), onCluster(ctx, folder, o))
}

// onCluster measures on a cluster of its own, which it ends, or on the one that is up.
func onCluster(ctx context.Context, folder string, o options) (err error) {
	if !o.keep {
		if err := devcluster.Down(ctx, folder, os.Stderr); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, devcluster.Down(context.WithoutCancel(ctx), folder, os.Stderr)) }()
	}
	start := time.Now()
	c, err := devcluster.Up(ctx, devcluster.Options{Nodes: os.Getenv("NODES"), Log: os.Stderr})
	if err != nil {
		return err
	}
	if err := daemons.Up(ctx, c, daemons.Embedded, c.Say); err != nil {
		return err
	}
	var slow error
	if !o.keep {
		slow = within("main.up_warm", time.Since(start), warmLimit)
	}
	d := &drills.Drills{Cluster: c, Say: c.Say}
	return errors.Join(slow, lifecycles(ctx, d, o.exports), hubLoss(ctx, d, o), deaths(ctx, d, o.deaths))
}

func result(name string, value float64, unit string) {
	fmt.Printf("result %s %.6g %s\n", name, value, unit)
}

// within prints how long something took, and is an error if it took longer than it may.
func within(name string, took, limit time.Duration) error {
	result(name, took.Seconds(), "s")
	if took > limit {
		return fmt.Errorf("%s: %v, want at most %v; `make up` and -keep leave a cluster to look at", name, took, limit)
	}
	return nil
}

// none prints a count of queries, and is an error if there is any.
func none(name string, count int) error {
	result(name, float64(count), "queries")
	if count > 0 {
		return fmt.Errorf("%s: %d queries, want none; `make up` and -keep leave a cluster to look at", name, count)
	}
	return nil
}

// lifecycles prints the worst of each step over many exports.
func lifecycles(ctx context.Context, d *drills.Drills, count int) error {
	var worst drills.Lifecycle
	for i := range count {
		l, err := d.ExportLifecycle(ctx, drills.Export{Name: fmt.Sprintf("bench-%d", i), Port: 10_000 + i})
		if err != nil {
			return fmt.Errorf("export %d of %d: %w", i+1, count, err)
		}
		d.Say("export %d of %d: ready %v, annotated %v, rescaled %v, deleted %v", i+1, count, l.Ready, l.Annotated, l.Rescaled, l.Deleted)
		worst.Ready, worst.Annotated = max(worst.Ready, l.Ready), max(worst.Annotated, l.Annotated)
		worst.Rescaled, worst.Deleted = max(worst.Rescaled, l.Rescaled), max(worst.Deleted, l.Deleted)
	}
	if count == 0 {
		return nil
	}
	return errors.Join(
		within("main.ready_to_answer_max", worst.Ready, soon),
		within("main.annotation_to_answer_max", worst.Annotated, soon),
		within("main.replicas_to_answer_max", worst.Rescaled, soon),
		within("main.deleted_to_gone_max", worst.Deleted, soon))
}

// deaths prints how long answers went on naming a load balancer that hangs.
func deaths(ctx context.Context, d *drills.Drills, count int) error {
	var times []time.Duration
	for len(times) < count {
		round, err := deathsOfOne(ctx, d, len(times), count)
		if err != nil {
			return fmt.Errorf("death %d of %d: %w", len(times)+len(round)+1, count, err)
		}
		times = append(times, round...)
	}
	if count == 0 {
		return nil
	}
	slices.Sort(times)
	result("main.dead_backend_p50", times[(count-1)/2].Seconds(), "s")
	result("main.dead_backend_p99", times[(count*99+99)/100-1].Seconds(), "s")
	return within("main.dead_backend_max", times[count-1], soon)
}

// deathsOfOne makes an export of its own and has it lose every site in turn. A site that dies again soon after it came back is
// held back for minutes (the flap limit of gslb/health); with a new export each time, every death is the first.
func deathsOfOne(ctx context.Context, d *drills.Drills, done, count int) (times []time.Duration, err error) {
	e := drills.Export{Name: fmt.Sprintf("mortal-%d", done), Port: 12_000 + done}
	if _, err := d.Serve(ctx, e); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Delete(context.WithoutCancel(ctx), e)) }()
	for _, site := range d.Cluster.Plan.Sites() {
		if done+len(times) == count {
			break
		}
		took, err := d.HangLoadBalancer(ctx, e.Domain(), site.Name)
		if err != nil {
			return times, err
		}
		times = append(times, took)
	}
	return times, nil
}

func hubLoss(ctx context.Context, d *drills.Drills, o options) error {
	if o.queries == 0 {
		return nil
	}
	loss, err := d.LoseHub(ctx, o.away, o.queries, true)
	if err != nil {
		return err
	}
	result("main.hub_loss_queries", float64(loss.Queries), "queries")
	return errors.Join(none("main.hub_loss_failed", loss.Failed), none("main.hub_loss_changed", loss.Changed))
}

var mismatches = regexp.MustCompile(`(?m)^\s*(result main\.reference_mismatch (\d+) queries)$`)

// reference runs the reference test over many queries and passes its result on.
func reference(ctx context.Context, queries int) error {
	if queries == 0 {
		return nil
	}
	deploy, err := devcluster.DeployFolder()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout=30m", "-v", "-run", "Reference", "./plugin/tidegate")
	cmd.Dir = filepath.Dir(deploy)
	cmd.Env = append(os.Environ(), fmt.Sprintf("TIDEGATE_REFERENCE_QUERIES=%d", queries))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	line := mismatches.FindSubmatch(out)
	if line != nil {
		fmt.Println(string(line[1]))
	}
	switch {
	case err != nil:
		return fmt.Errorf("reference test: %w\n%s", err, out)
	case line == nil:
		return fmt.Errorf("reference test: it printed no result:\n%s", out)
	case string(line[2]) != "0":
		return fmt.Errorf("main.reference_mismatch: %s queries, want none: the test's output names each\n%s", line[2], out)
	}
	return nil
}
