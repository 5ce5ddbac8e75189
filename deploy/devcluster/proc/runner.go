package proc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Namespaces runs f where a process of the host shall start: in the host's network namespace, or as it is. f must not
// start goroutines that need the namespace.
type Namespaces interface {
	In(host string, f func() error) error
}

// Runner is the processes of one run.
type Runner struct {
	run string // the run's folder, absolute
	ns  Namespaces
}

// New makes the runner of a run's folder, which must be an absolute path.
func New(run string, ns Namespaces) *Runner {
	return &Runner{run: run, ns: ns}
}

// LogPath is the file that a process' output goes to.
func (r *Runner) LogPath(name string) string {
	return filepath.Join(r.run, "log", name+".log")
}

// Start starts a process and returns when it is recorded; it does not wait until the process is ready.
func (r *Runner) Start(spec Spec) error {
	if rec, err := r.Record(spec.Name); err == nil && rec.Alive() {
		return fmt.Errorf("%s already runs as pid %d: stop it first", spec.Name, rec.PID)
	}
	rec, err := r.spawn(spec)
	if err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	if err := r.save(rec); err != nil {
		_ = signal(rec, syscall.SIGKILL) // what cannot be recorded must not run
		return fmt.Errorf("record %s: %w", spec.Name, err)
	}
	return nil
}

// Restart starts a stopped process again, the way it was started last.
func (r *Runner) Restart(name string) error {
	rec, err := r.Record(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no process %q in this run: `status` lists them", name)
	}
	if err != nil {
		return err
	}
	return r.Start(rec.Spec)
}

func (r *Runner) spawn(spec Spec) (Record, error) {
	log, err := r.openLog(spec.Name)
	if err != nil {
		return Record{}, err
	}
	defer log.Close()
	cmd := r.Command(spec.Args...)
	cmd.Env = append(cmd.Env, spec.Env...)
	cmd.Dir = spec.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if spec.Init {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
	}
	started := time.Now()
	if err := r.enter(spec, cmd.Start); err != nil {
		return Record{}, err
	}
	st, err := readStat(cmd.Process.Pid) // still there: nobody has waited for it
	if err != nil {
		return Record{}, err
	}
	go func() { _ = cmd.Wait() }() // takes the status while we live; the machine's init does after us
	return Record{Spec: spec, PID: cmd.Process.Pid, Ticks: st.ticks, Boot: bootID(), Started: started}, nil
}

func (r *Runner) enter(spec Spec, start func() error) error {
	if spec.Node == "" {
		return r.ns.In(spec.Host, start)
	}
	node, err := r.Record(spec.Node)
	if err != nil || !node.Alive() {
		return fmt.Errorf("%s, whose namespaces it needs, does not run", spec.Node)
	}
	return inNamespacesOf(node.PID, start)
}

func (r *Runner) openLog(name string) (*os.File, error) {
	path := r.LogPath(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// Command prepares a command with a small environment that carries the run's mark.
func (r *Runner) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + r.run,
		r.mark(),
	}
	return cmd
}

// Stop ends a process: it asks with SIGTERM, and after grace, or at once if grace is 0, it kills. It returns when the
// process is gone; one that does not run is no error.
func (r *Runner) Stop(ctx context.Context, name string, grace time.Duration) error {
	rec, err := r.Record(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no process %q in this run: `status` lists them", name)
	}
	if err != nil {
		return err
	}
	return End(ctx, rec, grace)
}

// End is Stop for a record.
func End(ctx context.Context, rec Record, grace time.Duration) error {
	if grace > 0 {
		if err := signal(rec, syscall.SIGTERM); err != nil {
			return err
		}
		if gone(ctx, rec, grace) {
			return nil
		}
	}
	if err := signal(rec, syscall.SIGKILL); err != nil {
		return err
	}
	if !gone(ctx, rec, 20*time.Second) {
		return fmt.Errorf("%s (pid %d) did not end 20 s after SIGKILL: it hangs in the kernel, `dmesg` may say why", rec.Name, rec.PID)
	}
	return nil
}

// signal holds the process by a pidfd (os.FindProcess opens one) before it looks at the start time: the signal goes to
// the process that was looked at or to nobody.
func signal(rec Record, sig syscall.Signal) error {
	p, err := os.FindProcess(rec.PID)
	if err != nil {
		return nil // gone
	}
	defer p.Release()
	if !rec.Alive() {
		return nil
	}
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s (pid %d): %w", rec.Name, rec.PID, err)
	}
	return nil
}

func gone(ctx context.Context, rec Record, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for rec.Alive() {
		select {
		case <-ctx.Done():
			return !rec.Alive()
		case <-tick.C:
		}
	}
	return true
}
