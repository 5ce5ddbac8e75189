// Package geotest writes small geo tables and databases for tests. Tests of packages that read or hand on geo data call
// it; nothing else may import it.
package geotest

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/files"
)

// Date is when the data of every table here was made, unless a test says otherwise.
var Date = time.Date(2026, 6, 5, 0, 0, 0, 0, time.UTC)

// Networks are prefixes and the country of each, a code of two letters.
type Networks map[string]string

// places are where the countries of this package are, in degrees of latitude and longitude; others are at 0, 0.
var places = map[string][2]int32{"DE": {50, 8}, "US": {39, -77}, "CN": {40, 116}}

// Database writes a city database in DB-IP's schema, of both families, and returns its path.
func Database(t testing.TB, path string, date time.Time, networks Networks) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-City", BuildEpoch: date.Unix(), RecordSize: 24,
		IncludeReservedNetworks: true, DisableIPv4Aliasing: true})
	if err != nil {
		t.Fatal(err)
	}
	networks = maps.Clone(networks)
	if !slices.ContainsFunc(slices.Collect(maps.Keys(networks)), func(p string) bool { return strings.Contains(p, ":") }) {
		networks["2c0f:fff0::/32"] = "DE" // a family without coordinates would have the embedded table below
	}
	for prefix, country := range networks {
		_, network, err := net.ParseCIDR(prefix)
		if err != nil {
			t.Fatal(err)
		}
		record := mmdbtype.Map{"country_code": mmdbtype.String(country), "city": mmdbtype.String("a city of " + country),
			"latitude": mmdbtype.Float32(places[country][0]), "longitude": mmdbtype.Float32(places[country][1])}
		if err := tree.Insert(network, record); err != nil {
			t.Fatal(err)
		}
	}
	replace(t, path, func(file *os.File) error {
		_, err := tree.WriteTo(file)
		return err
	})
	return path
}

// Table makes a table as files.Open makes it of a database with these networks.
func Table(t testing.TB, date time.Time, networks Networks) *geodata.Table {
	t.Helper()
	table, err := files.Open(Database(t, filepath.Join(t.TempDir(), "city.mmdb"), date, networks))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Encoded is a table's file.
func Encoded(t testing.TB, table *geodata.Table) []byte {
	t.Helper()
	data, err := files.Encoded(table)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Save writes a table's file, and returns its path.
func Save(t testing.TB, path string, table *geodata.Table) string {
	t.Helper()
	replace(t, path, func(file *os.File) error { return table.Encode(file) })
	return path
}

// replace renames a finished file into place, as those who update geo data should.
func replace(t testing.TB, path string, write func(*os.File) error) {
	t.Helper()
	file, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err == nil {
		err = write(file)
	}
	if err == nil {
		err = file.Close()
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		t.Fatal(err)
	}
}
