package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where every distribution mounts the cgroups.
const cgroupRoot = "/sys/fs/cgroup"

// controllers are those of version 1 that the kubelet and runc use. Not all machines have all of them.
var controllers = []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "systemd"}

// unified says whether the machine has cgroup version 2 alone.
func unified(root string) bool {
	var st unix.Statfs_t
	return unix.Statfs(root, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

// MakeCgroup makes the cgroup below which the kubelet puts a node's pods.
func MakeCgroup(name string) error {
	if unified(cgroupRoot) {
		return os.MkdirAll(filepath.Join(cgroupRoot, name), 0o755) // the kubelet turns the controllers on
	}
	made := 0
	for _, controller := range controllers {
		parent := filepath.Join(cgroupRoot, controller)
		if _, err := os.Stat(filepath.Join(parent, "cgroup.procs")); err != nil {
			continue
		}
		if err := os.MkdirAll(filepath.Join(parent, name), 0o755); err != nil {
			return err
		}
		made++
		if controller != "cpuset" {
			continue
		}
		if err := copyDown(parent, name); err != nil {
			return err
		}
	}
	if made == 0 {
		return fmt.Errorf("no cgroups at %s: mount them, or use NODES=kwok", cgroupRoot)
	}
	return nil
}

// copyDown fills a new cpuset: in version 1 it starts empty, and nothing can run in it.
func copyDown(parent, name string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(parent, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(parent, name, file), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Cgroups lists the cgroups of a node, in any hierarchy, that exist.
func Cgroups(name string) []string { return cgroups(cgroupRoot, name) }

// more are the hierarchies in which runc makes cgroups though MakeCgroup made none: other controllers, and version 2
// beside version 1.
var more = []string{"unified", "net_cls", "net_prio", "perf_event", "rdma", "misc"}

func cgroups(root, name string) []string {
	candidates := []string{filepath.Join(root, name)}
	for _, hierarchy := range slices.Concat(controllers, more) {
		candidates = append(candidates, filepath.Join(root, hierarchy, name))
	}
	return slices.DeleteFunc(candidates, func(path string) bool {
		_, err := os.Stat(path)
		return err != nil
	})
}

// RemoveCgroup removes a cgroup with all below it. No process may be in it.
func RemoveCgroup(path string) error {
	var folders []string
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if d != nil && d.IsDir() {
			folders = append(folders, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(folders) // children before parents
	for _, folder := range folders {
		if err := unix.Rmdir(folder); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove cgroup %s: %w", folder, err)
		}
	}
	return nil
}
