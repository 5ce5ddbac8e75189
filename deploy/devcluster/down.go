package devcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/netlab"
	"tidegate.dev/tidegate/deploy/devcluster/node"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// daemonGrace is how long a daemon has to say goodbye. The clusters get none: their data goes with them.
const daemonGrace = 3 * time.Second

// Down ends everything that a run started and removes everything that it made, also after an Up that failed or was
// interrupted. Where nothing runs it does nothing. A folder that is not a run's keeps its files.
func Down(ctx context.Context, run string, log io.Writer) error {
	if log == nil {
		log = io.Discard
	}
	report := newReport(log)
	foreign, err := clearAndRemove(ctx, run, log)
	if err != nil {
		return err
	}
	if len(foreign) > 0 {
		report.say("left in %s: %s: not the dev cluster's", run, strings.Join(foreign, ", "))
	}
	report.say("no process, network or file of this run is left")
	return nil
}

// clearAndRemove returns the names of the files that it leaves.
func clearAndRemove(ctx context.Context, run string, log io.Writer) (foreign []string, err error) {
	if _, err := os.Stat(run); errors.Is(err, fs.ErrNotExist) {
		return nil, clear(ctx, run, log)
	}
	unlock, err := lockRun(run)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clear(ctx, run, log); err != nil {
		return nil, err
	}
	return removeRun(run)
}

// clear is Down without the folder itself: the caller may hold its lock and use it again.
func clear(ctx context.Context, run string, log io.Writer) error {
	c := newCluster(run, layout.Netns, log)
	if err := c.endProcesses(ctx); err != nil {
		return err
	}
	if err := c.clearMachine(ctx); err != nil {
		return err
	}
	if err := unmountBelow(run); err != nil {
		return err
	}
	if err := emptyRun(run); err != nil {
		return err
	}
	left, err := Leftovers(run)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("still there: %s; run `make down` again, or look at each", strings.Join(left, ", "))
	}
	return nil
}

// stage orders the end: what uses something goes before what it uses.
func stage(rec proc.Record) int {
	_, program, _ := strings.Cut(rec.Name, ".")
	switch {
	case rec.Node != "" || rec.Init:
		return 1 // nodes, with their containers
	case program == "controller-manager" || program == "scheduler" || program == "kwok":
		return 2
	case program == "apiserver":
		return 3
	case program == "etcd" || rec.Name == registryName:
		return 4
	default:
		return 0 // daemons
	}
}

const lastStage = 4

func (c *Cluster) endProcesses(ctx context.Context) error {
	records, err := c.procs.Records()
	if err != nil {
		return err
	}
	for s := 0; s <= lastStage; s++ {
		grace := time.Duration(0)
		if s == 0 {
			grace = daemonGrace
		}
		now := slices.DeleteFunc(slices.Clone(records), func(r proc.Record) bool { return stage(r) != s || !r.Alive() })
		if err := endAll(ctx, now, grace); err != nil {
			return err
		}
	}
	unrecorded, err := c.procs.Marked()
	if err != nil {
		return err
	}
	if alive := len(records); alive > 0 {
		c.report.say("%d processes ended", alive+len(unrecorded))
	}
	return endAll(ctx, unrecorded, 0)
}

func endAll(ctx context.Context, records []proc.Record, grace time.Duration) error {
	var group errgroup.Group
	for _, rec := range records {
		group.Go(func() error { return proc.End(ctx, rec, grace) })
	}
	return group.Wait()
}

// clearMachine removes what bears our names on the machine, unless it belongs to another run that still has its
// folder. A run whose folder is gone has nobody else who could clear it, so its processes end too.
func (c *Cluster) clearMachine(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return nil // without root there can be nothing of that
	}
	owner, err := netlab.Owner()
	if err != nil {
		return err
	}
	if owner != "" && owner != c.run {
		if _, err := readState(owner); err == nil {
			c.report.say("the network on this machine belongs to the run in %s and stays", owner)
			return nil
		}
		if err := newCluster(owner, layout.Netns, io.Discard).endProcesses(ctx); err != nil {
			return err
		}
	}
	if err := netlab.Remove(); err != nil {
		return err
	}
	return removeCgroups(ctx)
}

// removeCgroups waits a moment where the kernel still has to let go of a process that has ended.
func removeCgroups(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var errs []error
		for _, path := range ourCgroups() {
			errs = append(errs, node.RemoveCgroup(path))
		}
		err := errors.Join(errs...)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func ourCgroups() []string {
	var paths []string
	for _, h := range layout.New(layout.Netns).Sites() {
		paths = append(paths, node.Cgroups(h.Cgroup())...)
	}
	return paths
}

// emptyRun empties the run's folder, if it is one: a folder without our state file is somebody's own.
func emptyRun(run string) error {
	if _, err := os.Stat(filepath.Join(run, stateFile)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	entries, err := os.ReadDir(run)
	if err != nil {
		return err
	}
	// The state file goes last: interrupted before that, the next call knows the folder again.
	for _, entry := range entries {
		if entry.Name() == stateFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(run, entry.Name())); err != nil {
			return err
		}
	}
	return os.Remove(filepath.Join(run, stateFile))
}

// removeRun removes the emptied folder. What is in one that is not empty was never ours: it stays, and is named.
func removeRun(run string) (foreign []string, err error) {
	err = os.Remove(run)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if !errors.Is(err, syscall.ENOTEMPTY) {
		return nil, err
	}
	entries, err := os.ReadDir(run)
	for _, entry := range entries {
		foreign = append(foreign, entry.Name())
	}
	return foreign, err
}
