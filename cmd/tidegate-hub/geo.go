package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/geodata/files"
)

// geoStart bounds how long a hub that begins to lead waits for its geo table, so that its first map names it already.
const geoStart = 10 * time.Second

// embeddedFiles is what the embedded table was made of, as the name servers' guards see it.
const embeddedFiles = "embedded"

// addGeoFiles reads one value of -geodata.
func (o *options) addGeoFiles(value string) error {
	for path := range strings.SplitSeq(value, ",") {
		if path = strings.TrimSpace(path); path == "" {
			return fmt.Errorf("%q names an empty file: want one or more, with commas", value)
		}
		o.geoFiles = append(o.geoFiles, path)
	}
	return nil
}

// geoNames are the files by name, for whoever compares two lists of them.
func (o options) geoNames() string {
	var names []string
	for _, path := range o.geoFiles {
		names = append(names, filepath.Base(path))
	}
	return strings.Join(names, ",")
}

// geoKeeper hands the hub's geo table to the loop, and its next one when the files changed.
type geoKeeper struct {
	*process
	loop interface {
		SetGeo(hub.GeoHandout)
		SetGeoTrouble(why string)
	}
	// current is the table that is handed over; nil while there is none, and for the embedded one.
	current *geodata.Table
}

// follow hands tables over until ctx ends. It closes started after the first, or when there is none.
func (k *geoKeeper) follow(ctx context.Context, started chan<- struct{}) {
	watch := files.NewWatch(k.geoFiles...)
	k.begin()
	close(started)
	if len(k.geoFiles) > 0 {
		watch.Run(ctx, k.changed)
	}
}

// begin hands over the table of the files, or of the last files that could be read, or the embedded one if none are named.
func (k *geoKeeper) begin() {
	if len(k.geoFiles) == 0 {
		k.handEmbedded()
		return
	}
	table, err := files.Open(k.geoFiles...)
	if err == nil {
		err = k.hand(table, k.geoForce)
	}
	if err == nil {
		return
	}
	if kept, failed := files.Open(k.keptGeo()); failed == nil {
		if failed := k.hand(kept, false); failed != nil {
			k.log.Error("the kept geo table is not handed over", "error", failed)
		}
	}
	k.trouble(err)
}

func (k *geoKeeper) handEmbedded() {
	table, err := k.embeddedGeo()
	if err != nil {
		k.trouble(err)
		return
	}
	k.loop.SetGeo(table)
}

// openEmbedded is the table inside the binary.
func openEmbedded() (hub.GeoHandout, error) {
	table, err := embedded.Open()
	if err != nil {
		return hub.GeoHandout{}, err
	}
	return hub.GeoHandout{Table: table, Digest: table.Digest(), Files: embeddedFiles, File: embedded.File()}, nil
}

// changed reads the files again and holds the table against the one that is handed over.
func (k *geoKeeper) changed() {
	next, err := files.Open(k.geoFiles...)
	if err == nil && k.current != nil {
		if next.Digest() == k.current.Digest() {
			k.loop.SetGeoTrouble("")
			return
		}
		if err = geodata.Accept(k.current, next); err != nil {
			err = fmt.Errorf("%w If it is meant, restart the hub with -geodata-force", err)
		}
	}
	if err == nil {
		err = k.hand(next, false)
	}
	if err != nil {
		k.trouble(err)
	}
}

// hand hands a table over, and keeps it on disk for a start with files that cannot be read.
func (k *geoKeeper) hand(table *geodata.Table, forced bool) error {
	file, err := files.Encoded(table)
	if err != nil {
		return err
	}
	k.current = table
	k.loop.SetGeo(hub.GeoHandout{Table: table, Digest: table.Digest(), Files: k.geoNames(), Forced: forced, File: file})
	if err := replaceFile(k.keptGeo(), file); err != nil {
		k.log.Error("the geo table could not be kept on disk", "error", err)
	}
	return nil
}

func (k *geoKeeper) keptGeo() string { return filepath.Join(k.data, "geo"+files.TableSuffix) }

// trouble says in log and status that the files are not handed over.
func (k *geoKeeper) trouble(err error) {
	text := "the name servers keep the geo table that they have: " + err.Error()
	k.log.Error("geo data", "error", text)
	k.loop.SetGeoTrouble(text)
}

// replaceFile replaces a file as a whole.
func replaceFile(path string, data []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// await waits until done is closed, for a while.
func await(ctx context.Context, done <-chan struct{}, patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
}
