package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one HAProxy in one folder, whoever started it.
type process struct {
	binary string
	dir    string
}

// reloadTimeout is how long a new worker may take to answer.
const reloadTimeout = 10 * time.Second

// maxSocketPath leaves room for the suffix that HAProxy adds while it takes a socket over; the kernel's limit is 107.
const maxSocketPath = 90

func (p process) configFile() string   { return filepath.Join(p.dir, "haproxy.cfg") }
func (p process) pidFile() string      { return filepath.Join(p.dir, "haproxy.pid") }
func (p process) workerSocket() string { return filepath.Join(p.dir, "worker.sock") }
func (p process) masterSocket() string { return filepath.Join(p.dir, "master.sock") }

// info asks the current worker who it is.
func (p process) info(ctx context.Context) (workerInfo, error) {
	answer, err := ask(ctx, p.workerSocket(), "show info")
	if err != nil {
		return workerInfo{}, err
	}
	return parseInfo(answer)
}

// write puts a configuration in the place of the current one after HAProxy has checked it.
func (p process) write(ctx context.Context, text []byte) error {
	candidate := p.configFile() + ".new"
	if err := os.WriteFile(candidate, text, 0o600); err != nil {
		return fmt.Errorf("write haproxy's configuration: %w", err)
	}
	if err := p.command(ctx, "-c", "-q", "-f", candidate); err != nil {
		return fmt.Errorf("haproxy refuses %s: %w", candidate, err)
	}
	return p.commit(candidate)
}

// store is write without the check: for changes of servers only, which the runtime socket has already taken.
func (p process) store(text []byte) error {
	if current, err := os.ReadFile(p.configFile()); err == nil && bytes.Equal(current, text) {
		return nil
	}
	candidate := p.configFile() + ".new"
	if err := os.WriteFile(candidate, text, 0o600); err != nil {
		return fmt.Errorf("write haproxy's configuration: %w", err)
	}
	return p.commit(candidate)
}

func (p process) commit(candidate string) error {
	if err := os.Rename(candidate, p.configFile()); err != nil {
		return fmt.Errorf("write haproxy's configuration: %w", err)
	}
	return nil
}

// start starts a master with its worker in a session of their own; it returns when they listen. A HAProxy of this folder
// that runs but does not answer is left alone: a second one beside it would share its ports.
func (p process) start(ctx context.Context, digest string) error {
	if pid, ok := p.running(); ok {
		return fmt.Errorf("haproxy runs as process %d and does not answer on %s: end it by hand, it is then started again", pid, p.workerSocket())
	}
	err := p.command(ctx, "-W", "-D", "-S", p.masterSocket()+",mode,600", "-p", p.pidFile(), "-f", p.configFile())
	if err != nil {
		return fmt.Errorf("start haproxy: %w", err)
	}
	return p.await(ctx, digest, 0)
}

// command runs HAProxy and waits for it; with -D it is the parent that returns once its daemon is ready.
func (p process) command(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	var says bytes.Buffer
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Dir, cmd.Stderr = p.dir, &says
	cmd.WaitDelay = time.Second // a daemon may keep our pipe a moment longer than its parent lives
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return fmt.Errorf("%w: %s", err, alerts(says.String()))
}

// alerts are the lines in which HAProxy says what is wrong, without its prefixes.
func alerts(output string) string {
	var lines []string
	for line := range strings.Lines(output) {
		if rest, ok := strings.CutPrefix(line, "[ALERT]"); ok {
			_, said, _ := strings.Cut(rest, " : ")
			lines = append(lines, strings.TrimSpace(said))
		}
	}
	if len(lines) == 0 {
		return strings.TrimSpace(output)
	}
	return strings.Join(lines, "; ")
}

// reload makes the master start a worker with the file's configuration; the old one hands its sockets over and finishes.
// With the same digest before and after, the worker's number tells them apart.
func (p process) reload(ctx context.Context, digest string) error {
	before, err := p.info(ctx)
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	if _, err := ask(ctx, p.masterSocket(), "reload"); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	if err := p.await(ctx, digest, before.pid); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	return nil
}

// await returns when a worker answers that was started with the digest and is not the one of before, and the master, which
// executes itself anew after each start and reload, knows it.
func (p process) await(ctx context.Context, digest string, before int) error {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if info, err := p.info(ctx); err == nil && info.digest == digest && info.pid != before && p.masterKnows(ctx, info.pid) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("no worker of haproxy took the new configuration: `haproxy -d -f " + p.configFile() + "` says why")
		case <-tick.C:
		}
	}
}

func (p process) masterKnows(ctx context.Context, worker int) bool {
	answer, err := ask(ctx, p.masterSocket(), "show proc")
	current, _ := parseProcesses(answer)
	return err == nil && current == worker
}

// running finds the master by its file. A process with the same number that is not ours does not count.
func (p process) running() (pid int, ok bool) {
	data, err := os.ReadFile(p.pidFile())
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0, false
	}
	args, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return pid, err == nil && bytes.Contains(args, []byte(p.configFile()))
}

// stop ends the master, its worker and old workers at once, and waits for it.
func (p process) stop(ctx context.Context) error {
	pid, ok := p.running()
	if !ok {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("end haproxy: %w", err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ok {
		select {
		case <-ctx.Done():
			return fmt.Errorf("end haproxy (process %d): %w", pid, ctx.Err())
		case <-tick.C:
			_, ok = p.running()
		}
	}
	return nil
}
