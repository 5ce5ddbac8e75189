// Package e2e drives the dev cluster from outside, as a user would: it starts one, runs the tests on it, stops it and
// then looks whether anything is left.
//
// Without root the cluster has fake nodes; the tests that need real ones are then skipped, and each says so. With
// BUS=external the bus is a process of its own; the tests that kill it are skipped without that.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/deploy/daemons"
	"tidegate.dev/tidegate/deploy/devcluster"
	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

// cluster is what the tests run on, and bus where its bus runs.
var (
	cluster *devcluster.Cluster
	bus     daemons.Bus
)

// upLimit includes building everything on a slow machine.
const upLimit = 20 * time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("tidegate-e2e-%d", os.Getuid()))
	ctx, cancel := context.WithTimeout(context.Background(), upLimit)
	defer cancel()
	if bus, err = daemons.ParseBus(os.Getenv("BUS")); err != nil {
		return 1, err
	}
	before, err := machine()
	if err != nil {
		return 1, err
	}
	if bus == daemons.Embedded { // the clusters are the same with either bus
		if err := interrupted(ctx, folder, before); err != nil {
			return 1, fmt.Errorf("interrupted up: %w", err)
		}
	}
	cluster, err = devcluster.Up(ctx, devcluster.Options{Run: folder, Nodes: os.Getenv("NODES"), Log: os.Stderr})
	if err != nil {
		keepLogs(folder)
		return 1, errors.Join(fmt.Errorf("up: %w", err), down(folder, before))
	}
	if err := daemons.Up(ctx, cluster, bus, cluster.Say); err != nil {
		keepLogs(folder)
		return 1, errors.Join(fmt.Errorf("up: %w", err), down(folder, before))
	}
	if code = m.Run(); code != 0 {
		keepLogs(folder)
	}
	return code, down(folder, before)
}

// keepLogs moves the logs out of the way of down, so that a person can read them after a failure.
func keepLogs(folder string) {
	kept := folder + "-logs"
	if err := errors.Join(os.RemoveAll(kept), os.Rename(filepath.Join(folder, "log"), kept)); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: the logs are lost:", err)
		return
	}
	fmt.Fprintln(os.Stderr, "e2e: the cluster's logs are in", kept)
}

// interrupted lets an up get as far as its first API server, ends it there, and expects down to clear all of it.
func interrupted(ctx context.Context, folder string, before map[string]string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	log := &trigger{word: "API server ready", fire: cancel}
	if _, err := devcluster.Up(ctx, devcluster.Options{Run: folder, Nodes: os.Getenv("NODES"), Log: log}); err == nil {
		return errors.New("it came to its end all the same")
	} else if !errors.Is(err, context.Canceled) {
		return err
	}
	left, err := devcluster.Leftovers(folder)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		return errors.New("nothing was there to clear: the test looks in the wrong place")
	}
	return down(folder, before)
}

// trigger passes what is written on to the error output and fires when it sees a word.
type trigger struct {
	word string
	fire func()
}

func (t *trigger) Write(p []byte) (int, error) {
	if strings.Contains(string(p), t.word) {
		t.fire()
	}
	return os.Stderr.Write(p)
}

// down stops the cluster and compares the machine with what it was before.
func down(folder string, before map[string]string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := devcluster.Down(ctx, folder, os.Stderr); err != nil {
		return fmt.Errorf("down: %w", err)
	}
	if _, err := os.Stat(folder); err == nil {
		return fmt.Errorf("down left the folder %s", folder)
	}
	after, err := machine()
	if err != nil {
		return err
	}
	for what, was := range before {
		if is := after[what]; is != was {
			return fmt.Errorf("down left the machine changed, %s:\n--- before\n%s--- after\n%s", what, was, is)
		}
	}
	return nil
}

// needRealNodes skips a test on fake nodes.
func needRealNodes(t *testing.T) {
	t.Helper()
	if cluster.Plan.Mode == layout.Loopback {
		fmt.Fprintf(os.Stderr, "e2e: %s is left out: it needs real nodes\n", t.Name())
		t.Skip("needs real nodes: run as root, without NODES=kwok")
	}
}
