package devcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"tidegate.dev/tidegate/deploy/devcluster/build"
	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/netlab"
)

// Options say what to start; the zero value is what `make up` starts.
type Options struct {
	Run     string    // the run's folder; empty: RunFolder()
	Cache   string    // where built programs are kept; empty: build.CacheFolder()
	Nodes   string    // "real", "kwok", or empty for what the machine can do
	Program string    // the dev command's binary; empty: it is built
	Log     io.Writer // progress; nil: none
}

// Up starts the clusters and returns when every node is Ready. What an earlier run left in the same folder is cleared
// first; a cluster that is up already is returned as it is. After an error, Down clears what there is.
func Up(ctx context.Context, o Options) (_ *Cluster, err error) {
	c, why, err := prepare(&o)
	if err != nil {
		return nil, err
	}
	unlock, err := lockRun(c.run)
	if err != nil {
		return nil, err
	}
	defer unlock()
	defer func() {
		if err != nil {
			_ = os.Remove(c.run) // only if it is still empty: what was refused leaves no folder
		}
	}()
	if running, err := c.settle(ctx, o.Log); running != nil || err != nil {
		return running, err
	}
	c.announce(why)
	if c.tools, err = build.All(ctx, c.Plan.Mode, c.deploy, o.Cache, c.report.say); err != nil {
		return nil, err
	}
	st := state{Mode: c.Plan.Mode, Deploy: c.deploy, Tools: c.tools, Started: time.Now()}
	if err := writeState(c.run, st); err != nil {
		return nil, err
	}
	if err := c.start(ctx, o.Program); err != nil {
		return nil, fmt.Errorf("%w\nlogs are in %s; `make down` clears this run", err, filepath.Join(c.run, "log"))
	}
	st.Ready = true
	if err := writeState(c.run, st); err != nil {
		return nil, err
	}
	c.report.say("the clusters are up")
	return c, nil
}

func prepare(o *Options) (c *Cluster, why string, err error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	mode, why, err := chooseMode(o.Nodes, Obstacle)
	if err != nil {
		return nil, "", err
	}
	if o.Run == "" {
		if o.Run, err = RunFolder(); err != nil {
			return nil, "", err
		}
	}
	if o.Cache == "" {
		if o.Cache, err = build.CacheFolder(); err != nil {
			return nil, "", err
		}
	}
	c = newCluster(o.Run, mode, o.Log)
	c.deploy, err = DeployFolder()
	return c, why, err
}

// settle returns the cluster that is up in the folder, if there is one, and else clears what is left of older runs.
func (c *Cluster) settle(ctx context.Context, log io.Writer) (*Cluster, error) {
	st, err := readState(c.run)
	if err == nil && st.Ready {
		if running, err := Attach(c.run); err == nil && running.allAlive() {
			running.report = c.report
			c.report.say("the clusters were up already, since %s", st.Started.Format(time.DateTime))
			return running, nil
		}
	}
	if err == nil {
		c.report.say("clearing what an earlier run left")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if c.Plan.Mode == layout.Netns {
		if err := c.refuseForeignOwner(); err != nil {
			return nil, err
		}
	}
	return nil, clear(ctx, c.run, log)
}

func (c *Cluster) refuseForeignOwner() error {
	owner, err := netlab.Owner()
	if err != nil || owner == "" || owner == c.run {
		return err
	}
	if _, err := readState(owner); err == nil {
		return fmt.Errorf("another dev cluster runs on this machine, from %s: stop it with `make down` there", owner)
	}
	return nil
}

func (c *Cluster) allAlive() bool {
	records, err := c.procs.Records()
	for _, rec := range records {
		if !rec.Alive() {
			return false
		}
	}
	return err == nil && len(records) > 0
}

func (c *Cluster) announce(why string) {
	if c.Plan.Mode == layout.Netns {
		c.report.say("real nodes, each host in a network namespace of its own")
		return
	}
	c.report.say("fake nodes: %s. What is missing then:", why)
	for _, line := range missing {
		c.report.say("  - %s", line)
	}
}

func (c *Cluster) start(ctx context.Context, program string) error {
	program, err := c.installProgram(ctx, program)
	if err != nil {
		return err
	}
	if c.Plan.Mode == layout.Netns {
		if err := c.lab.Create(); err != nil {
			return fmt.Errorf("network: %w", err)
		}
		c.report.say("network %s: %d hosts on bridge %s", layout.Hosts4, len(c.Plan.Hosts), layout.Bridge)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.startRegistry(ctx, program) })
	for _, h := range c.Plan.Clusters() {
		group.Go(func() error {
			if err := c.startCluster(ctx, h, program); err != nil {
				return fmt.Errorf("%s: %w", h.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// installProgram puts the dev command into the run's folder: `go run` deletes its own when it returns, and the
// registry and the nodes go on.
func (c *Cluster) installProgram(ctx context.Context, program string) (string, error) {
	target := filepath.Join(c.run, "bin", "tidegate-dev")
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", err
	}
	if program == "" {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", target, "./dev")
		cmd.Dir = c.deploy
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build the dev command: %w\n%s", err, out)
		}
		return target, nil
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	return target, os.WriteFile(target, data, 0o755)
}
