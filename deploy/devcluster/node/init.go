package node

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// readyFile appears in the node's folder when the mounts are done.
const readyFile = "ready"

// ReadyFile is the file that appears when a node's first process has made its mounts.
func ReadyFile(folder string) string { return filepath.Join(folder, readyFile) }

// Init is the first process of the node called name. It writes into folder; keep are folders that must stay visible.
// It returns only if the mounts fail, or on SIGTERM.
func Init(name, folder string, keep []string) error {
	if os.Getpid() != 1 {
		return errors.New("a node's first process must be pid 1 of its namespace: `up` starts it, not people")
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set the node's name: %w", err)
	}
	if err := mounts(folder, keep); err != nil {
		return err
	}
	if err := os.WriteFile(ReadyFile(folder), nil, 0o644); err != nil {
		return err
	}
	adopt()
	return nil
}

// mounts gives the node its own /proc, /run, /var/lib and /var/log. Nothing of it reaches the machine's mounts.
func mounts(folder string, keep []string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	// Shared from here on down: the kubelet's mounts must reach the containers.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share the node's mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := fakeTunables(folder); err != nil {
		return err
	}
	held, err := hold(append(keep, folder))
	if err != nil {
		return err
	}
	for _, sub := range []string{"lib", "log"} {
		source := filepath.Join(folder, sub)
		if err := os.MkdirAll(source, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(source, "/var/"+sub, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount /var/%s: %w", sub, err)
		}
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	return uncover(held)
}

// tunables are settings of the whole machine that the kubelet wants to have, and sets if they are not so.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// fakeTunables shows the kubelet the values that it wants, so that it leaves the machine's own alone.
func fakeTunables(folder string) error {
	for name, value := range tunables {
		fake := filepath.Join(folder, "tunables", name)
		if err := os.MkdirAll(filepath.Dir(fake), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(fake, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := unix.Mount(fake, "/proc/sys/"+name, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cover /proc/sys/%s: %w", name, err)
		}
	}
	return nil
}

// hold opens folders that the coming mounts may cover (a checkout below /var/lib, a cache below /run).
func hold(folders []string) (map[string]*os.File, error) {
	held := map[string]*os.File{}
	for _, folder := range folders {
		f, err := os.OpenFile(folder, unix.O_PATH|syscall.O_DIRECTORY, 0)
		if err != nil {
			return nil, err
		}
		held[folder] = f
	}
	return held, nil
}

// uncover mounts the held folders that are covered back to where they were.
func uncover(held map[string]*os.File) error {
	for folder, f := range held {
		defer f.Close()
		was, err := f.Stat()
		if err != nil {
			return err
		}
		if now, err := os.Stat(folder); err == nil && os.SameFile(was, now) {
			continue
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), folder, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("uncover %s: %w", folder, err)
		}
	}
	return nil
}

// adopt takes the status of every orphan that ends, until SIGTERM.
func adopt() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGCHLD, unix.SIGTERM)
	for sig := range signals {
		if sig == unix.SIGTERM {
			return
		}
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if pid <= 0 && !errors.Is(err, unix.EINTR) {
				break
			}
		}
	}
}
