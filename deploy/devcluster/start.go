package devcluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"tidegate.dev/tidegate/deploy/devcluster/image"
	"tidegate.dev/tidegate/deploy/devcluster/kube"
	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/node"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// registryName is the registry's process.
const registryName = "registry"

func (c *Cluster) startRegistry(ctx context.Context, program string) error {
	err := c.procs.Start(proc.Spec{
		Name: registryName, Host: "registry", Dir: c.run,
		Args: []string{program, "registry", c.Registry(), filepath.Join(c.run, "registry")},
	})
	if err != nil {
		return err
	}
	err = c.Await(ctx, registryName, "to listen", func() (bool, error) {
		conn, err := net.DialTimeout("tcp", c.Registry(), time.Second)
		if err != nil {
			return false, err
		}
		return true, conn.Close()
	})
	if err != nil || c.Plan.Mode == layout.Loopback {
		return err
	}
	_, err = c.PushImage(ctx, kube.PauseImage, c.tools.Pause)
	return err
}

// startCluster brings one control plane up, with its node if it is a site.
func (c *Cluster) startCluster(ctx context.Context, h layout.Host, program string) error {
	k := c.kube(h)
	if err := k.Identities(c.Kubeconfig(h.Name)); err != nil {
		return err
	}
	group, both := errgroup.WithContext(ctx)
	if h.Kind == layout.Site && c.Plan.Mode == layout.Netns {
		group.Go(func() error { return c.startNode(both, k, program) })
	}
	group.Go(func() error { return c.startControlPlane(both, k) })
	if err := group.Wait(); err != nil {
		return err
	}
	c.report.say("%s: API server ready at %s", h.Name, k.Server())
	if h.Kind == layout.Hub {
		return nil
	}
	if err := c.startAgents(ctx, k); err != nil {
		return err
	}
	c.report.say("%s: node %s is Ready (%s)", h.Name, h.Node(), h.Place)
	return nil
}

func (c *Cluster) startControlPlane(ctx context.Context, k kube.Cluster) error {
	if err := c.startAll(k.Etcd(), k.APIServer()); err != nil {
		return err
	}
	api, err := newAPI(c.Kubeconfig(k.Host.Name))
	if err != nil {
		return err
	}
	if err := c.Await(ctx, k.Name("apiserver"), "to be ready", func() (bool, error) { return true, api.get(ctx, "/readyz", nil) }); err != nil {
		return err
	}
	if err := c.startAll(k.ControllerManager()); err != nil || k.Host.Kind == layout.Hub {
		return err
	}
	return c.startAll(k.Scheduler())
}

func (c *Cluster) startAll(specs ...proc.Spec) error {
	for _, spec := range specs {
		if err := c.procs.Start(spec); err != nil {
			return err
		}
	}
	return nil
}

// startNode makes the site's node as far as it goes without an API server.
func (c *Cluster) startNode(ctx context.Context, k kube.Cluster, program string) error {
	if err := node.MakeCgroup(k.Host.Cgroup()); err != nil {
		return err
	}
	if err := writeNodeFiles(k); err != nil {
		return err
	}
	if err := c.procs.Start(k.Node(program)); err != nil {
		return err
	}
	exists := func(path string) func() (bool, error) {
		return func() (bool, error) { _, err := os.Stat(path); return err == nil, err }
	}
	if err := c.Await(ctx, k.Name("node"), "to make its mounts", exists(node.ReadyFile(k.NodeFolder()))); err != nil {
		return err
	}
	if err := c.procs.Start(k.Containerd()); err != nil {
		return err
	}
	rec, err := c.procs.Record(k.Name("node"))
	if err != nil {
		return err
	}
	socket := fmt.Sprintf("/proc/%d/root%s", rec.PID, kube.ContainerdSocket)
	return c.Await(ctx, k.Name("containerd"), "to listen", exists(socket))
}

func writeNodeFiles(k kube.Cluster) error {
	files, err := k.NodeFiles()
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(k.Etc(), f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Content, 0o644); err != nil {
			return err
		}
	}
	return os.MkdirAll(k.NodeFolder(), 0o755)
}

// startAgents starts what connects the node with its API server, and waits until pods can be made.
func (c *Cluster) startAgents(ctx context.Context, k kube.Cluster) error {
	api, err := newAPI(c.Kubeconfig(k.Host.Name))
	if err != nil {
		return err
	}
	agent := k.Name("kubelet")
	if c.Plan.Mode == layout.Netns {
		err = c.startAll(k.Kubelet(), k.Proxy())
	} else {
		agent = k.Name("kwok")
		if err := api.post(ctx, "/api/v1/nodes", fakeNode(k.Host)); err != nil {
			return err
		}
		err = c.startAll(k.Kwok())
	}
	if err != nil {
		return err
	}
	if err := c.Await(ctx, agent, "to make its node Ready", func() (bool, error) { return api.nodeReady(ctx, k.Host.Node()) }); err != nil {
		return err
	}
	return c.Await(ctx, k.Name("controller-manager"), "to make the default service account", func() (bool, error) {
		return true, api.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
	})
}

// fakeNode is the node that kwok plays.
func fakeNode(h layout.Host) json.RawMessage {
	return fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Node", "metadata": {"name": %q,
		"annotations": {"kwok.x-k8s.io/node": "fake"},
		"labels": {"kubernetes.io/hostname": %q, "kubernetes.io/os": "linux", "type": "kwok",
			"topology.kubernetes.io/region": %q, "topology.kubernetes.io/zone": %q}},
		"status": {"capacity": {"cpu": "8", "memory": "32Gi", "pods": "110"},
			"allocatable": {"cpu": "8", "memory": "32Gi", "pods": "110"}}}`, h.Node(), h.Node(), h.Name, h.Name)
}

// PushImage makes an image of a static binary and pushes it to the dev registry as reference, which starts with
// layout.ImageRegistry. It returns the reference by digest.
func (c *Cluster) PushImage(ctx context.Context, reference, binary string) (string, error) {
	img, err := image.FromBinary(binary)
	if err != nil {
		return "", err
	}
	return image.Push(ctx, img, reference, c.Registry())
}
