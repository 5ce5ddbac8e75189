package devcluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// In runs f on a thread inside the host's network. Sockets and processes that f opens stay there; goroutines that f
// starts do not, so f dials and listens on literal addresses. In loopback mode f runs as it is.
func (c *Cluster) In(host string, f func() error) error {
	if c.Plan.Mode == layout.Loopback {
		if _, err := c.Plan.Host(host); err != nil {
			return err
		}
		return f()
	}
	return c.lab.In(host, f)
}

// DialFrom makes connections from a host, to literal addresses; it fits http.Transport and the like.
func (c *Cluster) DialFrom(host string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = c.In(host, func() (err error) {
			conn, err = new(net.Dialer).DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}
}

// RunOn runs a prepared command in the host's network until it ends.
func (c *Cluster) RunOn(host string, cmd *exec.Cmd) error {
	if err := c.In(host, cmd.Start); err != nil {
		return err
	}
	return cmd.Wait()
}

// Exec runs a command in the host's network and returns what it printed. An error has its error output.
func (c *Cluster) Exec(ctx context.Context, host string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := c.RunOn(host, cmd); err != nil {
		return stdout.String(), fmt.Errorf("%s: %s: %w: %s", host, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Kubectl runs kubectl against the hub or a site and returns what it printed.
func (c *Cluster) Kubectl(ctx context.Context, cluster string, args ...string) (string, error) {
	cmd, err := c.KubectlCommand(ctx, cluster, args...)
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl on %s: %s: %w: %s", cluster, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// KubectlCommand prepares kubectl for a cluster; the caller connects its input and output. It runs on the machine, not
// on a host: it is the operator's.
func (c *Cluster) KubectlCommand(ctx context.Context, cluster string, args ...string) (*exec.Cmd, error) {
	h, err := c.Plan.Host(cluster)
	if err != nil {
		return nil, err
	}
	if !h.HasCluster() {
		return nil, fmt.Errorf("host %s has no Kubernetes: the hub and the sites have", cluster)
	}
	// Its cache goes where the run goes, and the user's own preferences have no say here.
	flags := []string{"--kubeconfig=" + c.Kubeconfig(cluster), "--cache-dir=" + filepath.Join(c.run, "kubectl")}
	cmd := exec.CommandContext(ctx, filepath.Join(c.tools.Kube, "kubectl"), append(flags, args...)...)
	cmd.Env = append(os.Environ(), "KUBERC=off")
	return cmd, nil
}

// Start starts a process on a host and returns when it runs, which is before it is ready. Its output goes to
// LogPath(spec.Name). It outlives the caller; nothing restarts it.
func (c *Cluster) Start(spec proc.Spec) error { return c.procs.Start(spec) }

// Restart starts a stopped process the way it was started last.
func (c *Cluster) Restart(name string) error { return c.procs.Restart(name) }

// Stop ends a process with SIGTERM, and with SIGKILL if it is still there after 10 s.
func (c *Cluster) Stop(ctx context.Context, name string) error {
	return c.procs.Stop(ctx, name, 10*time.Second)
}

// Kill ends a process with SIGKILL, as a crash would.
func (c *Cluster) Kill(ctx context.Context, name string) error {
	return c.procs.Stop(ctx, name, 0)
}

// Alive says whether a process runs.
func (c *Cluster) Alive(name string) bool {
	rec, err := c.procs.Record(name)
	return err == nil && rec.Alive()
}

// ErrNoLinks is what Cut and Heal return in loopback mode, where hosts have no links.
var ErrNoLinks = errors.New("hosts have no links of their own with NODES=kwok: run as root for real nodes")

// Cut takes the host's link down. What runs on the host goes on, and does not notice except by silence.
func (c *Cluster) Cut(host string) error {
	if c.Plan.Mode == layout.Loopback {
		return ErrNoLinks
	}
	return c.lab.Cut(host)
}

// Heal takes it up again.
func (c *Cluster) Heal(host string) error {
	if c.Plan.Mode == layout.Loopback {
		return ErrNoLinks
	}
	return c.lab.Heal(host)
}
