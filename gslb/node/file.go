package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/plan/worldfile"
)

// filePoll is how often a world file is looked at. Polling also sees files that are swapped by symbolic link, as
// Kubernetes does with ConfigMaps.
const filePoll = 500 * time.Millisecond

// LoadWorld reads a world file and the zone files that it names, relative to its own folder.
func LoadWorld(path string) (*plan.Map, error) {
	m, _, err := loadWorld(path)
	return m, err
}

// loadWorld also returns the paths of all files that it tried to read.
func loadWorld(path string) (m *plan.Map, read []string, err error) {
	read = []string{path}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, read, fmt.Errorf("read the world: %w", err)
	}
	m, err = worldfile.Parse(data, func(zone string) ([]byte, error) {
		if !filepath.IsAbs(zone) {
			zone = filepath.Join(filepath.Dir(path), zone)
		}
		read = append(read, zone)
		return os.ReadFile(zone)
	})
	if err != nil {
		return nil, read, fmt.Errorf("world file %s:\n%w", path, err)
	}
	return m, read, nil
}

// stamp changes when one of the files does.
func stamp(paths []string) string {
	var b strings.Builder
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}

// ProposeWorld proposes a map from a file as the next generation, unless it is the one that is served.
func (n *Node) ProposeWorld(ctx context.Context, m *plan.Map) error {
	data, err := m.Encode()
	if err != nil {
		return err
	}
	served := n.store.Load()
	head := plan.Head{
		Generation: served.Generation + 1, Digest: plan.DigestOf(data), GeoDigest: n.config.Geo.Table.Digest(),
	}
	if served.Plan != nil && served.Plan.Digest == head.Digest {
		return nil
	}
	return n.Propose(ctx, Proposal{Head: head, Data: data, Trusted: true})
}

// FollowWorld proposes the world file again whenever it, or a zone file, changes. A file with an error is counted and
// passed over. It returns when ctx ends.
func (n *Node) FollowWorld(ctx context.Context, path string) {
	ticker := time.NewTicker(filePoll)
	defer ticker.Stop()
	files, seen := []string{path}, ""
	for {
		if now := stamp(files); now != seen {
			var m *plan.Map
			var err error
			m, files, err = loadWorld(path)
			seen = stamp(files)
			if err != nil {
				n.Refused(err)
			} else if err := n.ProposeWorld(ctx, m); err != nil {
				n.config.Log.Warn("the changed world is not served", "file", path, "why", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
