// Command bench measures the geo data beside gdnsd: how long a city database takes to compile and in how much memory,
// how fast a lookup is, whether nearest sites and scopes agree, and what the embedded table costs in accuracy. Both
// sides read one database, DB-IP City Lite in GeoIP2's schema. It prints lines `result NAME VALUE UNIT`. Call it by
// `make bench-geo`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"tidegate.dev/tidegate/geodata/dbip"
)

func main() {
	cache := flag.String("cache", "", "folder for the databases, made if it is missing (required)")
	only := flag.String("compile", "", "only compile this database, for the process that is measured")
	prepares := flag.Bool("prepare", false, "only make the database that both sides read")
	flag.Parse()
	run := func() error { return bench(*cache) }
	if *only != "" {
		run = func() error {
			_, _, err := compile(*only)
			return err
		}
	} else if *cache == "" {
		flag.Usage()
		os.Exit(2)
	}
	if *prepares {
		run = func() error {
			_, err := prepare(*cache)
			return err
		}
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-geo:", err)
		os.Exit(1)
	}
}

func bench(cache string) error {
	database, err := prepareApart(cache)
	if err != nil {
		return err
	}
	peer, err := newGdnsd(database)
	if err != nil {
		return err
	}
	defer peer.close()
	if err := compareCompile(peer, database); err != nil {
		return err
	}
	geo, classes, err := compile(database)
	if err != nil {
		return err
	}
	truth, err := exact(database)
	if err != nil {
		return err
	}
	measureClasses(geo)
	return errors.Join(measureLookup(geo.Table, truth), compareAnswers(peer, truth, geo, classes), compareEmbedded(truth))
}

// prepareApart prepares in a process of its own, which may take gigabytes. Linux counts what a process holds when it starts
// another one into the peak of that one (getrusage(2), ru_maxrss is kept over execve), and peaks are what is measured here.
func prepareApart(cache string) (database string, err error) {
	cmd := exec.Command(os.Args[0], "-prepare", "-cache", cache)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("prepare the database: %w", err)
	}
	return prepare(cache) // it is there
}

// prepare makes the database that both sides read, once.
func prepare(cache string) (string, error) {
	city, err := dbip.City().Fetch(cache)
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join(cache, "geoip2-city-"+dbip.City().Version+".mmdb"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintln(os.Stderr, "bench-geo: writing the database in GeoIP2's schema (a minute, once)")
	return path, writeGeoIP2(path, city)
}
