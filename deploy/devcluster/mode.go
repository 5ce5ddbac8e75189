package devcluster

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/netlab"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// chooseMode decides between real nodes and fake ones: nodes is what the user asked for ($NODES): "real", "kwok", or
// empty for what this machine can do. The reason is for the user.
func chooseMode(nodes string, obstacle func() string) (layout.Mode, string, error) {
	switch nodes {
	case "kwok":
		return layout.Loopback, "NODES=kwok", nil
	case "", "real":
	default:
		return "", "", fmt.Errorf("NODES=%s: it is real or kwok", nodes)
	}
	why := obstacle()
	switch {
	case why == "":
		return layout.Netns, "", nil
	case nodes == "real":
		return "", "", fmt.Errorf("NODES=real is not possible: %s", why)
	default:
		return layout.Loopback, why, nil
	}
}

// Obstacle says why this machine cannot have real nodes; empty if it can.
func Obstacle() string {
	if os.Geteuid() != 0 {
		return "not root (sudo gives real nodes)"
	}
	for _, program := range []string{"runc", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed (`make deps`)"
		}
	}
	err := proc.OnThread(func() error {
		return unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC)
	})
	if err != nil {
		return "this machine refuses namespaces: " + err.Error()
	}
	foreign, err := netlab.ForeignRoutes()
	if err != nil {
		return err.Error()
	}
	if len(foreign) > 0 {
		return fmt.Sprintf("this machine already uses %s or %s: %v", layout.Range4, layout.Range6, foreign)
	}
	return ""
}

// missing is what loopback mode leaves out.
var missing = []string{
	"no containers: pods are played by kwok and answer nothing, so neither do the samples",
	"no network per host: no `cut`, no drills with a broken link, every host shares the machine's network",
	"no IPv6 addresses on hosts, and no Services inside sites",
	"no resource limits, no image pulls, no `kubectl logs` or `exec`",
}
