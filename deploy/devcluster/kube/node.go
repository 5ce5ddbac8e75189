package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"text/template"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// Paths inside the node, where they are what every Kubernetes tool expects.
const (
	ContainerdSocket = "/run/containerd/containerd.sock" // appears when containerd listens
	kubeletFolder    = "/var/lib/kubelet"
)

// Node is the node's first process: program (the dev command) makes the namespaces' mounts and then adopts orphans.
func (c Cluster) Node(program string) proc.Spec {
	s := c.spec("node", program, "node-init", c.Host.Node(), c.NodeFolder(), c.Folder, filepath.Dir(c.Tools.Kube))
	s.Init = true
	return s
}

// NodeFolder holds what the node writes.
func (c Cluster) NodeFolder() string { return filepath.Join(c.Folder, "node") }

// Containerd runs the node's containers.
func (c Cluster) Containerd() proc.Spec {
	return c.nodeSpec("containerd", filepath.Join(c.Tools.Containerd, "containerd"), "--config="+c.etc("containerd.toml"), "--log-level=warn")
}

// Kubelet is the node's agent.
func (c Cluster) Kubelet() proc.Spec {
	return c.nodeSpec("kubelet", c.kube("kubelet"),
		"--config="+c.etc("kubelet.json"),
		"--kubeconfig="+c.Kubeconfig("kubelet"),
		"--hostname-override="+c.Host.Node(),
		"--node-ip="+c.Host.Addr.String(),
		"--root-dir="+kubeletFolder,
		"--cert-dir="+kubeletFolder+"/pki",
		"--node-labels="+fmt.Sprintf("topology.kubernetes.io/region=%s,topology.kubernetes.io/zone=%s", c.Host.Name, c.Host.Name),
	)
}

// Proxy translates Service addresses on the node.
func (c Cluster) Proxy() proc.Spec {
	return c.nodeSpec("kube-proxy", c.kube("kube-proxy"), "--config="+c.etc("proxy.json"))
}

// File is a rendered configuration file; its path is relative to Etc.
type File struct {
	Path    string
	Content []byte
}

// NodeFiles renders the node's configuration.
func (c Cluster) NodeFiles() ([]File, error) {
	toml, err := c.containerdConfig()
	if err != nil {
		return nil, err
	}
	files := []File{
		{"containerd.toml", toml},
		{"resolv.conf", []byte("nameserver " + strings.Join(c.Resolve, "\nnameserver ") + "\n")},
		{"registries/" + layout.ImageRegistry + "/hosts.toml", fmt.Appendf(nil, "server = \"http://%s\"\n", c.Registry)},
	}
	for path, config := range map[string]any{
		"kubelet.json": c.kubeletConfig(), "proxy.json": c.proxyConfig(), "cni/10-pods.conflist": c.cniConfig(),
	} {
		data, err := json.MarshalIndent(config, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", path, err)
		}
		files = append(files, File{path, data})
	}
	return files, nil
}

type object = map[string]any

func (c Cluster) kubeletConfig() object {
	return object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"address":            c.Host.Addr.String(),
		"port":               layout.PortKubelet,
		"healthzBindAddress": "127.0.0.1",
		"healthzPort":        layout.PortKubeletHealth,
		"tlsCertFile":        c.pki("kubelet.crt"),
		"tlsPrivateKeyFile":  c.pki("kubelet.key"),
		"authentication": object{
			"anonymous": object{"enabled": false},
			"webhook":   object{"enabled": true},
			"x509":      object{"clientCAFile": c.pki("ca.crt")},
		},
		"authorization":            object{"mode": "Webhook"},
		"containerRuntimeEndpoint": "unix://" + ContainerdSocket,
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               "/" + c.Host.Cgroup(),
		"failCgroupV1":             false, // old machines may
		"failSwapOn":               false,
		"oomScoreAdj":              0,
		"enforceNodeAllocatable":   []string{"pods"},
		"evictionHard":             object{"nodefs.available": "2%", "imagefs.available": "2%", "memory.available": "100Mi"},
		"serializeImagePulls":      false,
		"registryPullQPS":          0,
		"eventRecordQPS":           0,
		"resolvConf":               c.etc("resolv.conf"),
		"clusterDNS":               c.Resolve, // without one every pod gets a warning
		"clusterDomain":            "cluster.local",
		"enableProfilingHandler":   false,
	}
}

func (c Cluster) proxyConfig() object {
	return object{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"mode":               "nftables",
		"bindAddress":        c.Host.Addr.String(),
		"hostnameOverride":   c.Host.Node(),
		"clusterCIDR":        c.Host.Pods.String(),
		"clientConnection":   object{"kubeconfig": c.Kubeconfig("kube-proxy")},
		"healthzBindAddress": c.Host.At(layout.PortProxyHealth),
		"metricsBindAddress": fmt.Sprintf("127.0.0.1:%d", layout.PortProxyMetrics),
		"conntrack":          object{"maxPerCore": 0, "min": 0}, // these are the whole machine's
		// Without it a pod's answer to its neighbour on the same bridge would not come back through the translation.
		"nftables": object{"masqueradeAll": true, "minSyncPeriod": "100ms"},
	}
}

func (c Cluster) cniConfig() object {
	return object{
		"cniVersion": "1.0.0",
		"name":       "pods",
		"plugins": []object{
			{
				"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
				"ipMasq": true, "ipMasqBackend": "nftables", // outside the site nobody knows pod addresses
				"ipam": object{
					"type":    "host-local",
					"ranges":  [][]object{{{"subnet": c.Host.Pods.String()}}},
					"routes":  []object{{"dst": "0.0.0.0/0"}},
					"dataDir": "/run/cni",
				},
			},
			{"type": "portmap", "backend": "nftables", "capabilities": object{"portMappings": true}},
		},
	}
}

var containerdTemplate = template.Must(template.New("containerd.toml").Parse(`version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.zfs", "io.containerd.nri.v1.nri",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]

[grpc]
  address = "` + ContainerdSocket + `"

[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd-opt"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = {{printf "%q" .Pause}}
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = {{printf "%q" .Registries}}

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  enable_criu = false
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = [{{printf "%q" .CNI}}]
    conf_dir = {{printf "%q" .CNIConfig}}
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = {{printf "%q" .Runc}}
        Root = "/run/runc"
        SystemdCgroup = false
`))

func (c Cluster) containerdConfig() ([]byte, error) {
	var out bytes.Buffer
	err := containerdTemplate.Execute(&out, map[string]string{
		"Pause": PauseImage, "Registries": c.etc("registries"), "CNI": c.Tools.CNI, "CNIConfig": c.etc("cni"), "Runc": c.Tools.Runc,
	})
	return out.Bytes(), err
}
