package node

import (
	"os"
	"path/filepath"
	"testing"
)

// worlds runs a node that proposes worlds of so many services each, and ends it.
func worlds(t *testing.T, folder string, services ...int) {
	t.Helper()
	r := start(t, folder)
	defer r.stop()
	for _, n := range services {
		if err := r.ProposeWorld(t.Context(), mapOf(n, 2)); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *rig) expect(what string, generation uint64, services int, fromDisk bool) {
	r.t.Helper()
	if s := r.Status(); s.Generation != generation || s.Services != services || s.FromDisk != fromDisk {
		r.t.Errorf("%s: generation %d with %d services, from disk %v; want %d, %d, %v",
			what, s.Generation, s.Services, s.FromDisk, generation, services, fromDisk)
	}
}

func TestRestoreWorld(t *testing.T) {
	for name, c := range map[string]struct {
		newest   string // its content; empty: as it was kept
		restored int    // the generation, which has as many services
	}{
		"the newest":      {"", 3},
		"damaged":         {"{}\n{}", 2},
		"cut in the head": {`{"world`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			worlds(t, folder, 1, 2, 3)
			if c.newest != "" {
				write(t, filepath.Join(folder, "00000000000000000003.world"), c.newest)
			}
			r := start(t, folder)
			defer r.stop()
			if err := r.RestoreWorld(t.Context()); err != nil {
				t.Fatal(err)
			}
			generation := uint64(c.restored)
			r.expect("restored", generation, c.restored, true)
			if err := r.ProposeWorld(t.Context(), mapOf(c.restored, 2)); err != nil {
				t.Fatal(err)
			}
			r.expect("the same from the file", generation, c.restored, false)
			if err := r.ProposeWorld(t.Context(), mapOf(7, 2)); err != nil {
				t.Fatal(err)
			}
			r.expect("changed", generation+1, 7, false)
		})
	}
}

// The first world after a start goes on from the one that is kept, whether it is the same or not.
func TestGenerationGoesOnFromTheKeptWorld(t *testing.T) {
	for name, c := range map[string]struct {
		damaged  bool
		services int
		want     uint64
	}{
		"the same": {false, 3, 3}, "another": {false, 4, 4}, "one of before": {false, 2, 4},
		"the same as a damaged one": {true, 3, 3}, "another than a damaged one": {true, 4, 4},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			worlds(t, folder, 1, 2, 3)
			if c.damaged {
				path := filepath.Join(folder, "00000000000000000003.world")
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				write(t, path, string(data[:len(data)-1]))
			}
			r := start(t, folder)
			defer r.stop()
			if err := r.ProposeWorld(t.Context(), mapOf(c.services, 2)); err != nil {
				t.Fatal(err)
			}
			r.expect("after the start", c.want, c.services, false)
		})
	}
}

// A folder that changes from one kind of name server to the other serves nothing of the other kind, and counts apart.
func TestKindsAreNotMixedUp(t *testing.T) {
	folder := t.TempDir()
	first := start(t, folder)
	if err := first.offer(40, mapOf(2, 2)); err != nil {
		t.Fatal(err)
	}
	first.stop()
	second := start(t, folder)
	if err := second.RestoreWorld(t.Context()); err != nil {
		t.Fatal(err)
	}
	second.expect("a folder of the bus, in world mode", 0, 0, false)
	if err := second.ProposeWorld(t.Context(), mapOf(1, 2)); err != nil {
		t.Fatal(err)
	}
	second.expect("its first world", 1, 1, false)
	second.stop()
	third := start(t, folder)
	defer third.stop()
	if err := third.Restore(t.Context(), verifyHead); err != nil {
		t.Fatal(err)
	}
	third.expect("on the bus again", 40, 2, true)
}

// Whatever file a map is in, its head says what it is.
func TestHeadsAreToldApart(t *testing.T) {
	bus, world := proposalOf(t, 5, mapOf(1, 1)), []byte(`{"world":{"generation":5,"digest":"sha256:x"}}`)
	if head, err := openWorldHead(bus.SignedHead); err == nil {
		t.Errorf("a signed head is a world's: %+v", head)
	}
	if head, err := verifyHead(world); err == nil {
		t.Errorf("a world's head is signed: %+v", head)
	}
	if head, err := openWorldHead(world); err != nil || head.Generation != 5 || head.Digest != "sha256:x" {
		t.Errorf("got %+v, %v", head, err)
	}
}
