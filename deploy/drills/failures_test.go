package drills

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tidegate.dev/tidegate/deploy/devcluster"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

var errDrill = errors.New("the drill failed")

// A drill that fails starts what it killed, or every later drill would fail for it.
func TestWithoutStartsAgainAfterAnError(t *testing.T) {
	run := t.TempDir()
	if err := os.WriteFile(filepath.Join(run, "cluster.json"), []byte(`{"mode": "loopback"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := devcluster.Attach(run)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(proc.Spec{Name: "sleeper", Host: "hub", Args: []string{"/bin/sleep", "60"}}); err != nil {
		t.Fatal(err)
	}
	d := &Drills{Cluster: c}
	t.Cleanup(func() { _ = d.kill(t.Context(), "sleeper") }) // it ends by itself after a minute
	err = d.without(t.Context(), "sleeper", func() error {
		if c.Alive("sleeper") {
			t.Error("alive during the drill")
		}
		return errDrill
	})
	if !errors.Is(err, errDrill) || !c.Alive("sleeper") {
		t.Errorf("alive %v after %v", c.Alive("sleeper"), err)
	}
}

func TestLoseBringsBackAfterAnError(t *testing.T) {
	back := 0
	_, err := new(Drills).lose(t.Context(), "chat", "fra", func() error { return errDrill }, func() error { back++; return nil })
	if !errors.Is(err, errDrill) || back != 1 {
		t.Errorf("%v, brought back %d times", err, back)
	}
}
