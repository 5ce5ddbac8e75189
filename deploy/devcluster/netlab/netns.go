package netlab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// folder is where iproute2 looks for named namespaces, so `ip -n tg-fra address` works.
const folder = "/run/netns"

func nsPath(name string) string { return filepath.Join(folder, name) }

// makeNetns makes a network namespace and gives it a name, which keeps it while no process is in it.
func makeNetns(name string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(nsPath(name), os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	file.Close()
	return proc.OnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make namespace %s: %w", name, err)
		}
		if err := unix.Mount("/proc/thread-self/ns/net", nsPath(name), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("name namespace %s: %w", name, err)
		}
		return nil
	})
}

// in runs f on a thread inside a named namespace. Sockets and processes that f opens stay there; goroutines that f
// starts do not.
func in(name string, f func() error) error {
	return proc.OnThread(func() error {
		file, err := os.Open(nsPath(name))
		if err != nil {
			return fmt.Errorf("namespace %s: %w", name, err)
		}
		defer file.Close()
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter namespace %s: %w", name, err)
		}
		return f()
	})
}

// namespaces lists those of the plan's namespaces that exist.
func namespaces() []string {
	var found []string
	for _, h := range layout.New(layout.Netns).Hosts {
		if _, err := os.Lstat(nsPath(h.Netns())); err == nil {
			found = append(found, h.Netns())
		}
	}
	return found
}

// removeNetns takes the name away; the namespace goes with its last process.
func removeNetns(name string) error {
	path := nsPath(name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
