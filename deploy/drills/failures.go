package drills

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tidegate.dev/tidegate/deploy/daemons"
)

// Limits that a drill gives the world to react.
const (
	reaction = 30 * time.Second // for anything that goes through the hub
	recovery = 90 * time.Second // for a site or a hub to be back
)

// heirOf says who gets a site's clients when it is gone: the next one by distance.
var heirOf = map[string]string{"fra": "iad", "pek": "fra", "iad": "fra"}

// HangLoadBalancer stops a site's load balancer from answering (its process is suspended, so that connections hang) and
// measures how long both name servers go on naming it in answers for a name.
func (d *Drills) HangLoadBalancer(ctx context.Context, name, site string) (took time.Duration, err error) {
	pids, err := d.loadBalancerPIDs(site)
	if err != nil {
		return 0, err
	}
	hang := func() error { return signalAll(pids, syscall.SIGSTOP) }
	goOn := func() error { return signalAll(pids, syscall.SIGCONT) }
	if took, err = d.lose(ctx, name, site, hang, goOn); err != nil {
		return 0, fmt.Errorf("load balancer of %s hangs: %w", site, err)
	}
	d.Say("%s: its load balancer hung; after %v no answer named it", site, took.Round(time.Millisecond))
	return took, d.wellAgain(ctx, name, "the load balancer of "+site+" goes on")
}

// lose takes a site away, waits until no answer for the name has it, and brings it back whatever became of that.
func (d *Drills) lose(ctx context.Context, name, site string, away, back func() error) (took time.Duration, err error) {
	defer func() { err = errors.Join(err, back()) }()
	start := time.Now()
	if err := away(); err != nil {
		return 0, err
	}
	return d.Expect(ctx, name, Without(site, heirOf[site]), start, reaction)
}

// loadBalancerPIDs reads which processes the site's agent runs as its load balancer.
func (d *Drills) loadBalancerPIDs(site string) ([]int, error) {
	file := filepath.Join(d.Cluster.Run(), "data", daemons.Site(site), "lb", "haproxy.pid")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("which process is the load balancer of %s: %w", site, err)
	}
	var pids []int
	for field := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		pids = append(pids, pid)
	}
	return append(pids, childrenOf(pids)...), nil
}

// childrenOf lists the direct children of processes: a load balancer's workers.
func childrenOf(pids []int) (children []int) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err != nil {
			continue // it has ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// signalAll signals every process, also after one that it could not.
func signalAll(pids []int, signal syscall.Signal) error {
	var errs []error
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil {
			errs = append(errs, fmt.Errorf("signal %d: %w", pid, err))
		}
	}
	return errors.Join(errs...)
}

// CutSite takes a site's link down: probes and reports end at once.
func (d *Drills) CutSite(ctx context.Context, site string) (took time.Duration, err error) {
	cut := func() error { return d.Cluster.Cut(site) }
	heal := func() error { return d.Cluster.Heal(site) }
	if took, err = d.lose(ctx, daemons.SampleName, site, cut, heal); err != nil {
		return 0, fmt.Errorf("network of %s cut: %w", site, err)
	}
	d.Say("%s: its network was cut; after %v no answer named it", site, took.Round(time.Millisecond))
	return took, d.wellAgain(ctx, daemons.SampleName, "the network of "+site+" is back")
}

// wellAgain waits until every client that asks for the name gets its own site again.
func (d *Drills) wellAgain(ctx context.Context, name, what string) error {
	took, err := d.Expect(ctx, name, Everyone(), time.Now(), recovery)
	if err != nil {
		return fmt.Errorf("%s, but answers are not back: %w", what, err)
	}
	d.Say("%s; after %v everyone has their own site", what, took.Round(time.Millisecond))
	return nil
}

// KillNameServer kills a name server and starts it while the hub is down: it must answer from its disk.
func (d *Drills) KillNameServer(ctx context.Context, ns string) (took time.Duration, err error) {
	err = d.without(ctx, daemons.Hub, func() error {
		took, err = d.startAlone(ctx, ns)
		return err
	})
	return took, err
}

// WipeNameServer kills a name server and starts it with an empty disk: it must get its map from the bus.
func (d *Drills) WipeNameServer(ctx context.Context, ns string) (took time.Duration, err error) {
	if err := d.without(ctx, ns, func() error { return d.wipe(ns) }); err != nil {
		return 0, err
	}
	if took, err = d.Expect(ctx, daemons.SampleName, Everyone(), time.Now(), reaction); err != nil {
		return 0, fmt.Errorf("%s started without its disk: %w", ns, err)
	}
	d.Say("%s was killed and started without its disk; it answered right after %v", ns, took.Round(time.Millisecond))
	return took, nil
}

// without kills a process, calls f, and starts the process again whatever became of f.
func (d *Drills) without(ctx context.Context, name string, f func() error) (err error) {
	if err := d.kill(ctx, name); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Cluster.Restart(name)) }()
	return f()
}

// kill waits for the process' end also when ctx is done: who starts it again must not find it alive.
func (d *Drills) kill(ctx context.Context, name string) error {
	return d.Cluster.Kill(context.WithoutCancel(ctx), name)
}

// startAlone kills a name server and starts it where nobody gives it a map.
func (d *Drills) startAlone(ctx context.Context, ns string) (time.Duration, error) {
	if err := d.kill(ctx, ns); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := d.Cluster.Restart(ns); err != nil {
		return 0, err
	}
	took, err := d.Expect(ctx, daemons.SampleName, Everyone(), start, reaction)
	if err != nil {
		return 0, fmt.Errorf("%s started without a hub: %w", ns, err)
	}
	d.Say("%s was killed and started without a hub; it answered right after %v", ns, took.Round(time.Millisecond))
	return took, nil
}
