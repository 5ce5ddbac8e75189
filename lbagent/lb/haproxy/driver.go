package haproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"time"

	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/lbagent/lb"
)

// Options say where HAProxy is and where it keeps its files.
type Options struct {
	// Binary is HAProxy's path or name; empty is "haproxy".
	Binary string
	// Dir holds the configuration, the sockets and haproxy.pid. It is made if it is not there; its path must be short,
	// for a socket's path has at most 107 bytes.
	Dir string
	// MaxConnections of one worker; 0 is DefaultMaxConnections.
	MaxConnections int
	// Logger takes reloads and starts; nil is slog.Default.
	Logger *slog.Logger
}

// Driver makes one HAProxy serve a configuration. HAProxy is started by the first Apply and outlives the Driver.
type Driver struct {
	process  process
	settings Settings
	log      *slog.Logger

	mu     sync.Mutex // one Apply or Sample at a time
	config lb.Config
	meter  meter
}

var _ lb.Driver = (*Driver)(nil)

// New checks that HAProxy can be run; it starts nothing.
func New(o Options) (*Driver, error) {
	if o.Binary == "" {
		o.Binary = "haproxy"
	}
	binary, err := exec.LookPath(o.Binary)
	if err != nil {
		return nil, fmt.Errorf("find haproxy: %w: install it (`apt-get install haproxy`) or name it", err)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("haproxy's folder: %w", err)
	}
	p := process{binary: binary, dir: dir}
	if len(p.masterSocket()) > maxSocketPath {
		return nil, fmt.Errorf("haproxy's folder %s: a socket in it has a path of more than %d bytes: choose a shorter folder", dir, maxSocketPath)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("haproxy's folder: %w", err)
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	settings := Settings{Socket: p.workerSocket(), MaxConnections: o.MaxConnections, User: unprivileged()}
	return &Driver{process: p, settings: settings, log: o.Logger}, nil
}

// unprivileged is the user that HAProxy's package brings. Workers read what clients send and need no rights once they
// listen; only root can make them somebody else.
func unprivileged() string {
	const name = "haproxy"
	if os.Geteuid() != 0 {
		return ""
	}
	if _, err := user.Lookup(name); err != nil {
		return ""
	}
	if _, err := user.LookupGroup(name); err != nil {
		return ""
	}
	return name
}

// Apply makes HAProxy serve the configuration: by the runtime socket if only servers differ, else by a reload, and by a
// start where none runs. A frontend whose address or port cannot be had is left out and is part of the error.
func (d *Driver) Apply(ctx context.Context, config lb.Config) error {
	if err := config.Validate(); err != nil {
		return fmt.Errorf("load balancer's configuration: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	good, refused := admit(config.Canonical())
	text, digest, err := Render(good, d.settings)
	if err != nil {
		return fmt.Errorf("render haproxy's configuration: %w", err)
	}
	if err := d.bring(ctx, good, text, digest); err != nil {
		return err
	}
	d.config = good
	return refused
}

func (d *Driver) bring(ctx context.Context, config lb.Config, text []byte, digest string) error {
	info, err := d.process.info(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return d.start(ctx, text, digest)
	case info.digest != digest:
		return d.reload(ctx, text, digest, "the frontends changed")
	}
	if err := d.sync(ctx, config); err != nil {
		return d.reload(ctx, text, digest, err.Error())
	}
	return d.process.store(text)
}

func (d *Driver) start(ctx context.Context, text []byte, digest string) error {
	if err := d.process.write(ctx, text); err != nil {
		return err
	}
	if err := d.process.start(ctx, digest); err != nil {
		return err
	}
	d.log.Info("haproxy started", "config", d.process.configFile())
	return nil
}

// reload replaces the worker. It is also the way out where the runtime socket refuses a change of servers.
func (d *Driver) reload(ctx context.Context, text []byte, digest, why string) error {
	if err := d.process.write(ctx, text); err != nil {
		return err
	}
	if _, err := d.sample(ctx); err != nil { // what the old worker counted dies with it
		d.log.Debug("the old worker of haproxy was not read", "error", err)
	}
	begun := time.Now()
	if err := d.process.reload(ctx, digest); err != nil {
		return err
	}
	d.log.Info("haproxy reloaded", "why", why, "took", time.Since(begun))
	return nil
}

// sync changes the servers of the running worker.
func (d *Driver) sync(ctx context.Context, config lb.Config) error {
	answer, err := ask(ctx, d.process.workerSocket(), "show servers state")
	if err != nil {
		return err
	}
	current, err := parseServers(answer)
	if err != nil {
		return err
	}
	for _, c := range commands(current, config) {
		answer, err := ask(ctx, d.process.workerSocket(), c.line)
		if err != nil {
			return err
		}
		if said := refusal(answer); said != "" && !c.mayFail {
			return fmt.Errorf("%q: %s", c.line, said)
		}
	}
	return nil
}

// Sample reads the counters of the worker and of the old ones that still carry streams.
func (d *Driver) Sample(ctx context.Context) (map[string]signal.Load, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sample(ctx)
}

func (d *Driver) sample(ctx context.Context) (map[string]signal.Load, error) {
	answer, err := ask(ctx, d.process.masterSocket(), "show proc")
	if err != nil {
		return nil, err
	}
	current, old := parseProcesses(answer)
	if current == 0 {
		return nil, errors.New("sample haproxy: it has no worker")
	}
	now, r := time.Now(), reading{}
	if err := d.read(ctx, current, r); err != nil {
		return nil, err
	}
	for _, pid := range old {
		if err := d.read(ctx, pid, r); err != nil {
			d.log.Debug("an old worker of haproxy was not read", "pid", pid, "error", err)
		}
	}
	for key, c := range r {
		if key.pid != current {
			c.serversUp = 0 // what an old worker calls up takes nobody new
			r[key] = c
		}
	}
	return d.meter.update(now, r, append(old, current)), nil
}

// read adds one worker's counters to r.
func (d *Driver) read(ctx context.Context, pid int, r reading) error {
	answer, err := ask(ctx, d.process.masterSocket(), fmt.Sprintf("@!%d show stat", pid))
	if err != nil {
		return err
	}
	proxies, err := parseStats(answer)
	if err != nil {
		return err
	}
	if answer, err = ask(ctx, d.process.masterSocket(), fmt.Sprintf("@!%d show table %s", pid, requestTable)); err != nil {
		return err
	}
	requests, err := parseRequests(answer)
	if err != nil {
		return err
	}
	for _, f := range d.config.Frontends {
		if c, ok := proxies[proxyName(f)]; ok {
			key := workerKey{pid: pid, workload: f.Workload}
			c.requests += requests[proxyName(f)]
			r[key] = r[key].plus(c)
		}
	}
	return nil
}

// Version asks the running HAProxy for its version.
func (d *Driver) Version(ctx context.Context) (string, error) {
	info, err := d.process.info(ctx)
	return info.version, err
}

// Stop ends HAProxy and every connection through it: for tests, and for who takes a site down for good.
func (d *Driver) Stop(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.process.stop(ctx)
}
