package proc

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// inNamespacesOf runs f on a thread that has joined the namespaces of a node's first process. What f starts is a
// child in that node; the thread is thrown away afterwards.
func inNamespacesOf(pid int, f func() error) error {
	return OnThread(func() error {
		// A thread may change its mount namespace only if it shares its root and working folder with no other.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("unshare the working folder: %w", err)
		}
		// All are opened before the first is joined: afterwards /proc is another one. mnt is last for the same reason.
		kinds := []string{"net", "uts", "ipc", "pid", "mnt"}
		files := make([]*os.File, len(kinds))
		for i, kind := range kinds {
			var err error
			if files[i], err = os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, kind)); err != nil {
				return fmt.Errorf("namespaces of pid %d: %w", pid, err)
			}
			defer files[i].Close()
		}
		for i, kind := range kinds {
			if err := unix.Setns(int(files[i].Fd()), 0); err != nil {
				return fmt.Errorf("join the %s namespace of pid %d: %w", kind, pid, err)
			}
		}
		return f()
	})
}

// OnThread runs f on a thread of its own that ends with f, so that namespaces which f joins stay with f.
func OnThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread with the goroutine
		result <- f()
	}()
	return <-result
}
