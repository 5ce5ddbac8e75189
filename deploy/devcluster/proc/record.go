package proc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Spec says how to start a process. It is kept in the record, so that a name alone is enough to start it again.
type Spec struct {
	Name string   `json:"name"`           // "fra.kubelet"; also the log's name
	Host string   `json:"host"`           // a host of the plan
	Node string   `json:"node,omitempty"` // the process whose namespaces it joins; empty: the host's network only
	Init bool     `json:"init,omitempty"` // it gets mount, pid, uts and ipc namespaces of its own, and is pid 1 there
	Args []string `json:"args"`           // Args[0] is the binary's absolute path
	Env  []string `json:"env,omitempty"`
	Dir  string   `json:"dir,omitempty"`
}

// Record is a Spec and the process that was last started from it.
type Record struct {
	Spec
	PID     int       `json:"pid"`   // 0: never started
	Ticks   uint64    `json:"ticks"` // the kernel's start time, in clock ticks since boot
	Boot    string    `json:"boot"`  // the kernel's boot id: after a reboot no record is alive
	Started time.Time `json:"started"`
}

// Alive says whether exactly this process runs. A zombie does not: it is only waiting for somebody to read its status.
func (r Record) Alive() bool {
	if r.PID == 0 || r.Boot != bootID() {
		return false
	}
	st, err := readStat(r.PID)
	return err == nil && st.ticks == r.Ticks && !st.dead()
}

func (r *Runner) recordPath(name string) string {
	return filepath.Join(r.run, "proc", name+".json")
}

// Record reads the record of a name; fs.ErrNotExist if there is none.
func (r *Runner) Record(name string) (Record, error) {
	var rec Record
	data, err := os.ReadFile(r.recordPath(name))
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(data, &rec); err != nil {
		return rec, fmt.Errorf("record of %s: %w", name, err)
	}
	return rec, nil
}

// Records reads all records, oldest process first.
func (r *Runner) Records() ([]Record, error) {
	paths, err := filepath.Glob(r.recordPath("*"))
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, path := range paths {
		rec, err := r.Record(strings.TrimSuffix(filepath.Base(path), ".json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, rec)
	}
	slices.SortStableFunc(all, func(a, b Record) int { return a.Started.Compare(b.Started) })
	return all, nil
}

// save replaces the record in one step: a reader sees the old one or the new one.
func (r *Runner) save(rec Record) error {
	data, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	path := r.recordPath(rec.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
