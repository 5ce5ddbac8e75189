package files_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/files"
	"tidegate.dev/tidegate/geodata/geotest"
)

var networks = geotest.Networks{"20.0.0.0/8": "DE", "30.1.0.0/16": "US", "30.2.3.0/24": "CN", "2a00::/16": "DE", "2600:1::/32": "US"}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A table is the same whether it is read from the database or from the table's own file.
func TestOpen(t *testing.T) {
	folder := t.TempDir()
	database := geotest.Database(t, filepath.Join(folder, "city.mmdb"), geotest.Date, networks)
	table, err := files.Open(database)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := table.Lookup(netip.MustParseAddr("30.1.2.3"))
	if got := table.Place(id).Country; got != "US" || !table.Origin().Date.Equal(geotest.Date) {
		t.Errorf("30.1.2.3 is in %q, data of %v", got, table.Origin().Date)
	}
	again, err := files.Open(geotest.Save(t, filepath.Join(folder, "City.TIDEGEO"), table))
	if err != nil || again.Digest() != table.Digest() {
		t.Errorf("from its own file: %v, %v", again, err)
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	folder := t.TempDir()
	huge := filepath.Join(folder, "huge.tidegeo")
	put(t, huge, nil)
	if err := os.Truncate(huge, 64<<20+1); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(folder, "wrong.tidegeo")
	put(t, wrong, bytes.Repeat([]byte("no table"), 10))
	for name, tt := range map[string]struct {
		paths []string
		says  string
	}{
		"not there":           {[]string{filepath.Join(folder, "x.tidegeo")}, `x.tidegeo": no such file`},
		"no database there":   {[]string{filepath.Join(folder, "x.mmdb")}, `x.mmdb": no such file`},
		"more than any table": {[]string{huge}, "that is no geo table"},
		"something else":      {[]string{wrong}, "was the right file given?"},
		"nothing":             {nil, "name at least one"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := files.Open(tt.paths...); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Open = %v, want an error with %q", err, tt.says)
			}
		})
	}
}

// damaged is a copy that is cut short, or in which a bit is the other one.
func damaged(random *rand.Rand, file []byte) []byte {
	if random.IntN(2) == 0 {
		return bytes.Clone(file[:random.IntN(len(file))])
	}
	bit := random.IntN(8 * len(file))
	out := bytes.Clone(file)
	out[bit/8] ^= 1 << (bit % 8)
	return out
}

const damages = 1000

// None of 1,000 damaged tables is taken.
func TestDamagedTables(t *testing.T) {
	file := geotest.Encoded(t, geotest.Table(t, geotest.Date, networks))
	path, random := filepath.Join(t.TempDir(), "city.tidegeo"), rand.New(rand.NewPCG(3, 5))
	for i := range damages {
		put(t, path, damaged(random, file))
		if _, err := files.Open(path); !errors.Is(err, geodata.ErrTable) {
			t.Fatalf("damage %d: %v, want ErrTable", i, err)
		}
	}
}

// A MaxMind DB has no checksum: a damaged one may read as another. It is an error or a table, and the process lives.
func TestDamagedDatabases(t *testing.T) {
	folder := t.TempDir()
	file, err := os.ReadFile(geotest.Database(t, filepath.Join(folder, "whole.mmdb"), geotest.Date, networks))
	if err != nil {
		t.Fatal(err)
	}
	path, random, refused := filepath.Join(folder, "city.mmdb"), rand.New(rand.NewPCG(3, 5)), 0
	base := geotest.Save(t, filepath.Join(folder, "base.tidegeo"), geotest.Table(t, geotest.Date, networks)) // in place of the embedded one
	for i := range damages {
		put(t, path, damaged(random, file))
		table, err := files.Open(path, base)
		if (table == nil) == (err == nil) {
			t.Fatalf("damage %d: table %v and error %v", i, table, err)
		}
		if err != nil {
			refused++
		}
	}
	t.Logf("%d of %d damaged databases are refused", refused, damages)
}

// A file is told by its beginning where its name says nothing, and verify says what Open does.
func TestKind(t *testing.T) {
	folder := t.TempDir()
	table := geotest.Table(t, geotest.Date, networks)
	for name, tt := range map[string]struct{ content, want string }{
		"geo":       {string(geotest.Encoded(t, table)), "geo table"},
		"asn.csv":   {"20.0.0.0/8,4134\n", "list of AS numbers (CSV)"},
		"feed.CSV":  {"20.0.0.0/8,DE,,,\n", "geofeed (CSV)"},
		"a.xdb":     {"", "ip2region"},
		"op.yml":    {"", "operator's words (YAML)"},
		"city.mmdb": {"", "MaxMind DB"},
	} {
		path := filepath.Join(folder, name)
		put(t, path, []byte(tt.content))
		if got, err := files.Kind(path); got != tt.want || err != nil {
			t.Errorf("Kind(%s) = %q, %v; want %q", name, got, err, tt.want)
		}
	}
	if alone, err := files.Open(filepath.Join(folder, "geo")); err != nil || alone.Digest() != table.Digest() {
		t.Errorf("a table alone under another name: %v", err)
	}
	if _, err := files.Kind(filepath.Join(folder, "gone")); err == nil {
		t.Error("a file that is not there has a kind")
	}
}

// A table beside other files has the bound of one alone.
func TestTablesAreBounded(t *testing.T) {
	huge := filepath.Join(t.TempDir(), "huge.tidegeo")
	put(t, huge, nil)
	if err := os.Truncate(huge, 64<<20+1); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(filepath.Dir(huge), "asn.csv")
	put(t, list, []byte("20.0.0.0/8,4134\n"))
	for _, paths := range [][]string{{huge}, {huge, list}} {
		if _, err := files.Open(paths...); err == nil || !strings.Contains(err.Error(), "that is no geo table") {
			t.Errorf("Open(%d files) = %v", len(paths), err)
		}
	}
}
