package kube

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

func cluster(mode layout.Mode, host string) Cluster {
	return Cluster{
		Host: layout.New(mode).Must(host), Mode: mode, Folder: "/run-folder/" + host, Registry: "198.18.0.20:5000",
		Tools:   Tools{Kube: "/tools/kube", Etcd: "/tools/etcd", CNI: "/tools/cni", Runc: "/usr/sbin/runc", Kwok: "/tools/kwok"},
		Resolve: []string{"198.18.0.53"},
	}
}

func TestHubHasNoWorkloadControllers(t *testing.T) {
	args := strings.Join(cluster(layout.Netns, "hub").ControllerManager().Args, " ")
	for _, controller := range []string{"deployment", "replicaset", "statefulset", "daemonset", "job", "cronjob", "=*"} {
		if strings.Contains(args, controller) {
			t.Errorf("the hub runs %s: %s", controller, args)
		}
	}
	if args := cluster(layout.Netns, "fra").ControllerManager().Args; !slices.Contains(args, "--controllers=*") {
		t.Errorf("a site lacks controllers: %s", args)
	}
}

// In loopback mode all hosts share one network, with the same ports: each program must keep to its host's address.
func TestProgramsKeepToTheirHostsAddress(t *testing.T) {
	for _, h := range layout.New(layout.Loopback).Clusters() {
		c := cluster(layout.Loopback, h.Name)
		for spec, flags := range map[string][]string{
			strings.Join(c.Etcd().Args, " "):              {"--listen-client-urls=http://", "--listen-peer-urls=http://"},
			strings.Join(c.APIServer().Args, " "):         {"--bind-address="},
			strings.Join(c.ControllerManager().Args, " "): {"--bind-address="},
			strings.Join(c.Scheduler().Args, " "):         {"--bind-address="},
			strings.Join(c.Kwok().Args, " "):              {"--server-address="},
		} {
			for _, flag := range flags {
				if !strings.Contains(spec, flag+h.Addr.String()) {
					t.Errorf("%s: no %s%s in %s", h.Name, flag, h.Addr, spec)
				}
			}
			if strings.Contains(spec, "127.0.0.1") {
				t.Errorf("%s: an address that every host has: %s", h.Name, spec)
			}
		}
	}
}

func TestNodeFilesAreWhatTheyShouldBe(t *testing.T) {
	files, err := cluster(layout.Netns, "pek").NodeFiles()
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, f := range files {
		content[f.Path] = string(f.Content)
		if strings.HasSuffix(f.Path, ".json") && !json.Valid(f.Content) {
			t.Errorf("%s is not JSON", f.Path)
		}
	}
	for path, want := range map[string]string{
		"kubelet.json":         `"cgroupRoot": "/tg-pek"`,
		"proxy.json":           `"mode": "nftables"`,
		"cni/10-pods.conflist": `"subnet": "198.19.64.0/20"`,
		"containerd.toml":      `sandbox = "registry.edge.example/pause:1"`,
		"resolv.conf":          "nameserver 198.18.0.53\n",
		"registries/registry.edge.example/hosts.toml": `server = "http://198.18.0.20:5000"`,
	} {
		if !strings.Contains(content[path], want) {
			t.Errorf("%s lacks %s:\n%s", path, want, content[path])
		}
	}
}

func TestNodeProgramsJoinTheNode(t *testing.T) {
	c := cluster(layout.Netns, "fra")
	for _, spec := range []proc.Spec{c.Containerd(), c.Kubelet(), c.Proxy()} {
		if spec.Node != "fra.node" || spec.Host != "fra" {
			t.Errorf("%s is on host %q in node %q", spec.Name, spec.Host, spec.Node)
		}
	}
	if !c.Node("/run-folder/bin/dev").Init {
		t.Error("the node's first process gets no namespaces")
	}
}
