package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/lines"
	"tidegate.dev/tidegate/gslb"
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

func cached(t *testing.T, p npmPackage, content []byte) string {
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
	p := npmPackage{name: "@example/data", version: "1.2.3", sha512: base64.StdEncoding.EncodeToString(sum[:]), files: []string{"b.csv", "a.csv"}}
	cache := cached(t, p, content)
	paths, err := p.fetch(cache)
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
		npmPackage
		want string
	}{
		{"another content", npmPackage{name: "x", version: "1", sha512: "AAAA", files: []string{"a.csv"}}, "want AAAA; remove it"},
		{"a file missing", npmPackage{name: "x", version: "1", sha512: right, files: []string{"a.csv", "b.csv"}}, "1 files missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.fetch(cached(t, tt.npmPackage, content)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("fetch = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// Sources are pinned by content, or two runs could differ.
func TestPackagesArePinned(t *testing.T) {
	for _, p := range packages() {
		sum, err := base64.StdEncoding.DecodeString(p.sha512)
		if err != nil || len(sum) != sha512.Size || strings.ContainsAny(p.version, "^~*x<>") || p.version == "" {
			t.Errorf("package %s: version %q, sha512 %q: want one version and its hash", p.name, p.version, p.sha512)
		}
	}
}

func TestConfirm(t *testing.T) {
	list, err := lines.Parse("1 edu Some University\n2 edu Another University\n")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "asn.csv")
	if err := os.WriteFile(path, []byte("1.0.0.0,1.0.0.255,1,Some University\n1.0.1.0,1.0.1.255,2,\"Sold, Ltd\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	holders := map[lines.ASN]string{}
	if err := readHolders(path, holders); err != nil {
		t.Fatal(err)
	}
	err = confirm(list, holders)
	if want := `AS 2 is "Another University", the database has "Sold, Ltd"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("confirm = %v, want an error with %q", err, want)
	}
	if strings.Contains(err.Error(), "AS 1 ") {
		t.Errorf("confirm = %v, but AS 1 is as the list says", err)
	}
}

func TestOtherSite(t *testing.T) {
	table := func(networks map[string]gslb.Location) *geodata.Table {
		var b geodata.Builder
		layer := b.Source()
		for prefix, l := range networks {
			if err := layer.Add(netip.MustParsePrefix(prefix), geodata.Place{Location: l, HasLocation: true}); err != nil {
				t.Fatal(err)
			}
		}
		built, err := b.Build(geodata.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		return built
	}
	frankfurt, newYork := sites()[0], sites()[50]
	full := table(map[string]gslb.Location{"20.0.0.0/8": frankfurt, "30.0.0.0/8": frankfurt})
	coarse := table(map[string]gslb.Location{"20.0.0.0/8": frankfurt, "30.0.0.0/8": newYork})
	i := 0
	percent, extraKm := otherSite(full, coarse, func() netip.Addr {
		i++
		return netip.AddrFrom4([4]byte{[3]byte{20, 30, 99}[i%3], byte(i), 1, 1}) // 99.0.0.0/8 has no place and does not count
	})
	if percent < 49.9 || percent > 50.1 || extraKm < 6_000 || extraKm > 6_500 {
		t.Errorf("otherSite = %v %%, %v km; want half, and the width of the Atlantic", percent, extraKm)
	}
}
