package devcluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tidegate.dev/tidegate/deploy/devcluster/kube"
	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/netlab"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// Cluster is a run of the dev cluster.
type Cluster struct {
	Plan layout.Plan

	run    string
	deploy string
	tools  kube.Tools
	lab    *netlab.Lab
	procs  *proc.Runner
	report *report
}

// stateFile marks a folder as a run's; only such a folder is ever removed.
const stateFile = "cluster.json"

// state is what Attach needs to know.
type state struct {
	Mode    layout.Mode `json:"mode"`
	Deploy  string      `json:"deploy"` // the deploy folder that started it
	Tools   kube.Tools  `json:"tools"`
	Started time.Time   `json:"started"`
	Ready   bool        `json:"ready"` // Up came to its end
}

// DeployFolder finds the deploy folder from the working folder: one of its parents, or "deploy" in one of them.
func DeployFolder() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		for _, candidate := range []string{dir, filepath.Join(dir, "deploy")} {
			if isDeploy(candidate) {
				return candidate, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside a Tidegate checkout: call this from one", wd)
		}
	}
}

func isDeploy(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "devcluster", "layout", "layout.go"))
	return err == nil
}

// RunFolder is $TIDEGATE_RUN, or .run at the repository's root.
func RunFolder() (string, error) {
	if run := os.Getenv("TIDEGATE_RUN"); run != "" {
		return filepath.Abs(run)
	}
	deploy, err := DeployFolder()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(deploy), ".run"), nil
}

// ErrNotUp says that no cluster runs in the folder.
var ErrNotUp = errors.New("no dev cluster runs here: start one with `make up`")

// Attach finds the running cluster of a run folder.
func Attach(run string) (*Cluster, error) {
	st, err := readState(run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotUp
	}
	if err != nil {
		return nil, err
	}
	c := newCluster(run, st.Mode, io.Discard)
	c.tools, c.deploy = st.Tools, st.Deploy
	return c, nil
}

func newCluster(run string, mode layout.Mode, log io.Writer) *Cluster {
	c := &Cluster{Plan: layout.New(mode), run: run, report: newReport(log)}
	c.lab = netlab.New(c.Plan, run)
	c.procs = proc.New(run, c)
	return c
}

func readState(run string) (state, error) {
	var st state
	data, err := os.ReadFile(filepath.Join(run, stateFile))
	if err != nil {
		return st, err
	}
	if err := json.Unmarshal(data, &st); err != nil {
		return st, fmt.Errorf("state of the run in %s: %w; `make down` clears it", run, err)
	}
	return st, nil
}

func writeState(run string, st state) error {
	data, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(run, stateFile)
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Run is the run's folder.
func (c *Cluster) Run() string { return c.run }

// Deploy is the deploy folder of the checkout that started the run.
func (c *Cluster) Deploy() string { return c.deploy }

// Say adds a line to the progress of Up, with the time since its start. On an attached cluster nobody hears it.
func (c *Cluster) Say(format string, args ...any) { c.report.say(format, args...) }

// Kubeconfig is the administrator's kubeconfig file of the hub or a site.
func (c *Cluster) Kubeconfig(cluster string) string {
	return filepath.Join(c.run, cluster+".kubeconfig")
}

// LogPath is the log of a process.
func (c *Cluster) LogPath(process string) string { return c.procs.LogPath(process) }

// Registry is the host:port that the image registry answers on.
func (c *Cluster) Registry() string {
	return c.Plan.Must("registry").At(layout.PortRegistry)
}

func (c *Cluster) kube(h layout.Host) kube.Cluster {
	return kube.Cluster{
		Host: h, Mode: c.Plan.Mode, Folder: filepath.Join(c.run, h.Name), Tools: c.tools, Registry: c.Registry(),
		Resolve: []string{c.Plan.Must("ns1").Addr.String(), c.Plan.Must("ns2").Addr.String()},
	}
}
