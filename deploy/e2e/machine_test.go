package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// machine is what of this machine a run could change: its network, its mounts, its cgroups, and the settings that a
// kubelet likes to change. Two of them are the same if the machine is.
func machine() (map[string]string, error) {
	seen := map[string]string{}
	for what, command := range map[string][]string{
		"interfaces":  {"ip", "-o", "link", "show"},
		"IPv4":        {"ip", "-4", "-o", "route", "show", "table", "all"},
		"IPv6":        {"ip", "-6", "-o", "route", "show", "table", "all"},
		"rules":       {"ip", "rule", "show"},
		"namespaces":  {"ip", "netns", "list"},
		"cgroups":     {"find", "/sys/fs/cgroup", "-type", "d", "-path", "*/tg-*"},
		"our daemons": {"sh", "-c", "ps -eo stat=,args= | grep '[t]idegate-e2e-[0-9]*/' | grep -v ^Z || true"},
	} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
		}
		seen[what] = withoutCounters(string(out))
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	seen["mounts"] = onlyOfClusters(string(mounts))
	for _, setting := range []string{
		"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
		"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/netfilter/nf_conntrack_max",
	} {
		value, err := os.ReadFile(filepath.Join("/proc/sys", setting))
		if err == nil { // not every kernel has all of them
			seen[setting] = string(value)
		}
	}
	return seen, nil
}

// onlyOfClusters keeps the mounts that a cluster could have made: others come and go on a machine.
func onlyOfClusters(mounts string) string {
	var kept strings.Builder
	for line := range strings.Lines(mounts) {
		for _, mark := range []string{"tidegate", "/tg-", "overlay", "kubelet", "containerd", "/proc/sys", "/var/l"} {
			if strings.Contains(line, mark) {
				kept.WriteString(line)
				break
			}
		}
	}
	return kept.String()
}

// withoutCounters drops what changes by itself: lifetimes of routes.
func withoutCounters(out string) string {
	var kept strings.Builder
	for line := range strings.Lines(out) {
		before, _, _ := strings.Cut(line, " expires ")
		kept.WriteString(strings.TrimRight(before, "\n") + "\n")
	}
	return kept.String()
}
