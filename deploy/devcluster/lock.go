package devcluster

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockRun keeps a second up or down out of a run's folder, which it makes. The lock is the folder's own, so that no
// lock file is left, and it ends with the process.
func lockRun(run string) (unlock func(), err error) {
	for {
		if err := os.MkdirAll(run, 0o755); err != nil {
			return nil, err
		}
		if err := ownedByUs(run); err != nil {
			return nil, err
		}
		f, err := os.Open(run)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("another `up` or `down` is at work in %s: wait for it, or interrupt it first", run)
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", run, err)
		}
		if same(f, run) {
			return func() { f.Close() }, nil
		}
		f.Close() // it was removed and made again meanwhile
	}
}

// ownedByUs refuses a run that somebody else, mostly root, has started: it could only be cleared by halves.
func ownedByUs(run string) error {
	info, err := os.Stat(run)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid // always this type on Linux
	if us := os.Geteuid(); us != 0 && int(owner) != us {
		return fmt.Errorf("the run in %s was started by user %d: use sudo, or another TIDEGATE_RUN", run, owner)
	}
	return nil
}

func same(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(held, now)
}
