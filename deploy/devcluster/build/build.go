package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"tidegate.dev/tidegate/deploy/devcluster/kube"
	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

// heartbeat is how often a long build says that it goes on.
const heartbeat = 20 * time.Second

// builder builds the tools of one mode.
type builder struct {
	ctx    context.Context
	deploy string // the deploy folder
	cache  string
	say    func(format string, args ...any)
}

// CacheFolder is $TIDEGATE_CACHE, or "tidegate" in the user's cache folder.
func CacheFolder() (string, error) {
	if folder := os.Getenv("TIDEGATE_CACHE"); folder != "" {
		return filepath.Abs(folder)
	}
	folder, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("where to keep built programs: %w; set HOME, or TIDEGATE_CACHE and, for the Go command, GOCACHE and GOPATH", err)
	}
	return filepath.Join(folder, "tidegate"), nil
}

// All builds what is missing of the mode's programs, one after the other: each keeps all cores busy by itself. say
// gets the progress.
func All(ctx context.Context, mode layout.Mode, deploy, cache string, say func(string, ...any)) (kube.Tools, error) {
	b := &builder{ctx: ctx, deploy: deploy, cache: cache, say: say}
	gomod, err := os.ReadFile(filepath.Join(deploy, "go.mod"))
	if err != nil {
		return kube.Tools{}, err
	}
	folders := map[string]string{}
	for _, t := range tools(mode, string(gomod)) {
		if folders[t.name], err = b.get(t); err != nil {
			return kube.Tools{}, fmt.Errorf("build %s: %w", t.name, err)
		}
	}
	found := kube.Tools{
		Kube: folders["kube"], Etcd: filepath.Join(folders["etcd"], "etcd"), Kwok: folders["kwok"],
		Containerd: folders["containerd"], CNI: folders["cni"], Pause: filepath.Join(folders["pause"], "pause"),
	}
	if mode == layout.Netns {
		if found.Runc, err = exec.LookPath("runc"); err != nil {
			return found, fmt.Errorf("%w: install Debian's packages runc and nftables (`make deps`)", err)
		}
	}
	return found, nil
}

// get returns the tool's folder, after building it if it is not there.
func (b *builder) get(t tool) (string, error) {
	name, err := t.folderName(b.deploy)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(b.cache, "tools", name)
	if exists(folder) {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(b.ctx, folder+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(folder) { // another caller built it meanwhile
		return folder, nil
	}
	return folder, b.make(t, folder)
}

// make builds aside and renames: the folder exists only when it is complete.
func (b *builder) make(t tool, folder string) error {
	aside := folder + ".new"
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	if err := os.MkdirAll(aside, 0o755); err != nil {
		return err
	}
	start := time.Now()
	b.say("build %s %s (%s, once)", t.name, t.version, t.note)
	if err := b.compile(t, aside); err != nil {
		return err
	}
	for _, link := range t.links {
		if err := os.Symlink(t.name, filepath.Join(aside, link)); err != nil {
			return err
		}
	}
	if t.after != nil {
		if err := t.after(b, aside); err != nil {
			return err
		}
	}
	b.say("built %s in %s", t.name, time.Since(start).Round(100*time.Millisecond))
	return os.Rename(aside, folder)
}

func (b *builder) compile(t tool, folder string) error {
	verb := []string{"install"}
	if t.module == "" {
		verb = []string{"build", "-tags", "devprograms", "-o", folder + "/"}
	}
	args := append(verb, "-v", "-trimpath", "-buildvcs=false", "-ldflags", strings.TrimSpace("-s -w "+t.ldflags))
	cmd := exec.CommandContext(b.ctx, "go", append(args, t.packages()...)...)
	cmd.Dir = b.deploy
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOBIN="+folder)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it ends its compilers
	cmd.WaitDelay = 10 * time.Second
	var output counter
	cmd.Stdout, cmd.Stderr = &output, &output
	done := b.beat(t.name, &output)
	defer done()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w, after:\n%s", err, output.tail())
	}
	return nil
}

// beat reports a running build until the returned function is called.
func (b *builder) beat(name string, output *counter) func() {
	start, stop, stopped := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				b.say("  %s: %d packages compiled in %s", name, output.lines.Load(), time.Since(start).Round(time.Second))
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

// counter keeps a command's output and counts its lines: the Go command prints one for each package it compiles.
type counter struct {
	lines atomic.Int64
	text  bytes.Buffer
}

func (c *counter) Write(p []byte) (int, error) {
	c.lines.Add(int64(bytes.Count(p, []byte("\n"))))
	return c.text.Write(p)
}

// tail is the end of the output, where the error is.
func (c *counter) tail() string {
	lines := strings.Split(strings.TrimSpace(c.text.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// joinStages writes the stages that come with kwok's module into one file beside it.
func (b *builder) joinStages(folder string) error {
	cmd := exec.CommandContext(b.ctx, "go", "mod", "download", "-json", "sigs.k8s.io/kwok@"+kwokVersion)
	cmd.Dir = b.deploy
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("find kwok's stages: %w", err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return fmt.Errorf("find kwok's stages: %w", err)
	}
	var all bytes.Buffer
	for _, file := range stageFiles {
		content, err := os.ReadFile(filepath.Join(module.Dir, "kustomize", "stage", file))
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "---\n%s\n", bytes.TrimSpace(content))
	}
	return os.WriteFile(filepath.Join(folder, "stages.yaml"), all.Bytes(), 0o644)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lock takes a file's lock, and waits for it as long as ctx lets it.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("another build holds %s: %w", path, ctx.Err())
		case <-tick.C:
		}
	}
}
