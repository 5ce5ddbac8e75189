package devcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/netlab"
)

// Leftovers names everything of a run that is there: processes, mounts, files, and, unless another run owns them,
// interfaces, namespaces, routes and cgroups. After Down the list is empty.
func Leftovers(run string) ([]string, error) {
	left, err := machineLeftovers(run)
	if err != nil {
		return nil, err
	}
	c := newCluster(run, layout.Netns, nil)
	marked, err := c.procs.Marked()
	if err != nil {
		return nil, err
	}
	for _, rec := range marked {
		left = append(left, fmt.Sprintf("process %d", rec.PID))
	}
	mounts, err := mountsBelow(run)
	if err != nil {
		return nil, err
	}
	for _, mount := range mounts {
		left = append(left, "mount "+mount)
	}
	if _, err := os.Stat(filepath.Join(run, stateFile)); !errors.Is(err, fs.ErrNotExist) {
		left = append(left, "folder "+run)
	}
	return left, nil
}

func machineLeftovers(run string) ([]string, error) {
	owner, err := netlab.Owner()
	if err != nil {
		return nil, err
	}
	if owner != "" && owner != run {
		return nil, nil
	}
	left, err := netlab.Leftovers()
	if err != nil {
		return nil, err
	}
	for _, path := range ourCgroups() {
		left = append(left, "cgroup "+path)
	}
	return left, nil
}

// unmountBelow takes away what is mounted below the run's folder in the machine's own mounts, the innermost first.
func unmountBelow(run string) error {
	mounts, err := mountsBelow(run)
	if err != nil {
		return err
	}
	for i := len(mounts) - 1; i >= 0; i-- {
		if err := unix.Unmount(mounts[i], unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("unmount %s: %w", mounts[i], err)
		}
	}
	return nil
}

func mountsBelow(run string) ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseMounts(string(data), run), nil
}

// parseMounts finds the mount points below a folder in the form of proc(5)'s mountinfo, in their order.
func parseMounts(mountinfo, folder string) []string {
	var found []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if point := unescape(fields[4]); strings.HasPrefix(point, folder+"/") {
			found = append(found, point)
		}
	}
	return found
}

// unescape reads the octal escapes that mountinfo has for blanks and the like.
func unescape(s string) string {
	var out strings.Builder
	for len(s) > 0 {
		if s[0] == '\\' && len(s) >= 4 {
			if n, err := strconv.ParseUint(s[1:4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				s = s[4:]
				continue
			}
		}
		out.WriteByte(s[0])
		s = s[1:]
	}
	return out.String()
}
