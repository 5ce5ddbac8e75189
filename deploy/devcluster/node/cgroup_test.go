package node

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCgroupsFindsEveryHierarchyAndNoOther(t *testing.T) {
	root := t.TempDir()
	for _, path := range []string{"cpu/tg-fra", "memory/tg-fra/kubepods", "memory/tg-pek", "memory/tg-france", "system.slice/tg-fra", "tg-fra", "unified/tg-fra/kubepods/burstable"} {
		if err := os.MkdirAll(filepath.Join(root, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got := cgroups(root, "tg-fra")
	var want []string
	for _, path := range []string{"tg-fra", "cpu/tg-fra", "memory/tg-fra", "unified/tg-fra"} {
		want = append(want, filepath.Join(root, path))
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	for _, path := range got {
		if err := RemoveCgroup(path); err != nil {
			t.Error(err)
		}
	}
	if left := cgroups(root, "tg-fra"); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	if left := cgroups(root, "tg-pek"); len(left) != 1 {
		t.Error("another node's cgroup went too")
	}
}

func TestInitRefusesToBeCalledByPeople(t *testing.T) {
	if err := Init("fra-1", t.TempDir(), nil); err == nil {
		t.Error("it changed the mounts of this machine")
	}
}
