package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

// Versions of what is built as its own module; what this module requires has its version in go.mod.
const (
	containerdVersion = "v2.4.2"
	cniVersion        = "v1.9.1"
	kwokVersion       = "v0.8.0"
)

// tool is one program, or a few that are built together.
type tool struct {
	name    string
	version string
	note    string   // for people: what it is and how long it takes
	sources []string // files whose content is part of the key, relative to the deploy folder
	module  string   // module to install from; empty: this module
	targets []string // packages, relative to the module
	ldflags string
	links   []string // names that the binary is also called by
	after   func(b *builder, folder string) error
}

const kubePackage = "k8s.io/kubernetes"

// tools lists what a mode needs, the slowest first.
func tools(mode layout.Mode, gomod string) []tool {
	kubeVersion := required(gomod, kubePackage)
	stamp := "-X k8s.io/component-base/version.gitVersion=" + kubeVersion
	all := []tool{
		{
			name: "kube", version: kubeVersion, note: "Kubernetes in one binary, 5 to 6 minutes on 2 cores",
			targets: []string{"./programs/kube"}, sources: []string{"programs/kube/main.go"}, ldflags: stamp,
			links: []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"},
		},
		{
			name: "etcd", version: required(gomod, "go.etcd.io/etcd/server/v3"), note: "20 s",
			targets: []string{"./programs/etcd"}, sources: []string{"programs/etcd/main.go"},
		},
	}
	if mode == layout.Loopback {
		return append(all, tool{
			name: "kwok", version: kwokVersion, note: "fake nodes, 90 s",
			module: "sigs.k8s.io/kwok", targets: []string{"cmd/kwok"}, after: (*builder).joinStages,
		})
	}
	return append(all,
		tool{
			name: "containerd", version: containerdVersion, note: "container runtime, 60 s",
			module: "github.com/containerd/containerd/v2", targets: []string{"cmd/containerd", "cmd/containerd-shim-runc-v2"},
		},
		tool{
			name: "cni", version: cniVersion, note: "pod network plugins, 6 s",
			module: "github.com/containernetworking/plugins",
			targets: []string{
				"plugins/main/bridge", "plugins/main/loopback", "plugins/ipam/host-local", "plugins/meta/portmap",
			},
		},
		tool{
			name: "pause", version: "v1", note: "2 s",
			targets: []string{"./programs/pause"}, sources: []string{"programs/pause/main.go"},
		},
	)
}

// required is a module's version in a go.mod; empty if it is not there.
func required(gomod, module string) string {
	pattern := regexp.MustCompile(`(?m)^\s*(?:require\s+)?` + regexp.QuoteMeta(module) + `\s+(v\S+)`)
	if m := pattern.FindStringSubmatch(gomod); m != nil {
		return m[1]
	}
	return ""
}

// folderName is the tool's place in the cache: it changes with everything that changes the binary.
func (t tool) folderName(deploy string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH, t.targets, t.ldflags, t.links)
	for _, source := range t.sources {
		content, err := os.ReadFile(filepath.Join(deploy, source))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %x\n", source, sha256.Sum256(content))
	}
	return t.name + "-" + t.version + "-" + hex.EncodeToString(h.Sum(nil))[:10], nil
}

// install is how the tool's packages are named to the Go command.
func (t tool) packages() []string {
	if t.module == "" {
		return t.targets
	}
	var all []string
	for _, target := range t.targets {
		all = append(all, t.module+"/"+target+"@"+t.version)
	}
	return all
}

// stageFiles say how kwok's nodes and pods behave; they come with its module.
var stageFiles = strings.Fields(`
	node/fast/node-initialize.yaml
	node/heartbeat-with-lease/node-heartbeat-with-lease.yaml
	pod/fast/pod-ready.yaml
	pod/fast/pod-complete.yaml
	pod/fast/pod-delete.yaml`)
