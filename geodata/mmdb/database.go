package mmdb

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/oschwald/maxminddb-golang/v2"

	"tidegate.dev/tidegate/geodata"
)

// readDatabase streams the networks of a MaxMind DB. Records are shared by many networks, so each is decoded once.
func (r *Reader) readDatabase(path string) error {
	// Mapped into memory, a file that someone cuts short meanwhile would end the process.
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	db, err := maxminddb.OpenBytes(file)
	if err != nil {
		return err
	}
	useful, err := r.readNetworks(db)
	if err != nil {
		return err
	}
	if !useful {
		return fmt.Errorf("database of type %q: %w", db.Metadata.DatabaseType, ErrNoRecords)
	}
	r.note(fmt.Sprintf("%s (%s)", filepath.Base(path), db.Metadata.DatabaseType), db.Metadata.BuildTime())
	return nil
}

func (r *Reader) readNetworks(db *maxminddb.Reader) (useful bool, err error) {
	layer, seen := r.builder.Source(), map[uintptr]geodata.Place{}
	for network := range db.Networks() {
		if err := network.Err(); err != nil {
			return false, err
		}
		place, known := seen[network.Offset()]
		if !known {
			var says bool
			if place, says, err = r.decode(network); err != nil {
				return false, fmt.Errorf("record of %v: %w", network.Prefix(), err)
			}
			seen[network.Offset()] = place
			useful = useful || says
		}
		if err := layer.Add(network.Prefix(), place); err != nil {
			return false, err
		}
	}
	return useful, nil
}

func (r *Reader) decode(network maxminddb.Result) (geodata.Place, bool, error) {
	var rec record
	if err := network.Decode(&rec); err != nil {
		return geodata.Place{}, false, err
	}
	place, says := r.place(rec)
	return place, says, nil
}
