package devcluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

func TestChooseMode(t *testing.T) {
	can := func() string { return "" }
	cannot := func() string { return "not root" }
	for name, tt := range map[string]struct {
		nodes    string
		obstacle func() string
		mode     layout.Mode
		why      string
		ok       bool
	}{
		"root":              {"", can, layout.Netns, "", true},
		"root, kwok asked":  {"kwok", can, layout.Loopback, "NODES=kwok", true},
		"no root":           {"", cannot, layout.Loopback, "not root", true},
		"no root, real":     {"real", cannot, "", "", false},
		"no such mode":      {"vm", can, "", "", false},
		"kwok, never asked": {"kwok", func() string { panic("looked at the machine for nothing") }, layout.Loopback, "NODES=kwok", true},
	} {
		mode, why, err := chooseMode(tt.nodes, tt.obstacle)
		if mode != tt.mode || why != tt.why || (err == nil) != tt.ok {
			t.Errorf("%s: %q, %q, %v", name, mode, why, err)
		}
	}
}

func TestDownEndsUsersBeforeWhatTheyUse(t *testing.T) {
	order := []proc.Spec{
		{Name: "tidegate-hub", Host: "hub"},
		{Name: "fra.kubelet", Host: "fra", Node: "fra.node"},
		{Name: "fra.scheduler", Host: "fra"},
		{Name: "hub.apiserver", Host: "hub"},
		{Name: "hub.etcd", Host: "hub"},
	}
	for i, spec := range order {
		if got := stage(proc.Record{Spec: spec}); got != i {
			t.Errorf("%s ends at stage %d, want %d", spec.Name, got, i)
		}
	}
	same := map[string]string{"fra.node": "fra.kubelet", "fra.kwok": "fra.scheduler", "registry": "hub.etcd", "ns1": "tidegate-hub"}
	for name, like := range same {
		a := stage(proc.Record{Spec: proc.Spec{Name: name, Init: name == "fra.node"}})
		i := slices.IndexFunc(order, func(s proc.Spec) bool { return s.Name == like })
		if a != i {
			t.Errorf("%s ends at stage %d, %s at %d", name, a, like, i)
		}
	}
}

func TestParseMounts(t *testing.T) {
	info := `22 1 254:0 / / rw - ext4 /dev/vda rw
40 22 0:30 / /repo/.run/fra/node/lib rw shared:1 - tmpfs tmpfs rw
41 22 0:31 / /repo/.run2/x rw - tmpfs tmpfs rw
42 40 0:32 / /repo/.run/fra/node/lib/a\040b rw - overlay overlay rw
`
	got := parseMounts(info, "/repo/.run")
	if want := []string{"/repo/.run/fra/node/lib", "/repo/.run/fra/node/lib/a b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A folder that is not a run's keeps what is in it, whatever TIDEGATE_RUN says.
func TestDownKeepsAForeignFolder(t *testing.T) {
	run := t.TempDir()
	file := filepath.Join(run, "thesis.txt")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := emptyRun(run); err != nil {
		t.Fatal(err)
	}
	foreign, err := removeRun(run)
	if err != nil || !slices.Equal(foreign, []string{"thesis.txt"}) {
		t.Errorf("left %q, %v, want the file, and no error", foreign, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestDownRemovesItsOwnFolder(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	if err := os.MkdirAll(filepath.Join(run, "log"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeState(run, state{Mode: layout.Loopback}); err != nil {
		t.Fatal(err)
	}
	if err := emptyRun(run); err != nil {
		t.Fatal(err)
	}
	if foreign, err := removeRun(run); err != nil || foreign != nil {
		t.Errorf("left %q, %v", foreign, err)
	}
	if _, err := os.Stat(run); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestOnlyOneUpOrDownAtATime(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	unlock, err := lockRun(run)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockRun(run); err == nil {
		t.Error("locked twice")
	}
	unlock()
	unlock, err = lockRun(run)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestAwaitTellsWhyAProcessEnded(t *testing.T) {
	c := newCluster(t.TempDir(), layout.Loopback, os.Stderr)
	if err := c.Start(proc.Spec{Name: "hub.etcd", Host: "hub", Args: []string{"/bin/sh", "-c", "echo disk on fire"}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := c.Await(ctx, "hub.etcd", "to be ready", func() (bool, error) { return false, nil })
	if err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("the error does not have the log's end: %v", err)
	}
}

func TestAttachWithoutARun(t *testing.T) {
	if _, err := Attach(t.TempDir()); !errors.Is(err, ErrNotUp) {
		t.Errorf("%v", err)
	}
}
