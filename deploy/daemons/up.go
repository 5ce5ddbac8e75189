package daemons

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"tidegate.dev/tidegate/deploy/devcluster"
	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// Up starts Tidegate on a cluster that is up, and the sample on Tidegate, and returns when every name server answers
// with every site. Daemons that run already are left as they are. say gets the progress.
func Up(ctx context.Context, c *devcluster.Cluster, bus Bus, say func(format string, args ...any)) error {
	f := &fleet{cluster: c, bus: bus, say: say}
	if err := f.build(ctx); err != nil {
		return err
	}
	if err := f.startBus(ctx); err != nil {
		return err
	}
	if err := f.startHub(ctx); err != nil {
		return err
	}
	group, parallel := errgroup.WithContext(ctx)
	for _, h := range c.Plan.Sites() {
		group.Go(func() error { return f.startSite(parallel, h) })
	}
	for _, ns := range NameServers {
		group.Go(func() error { return f.startNameServer(parallel, c.Plan.Must(ns)) })
	}
	group.Go(func() error { return f.pushSample(parallel) })
	if err := group.Wait(); err != nil {
		return err
	}
	return f.deploySample(ctx)
}

// build puts the programs into the checkout's bin folder; what is up to date there is left as it is.
func (f *fleet) build(ctx context.Context) error {
	f.say("building Tidegate")
	programs := []string{"./cmd/..."}
	if f.bus == External {
		programs = append(programs, natsPackage)
	}
	for folder, packages := range map[string][]string{f.root(): programs, f.cluster.Deploy(): {"./examples/chat"}} {
		cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-o", filepath.Join(f.root(), "bin") + "/"}, packages...)...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", strings.Join(packages, " "), err, out)
		}
	}
	return nil
}

// startHub gives the hub's cluster our objects, and starts the hub.
func (f *fleet) startHub(ctx context.Context) error {
	if err := f.apply(ctx, "-f", filepath.Join(f.cluster.Deploy(), "crds")); err != nil {
		return err
	}
	if _, err := f.cluster.Kubectl(ctx, "hub", "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"); err != nil {
		return err
	}
	if err := f.applyText(ctx, objects(f.cluster.Plan)); err != nil {
		return err
	}
	hub := f.cluster.Plan.Must("hub")
	args := []string{
		f.bin("tidegate-hub"), "-kubeconfig", f.cluster.Kubeconfig("hub"), "-data", f.folder(Hub),
		"-enroll-listen", hub.At(PortEnroll), "-advertise", hub.Addr.String(), "-admin", Socket(f.cluster, Hub),
	}
	if f.bus == External {
		args = append(args, "-bus-url", busURL(f.cluster))
	} else {
		args = append(args, "-bus-listen", hub.At(PortBus))
	}
	if err := f.start(proc.Spec{Name: Hub, Host: hub.Name, Args: args}); err != nil {
		return err
	}
	return f.cluster.Await(ctx, Hub, "to lead", func() (bool, error) {
		out, err := f.tidegate(ctx, Hub, "status", "-o", "json")
		return strings.Contains(out, `"leading": true`), err
	})
}

func (f *fleet) startSite(ctx context.Context, h layout.Host) error {
	token, err := f.token(ctx, "site", h.Name)
	if err != nil {
		return err
	}
	args := []string{
		f.bin("tidegate-site"), "-name", h.Name, "-kubeconfig", f.cluster.Kubeconfig(h.Name), "-token", token,
		"-data", f.folder(Site(h.Name)), "-admin", Socket(f.cluster, Site(h.Name)),
	}
	for i, v4 := range h.More {
		set := v4.String()
		if i < len(h.More6) {
			set += "," + h.More6[i].String()
		}
		args = append(args, "-address", set)
	}
	return f.start(proc.Spec{Name: Site(h.Name), Host: h.Name, Args: args})
}

func (f *fleet) startNameServer(ctx context.Context, h layout.Host) error {
	credentials := f.folder(h.Name) + ".creds"
	if _, err := os.Stat(credentials); err != nil {
		token, err := f.token(ctx, "nameserver", h.Name)
		if err != nil {
			return err
		}
		if _, err := f.tidegate(ctx, Hub, "enroll", "--token-file", token, "--out", credentials); err != nil {
			return err
		}
	}
	corefile := f.folder(h.Name) + ".corefile"
	if err := os.WriteFile(corefile, []byte(f.corefile(h)), 0o644); err != nil {
		return err
	}
	return f.start(proc.Spec{Name: h.Name, Host: h.Name, Args: []string{f.bin("tidegate-dns"), "-conf", corefile}})
}

// start starts a daemon unless it runs.
func (f *fleet) start(spec proc.Spec) error {
	if f.cluster.Alive(spec.Name) {
		return nil
	}
	if spec.Dir == "" {
		spec.Dir = f.cluster.Run()
	}
	if err := os.MkdirAll(f.folder(spec.Name), 0o700); err != nil {
		return err
	}
	f.say("starting %s", spec.Name)
	return f.cluster.Start(spec)
}

// token asks the hub for a one-time token and returns the file that it is in.
func (f *fleet) token(ctx context.Context, role, name string) (string, error) {
	token, err := f.tidegate(ctx, Hub, "token", role, name)
	if err != nil {
		return "", err
	}
	file := f.folder(name) + ".token"
	return file, os.WriteFile(file, []byte(token), 0o600)
}

// tidegate runs the command line against a daemon's admin socket and returns what it printed.
func (f *fleet) tidegate(ctx context.Context, daemon string, args ...string) (string, error) {
	return Tidegate(ctx, f.cluster, daemon, args...)
}

// Tidegate runs the command line against a daemon's admin socket and returns what it printed.
func Tidegate(ctx context.Context, c *devcluster.Cluster, daemon string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, bin(c, "tidegate"), append(args, "--socket", Socket(c, daemon))...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("tidegate %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// apply runs kubectl apply on the hub.
func (f *fleet) apply(ctx context.Context, args ...string) error {
	_, err := f.cluster.Kubectl(ctx, "hub", append([]string{"apply", "--server-side"}, args...)...)
	return err
}

func (f *fleet) applyText(ctx context.Context, yaml string) error {
	file := filepath.Join(f.cluster.Run(), "objects.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o644); err != nil {
		return err
	}
	return f.apply(ctx, "-f", file)
}
