package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// MarkVar is the environment variable that every process of a run carries; its value is the run's folder. It finds
// what was started a moment before the record could be written, and what started processes leave behind.
const MarkVar = "TIDEGATE_DEV_RUN"

func (r *Runner) mark() string { return MarkVar + "=" + r.run }

// Marked finds the live processes that carry the run's mark: without the caller and its ancestors, so that a shell
// which inherited the mark can still call down.
func (r *Runner) Marked() ([]Record, error) {
	paths, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	skip := ancestors(os.Getpid())
	var found []Record
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil || skip[pid] || !hasMark(pid, r.mark()) {
			continue
		}
		st, err := readStat(pid)
		if err != nil || st.dead() {
			continue
		}
		found = append(found, Record{Spec: Spec{Name: fmt.Sprintf("pid %d", pid)}, PID: pid, Ticks: st.ticks, Boot: bootID()})
	}
	return found, nil
}

func hasMark(pid int, mark string) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false // gone, or another user's: not ours
	}
	return hasEntry(env, mark)
}

// hasEntry looks for a whole entry: a run in /a must not find the processes of a run in /a/b.
func hasEntry(env []byte, entry string) bool {
	for e := range bytes.SplitSeq(env, []byte{0}) {
		if string(e) == entry {
			return true
		}
	}
	return false
}

func ancestors(pid int) map[int]bool {
	up := map[int]bool{}
	for pid > 0 && !up[pid] {
		up[pid] = true
		st, err := readStat(pid)
		if err != nil {
			break
		}
		pid = st.parent
	}
	return up
}

// InNamespaceOf lists the processes in the pid namespace of pid: a node's daemons and the shims of its pods. The pods
// themselves have namespaces of their own below it.
func InNamespaceOf(pid int) (pids []int) {
	want, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return nil
	}
	paths, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right, so there is no error
	for _, path := range paths {
		if got, err := os.Readlink(path + "/ns/pid"); err == nil && got == want {
			n, _ := strconv.Atoi(filepath.Base(path))
			pids = append(pids, n)
		}
	}
	return pids
}
