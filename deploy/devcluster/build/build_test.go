package build

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

const gomod = `module x

require (
	go.etcd.io/etcd/server/v3 v3.7.3
	k8s.io/kubernetes v1.37.2
)

replace (
	k8s.io/api => k8s.io/api v0.37.2
)
`

func TestRequired(t *testing.T) {
	for module, want := range map[string]string{
		"k8s.io/kubernetes": "v1.37.2", "go.etcd.io/etcd/server/v3": "v3.7.3", "k8s.io/kube": "", "k8s.io/api": "",
	} {
		if got := required(gomod, module); got != want {
			t.Errorf("%s: %q, want %q", module, got, want)
		}
	}
	if got := required("require k8s.io/kubernetes v1.0.0\n", "k8s.io/kubernetes"); got != "v1.0.0" {
		t.Errorf("a line of its own: %q", got)
	}
}

// The place in the cache must change with what changes the binary, and with nothing else.
func TestFolderNameFollowsTheSources(t *testing.T) {
	deploy := t.TempDir()
	source := filepath.Join(deploy, "main.go")
	write := func(text string) {
		if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	name := func(version string) string {
		got, err := tool{name: "etcd", version: version, sources: []string{"main.go"}}.folderName(deploy)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	write("a")
	first := name("v1")
	if !strings.HasPrefix(first, "etcd-v1-") || name("v1") != first {
		t.Errorf("%s then %s", first, name("v1"))
	}
	if name("v2") == first {
		t.Error("another version has the same name")
	}
	write("b")
	if name("v1") == first {
		t.Error("another source has the same name")
	}
}

func TestEachModeGetsItsTools(t *testing.T) {
	for mode, want := range map[layout.Mode]string{
		layout.Netns: "kube etcd containerd cni pause", layout.Loopback: "kube etcd kwok",
	} {
		var names []string
		for _, tool := range tools(mode, gomod) {
			if tool.version == "" {
				t.Errorf("%s has no version", tool.name)
			}
			names = append(names, tool.name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", mode, got, want)
		}
	}
}

func TestLockWaitsForTheOtherBuild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, path); err == nil {
		t.Error("locked twice")
	}
	unlock()
	unlock, err = lock(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
