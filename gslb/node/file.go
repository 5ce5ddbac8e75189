package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
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

// loadWorld also returns the stamps of all files that it tried to read, each taken before it was read, so that a change
// that comes in between is seen later.
func loadWorld(path string) (m *plan.Map, read stamps, err error) {
	read = stamps{path: stamp(path)}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, read, fmt.Errorf("read the world: %w", err)
	}
	m, err = worldfile.Parse(data, func(zone string) ([]byte, error) {
		if !filepath.IsAbs(zone) {
			zone = filepath.Join(filepath.Dir(path), zone)
		}
		read[zone] = stamp(zone)
		return os.ReadFile(zone)
	})
	if err != nil {
		return nil, read, fmt.Errorf("world file %s:\n%w", path, err)
	}
	return m, read, nil
}

// stamps are what files looked like, by path.
type stamps map[string]string

// changed says whether one of the files looks different now.
func (s stamps) changed() bool {
	for path, before := range s {
		if stamp(path) != before {
			return true
		}
	}
	return false
}

// stamp changes when the file does.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "missing"
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano())
}

// now is the same files as they are at this moment.
func (s stamps) now() stamps {
	now := stamps{}
	for path := range s {
		now[path] = stamp(path)
	}
	return now
}

// ProposeWorld proposes a map from a file as the next generation, unless it is the one that is served.
func (n *Node) ProposeWorld(ctx context.Context, m *plan.Map) error {
	data, err := m.Encode()
	if err != nil {
		return err
	}
	head := plan.Head{Digest: plan.DigestOf(data)} // a file is planned with no geo table
	if served := n.store.Load(); served.Plan != nil && served.Plan.Digest == head.Digest {
		n.status.confirmed()
		return nil
	}
	head.Generation = n.nextWorld(head.Digest)
	return n.Propose(ctx, Proposal{Head: head, Data: data, Trusted: true})
}

// nextWorld is the generation of the next world. The first after a start goes on from the one that is kept, and so does
// the serial of the zones; the same world keeps its number.
func (n *Node) nextWorld(digest plan.Digest) uint64 {
	if served := n.store.Load(); served.Plan != nil {
		return served.Generation + 1
	}
	last := n.keptWorld()
	if last.Digest == digest {
		return last.Generation
	}
	return last.Generation + 1
}

// FollowWorld proposes the world file again whenever it, or a zone file, has changed and then rested for one look: a
// file that is still being written is not read. A file with an error is counted and passed over. It returns when ctx
// ends.
func (n *Node) FollowWorld(ctx context.Context, path string) {
	ticker := time.NewTicker(filePoll)
	defer ticker.Stop()
	files := stamps{path: ""} // the first look always reads
	resting := files.now()
	for {
		if now := files.now(); files.changed() && maps.Equal(now, resting) {
			files = n.readWorld(ctx, path)
		} else {
			resting = now
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// readWorld reads and proposes the world, and returns the stamps of all files that it came from.
func (n *Node) readWorld(ctx context.Context, path string) stamps {
	m, files, err := loadWorld(path)
	if err != nil {
		n.Refused(err)
	} else if err := n.ProposeWorld(ctx, m); err != nil {
		n.config.Log.Warn("the changed world is not served", "file", path, "why", err)
	}
	return files
}
