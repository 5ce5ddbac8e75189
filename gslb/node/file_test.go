package node

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const worldText = `
sites: [{name: fra, location: {lat: 50.11, lon: 8.68}}]
zones: [{name: edge.example., nameservers: [ns1.edge.example.], file: db.edge.example}]
services:
- {name: chat.edge.example., endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]}
`

// follow runs a node on a world file in a bubble, and calls check after each change was seen.
func follow(t *testing.T, check func(r *rig, folder string, look func())) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "world.yaml"), worldText)
	write(t, filepath.Join(folder, "db.edge.example"), "www 60 IN CNAME chat\n")
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "")
		defer r.stop()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.FollowWorld(ctx, filepath.Join(folder, "world.yaml"))
		}()
		synctest.Wait()
		check(r, folder, func() {
			time.Sleep(2 * filePoll)
			synctest.Wait()
		})
		cancel()
		<-ended
	})
}

func TestFollowWorld(t *testing.T) {
	follow(t, func(r *rig, folder string, look func()) {
		path := filepath.Join(folder, "world.yaml")
		expect := func(step string, generation, refused uint64) {
			t.Helper()
			status := r.Status()
			if status.Generation != generation || status.Refused["input"] != refused {
				t.Errorf("%s: generation %d, refused %v; want %d and %d", step, status.Generation, status.Refused, generation, refused)
			}
		}
		expect("at first", 1, 0)
		look()
		expect("nothing changed", 1, 0)
		write(t, path, worldText+"- {name: more.edge.example., endpoints: [{site: fra, capacity: 1, address: 192.0.2.2}]}\n")
		look()
		expect("a service more", 2, 0)
		write(t, path, worldText+"- {name: broken.edge.example.}\n")
		look()
		expect("broken", 2, 1)
		if last := r.Status().LastRefused; !strings.Contains(last, "line 6: services[1].endpoints: 0 endpoints") {
			t.Errorf("the status says %q", last)
		}
		look()
		expect("still broken is counted once", 2, 1)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		look()
		expect("gone", 2, 2)
		write(t, path, worldText)
		look()
		expect("mended", 3, 2)
		write(t, path, "# a comment changes nothing\n"+worldText)
		look()
		expect("a comment", 3, 2)
		write(t, path, "sites: [")
		look()
		expect("broken again", 3, 3)
		write(t, path, worldText)
		look()
		expect("as it is served", 3, 3)
		if last := r.Status().LastRefused; last != "" {
			t.Errorf("mended, and the status says %q", last)
		}
	})
}

func TestFollowWorldSeesItsZoneFile(t *testing.T) {
	follow(t, func(r *rig, folder string, look func()) {
		records := func() string { return strings.Join(r.Store().Load().Plan.Map.Zones[0].Records, ";") }
		if got := records(); !strings.Contains(got, "www") {
			t.Errorf("at first: %s", got)
		}
		write(t, filepath.Join(folder, "db.edge.example"), "web 60 IN CNAME chat.edge.example.\n")
		look()
		if got := records(); !strings.Contains(got, "web") {
			t.Errorf("changed: %s", got)
		}
		write(t, filepath.Join(folder, "db.edge.example"), "web 60 IN NONSENSE\n")
		look()
		if got := records(); !strings.Contains(got, "web") || r.Status().Refused["input"] != 1 {
			t.Errorf("broken: %s, refused %v", got, r.Status().Refused)
		}
	})
}

// A file that changes while it is read is read again.
func TestChangeWhileReading(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "world.yaml")
	write(t, path, worldText)
	write(t, filepath.Join(folder, "db.edge.example"), "\n")
	_, files, err := loadWorld(path)
	if err != nil || len(files) != 2 || files.changed() {
		t.Fatalf("%v, %v", files, err)
	}
	before := files[path]
	write(t, path, worldText+"# longer\n")
	if !files.changed() || stamp(path) == before {
		t.Error("the change is not seen")
	}
}

func TestLoadWorldNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "world.yaml")
	if _, err := LoadWorld(path); err == nil || !strings.Contains(err.Error(), "read the world: open "+path) {
		t.Errorf("missing: %v", err)
	}
	write(t, path, "sites: 3\n")
	if _, err := LoadWorld(path); err == nil || !strings.Contains(err.Error(), "world file "+path+":\nline 1: ") {
		t.Errorf("broken: %v", err)
	}
}
