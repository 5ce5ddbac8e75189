package files

import (
	"context"
	"os"
	"slices"
	"time"

	"tidegate.dev/tidegate/geodata/load"
)

// Poll is how often files are looked at, and Quiet how long they must have rested before they are read. Polling also
// sees files that are swapped by symbolic link, as Kubernetes does with ConfigMaps.
const (
	Poll  = 500 * time.Millisecond
	Quiet = 5 * time.Second
)

// Watch notices when files change, or those that they name: an operator's words name feeds of resolvers.
type Watch struct {
	paths  []string
	listed []string   // the paths, then those of their digests
	feeds  [][]string // by path
	read   looks      // of what is listed, then of the feeds
}

// NewWatch remembers what the files look like now. Make it before the files are read, so that a change that comes in
// between is noticed.
func NewWatch(paths ...string) *Watch {
	w := &Watch{paths: paths, listed: slices.Clone(paths), feeds: make([][]string, len(paths))}
	for _, path := range paths {
		w.listed = append(w.listed, load.DigestPath(path))
	}
	w.remember(look(w.listed))
	return w
}

// remember notes what the files at the paths looked like before they are read, and follows the feeds that they name by
// now. A file that cannot be read keeps its feeds: it changes again when it is mended.
func (w *Watch) remember(listed looks) {
	for i, path := range w.paths {
		if feeds, err := load.Feeds(path); err == nil {
			w.feeds[i] = feeds
		}
	}
	w.read = slices.Concat(listed, look(slices.Concat(w.feeds...)))
}

// Run calls changed after files differ from when they were last read and have rested, until ctx ends.
func (w *Watch) Run(ctx context.Context, changed func()) {
	ticker := time.NewTicker(Poll)
	defer ticker.Stop()
	seen, since := w.read, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now := look(slices.Concat(w.listed, slices.Concat(w.feeds...))); !now.equal(seen) {
			seen, since = now, time.Now()
		} else if !seen.equal(w.read) && time.Since(since) >= Quiet {
			w.remember(seen[:len(w.listed)])
			seen = w.read
			changed()
		}
	}
}

// looks are what files look like; nil for one that is not there.
type looks []os.FileInfo

func look(paths []string) looks {
	l := make(looks, len(paths))
	for i, path := range paths {
		if info, err := os.Stat(path); err == nil {
			l[i] = info
		}
	}
	return l
}

func (l looks) equal(other looks) bool {
	return slices.EqualFunc(l, other, func(a, b os.FileInfo) bool {
		if a == nil || b == nil {
			return a == nil && b == nil
		}
		return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
	})
}
