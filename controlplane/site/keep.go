package site

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/gslb/plan"
)

// Keep is the agent's memory on disk: the newest inventory with its bundles, what was applied, and who has which
// address. With it a restart while cut off changes nothing. A file that cannot be read counts as not there. One Keep
// writes to a folder at a time; its methods are not safe for concurrent use with themselves.
type Keep struct{ dir string }

// OpenKeep makes the folder if it is not there.
func OpenKeep(dir string) (Keep, error) {
	if err := os.MkdirAll(filepath.Join(dir, "bundles"), 0o700); err != nil {
		return Keep{}, fmt.Errorf("open the site's data: %w", err)
	}
	return Keep{dir: dir}, nil
}

// Desired is what the site was told to run.
type Desired struct {
	Inventory work.Inventory
	// Bundles holds what is known of the inventory's bundles, by key.
	Bundles map[string]work.Bundle
}

// complete says whether everything is known that the site was told to run.
func (d Desired) complete() bool {
	return d.Inventory.Revision > 0 && len(d.Bundles) == len(d.Inventory.Bundles)
}

func (k Keep) inventoryFile() string { return filepath.Join(k.dir, "inventory.json") }
func (k Keep) appliedFile() string   { return filepath.Join(k.dir, "applied.json") }
func (k Keep) claimsFile() string    { return filepath.Join(k.dir, "claims.json") }

func (k Keep) bundleFile(digest plan.Digest) string {
	sum := sha256.Sum256([]byte(digest)) // a digest that the bus gave us is no safe file name
	return filepath.Join(k.dir, "bundles", hex.EncodeToString(sum[:])+".json")
}

// LoadDesired reads the work that was kept. The error says what of it is missing; the rest counts.
func (k Keep) LoadDesired() (Desired, error) {
	d := Desired{Bundles: map[string]work.Bundle{}}
	if ok, err := load(k.inventoryFile(), &d.Inventory); !ok {
		return Desired{Bundles: d.Bundles}, err
	}
	var problems []error
	for key, digest := range d.Inventory.Bundles {
		data, err := os.ReadFile(k.bundleFile(digest))
		if err == nil && plan.DigestOf(data) != digest {
			err = fmt.Errorf("bundle %s: the file is damaged", key)
		}
		if err == nil {
			d.Bundles[key], err = decodeBundle(key, data)
		}
		if err != nil {
			delete(d.Bundles, key)
			problems = append(problems, err)
		}
	}
	return d, errors.Join(problems...)
}

// Bundle reads one bundle by its digest, if it was kept.
func (k Keep) Bundle(digest plan.Digest) (data []byte, ok bool) {
	data, err := os.ReadFile(k.bundleFile(digest))
	return data, err == nil && plan.DigestOf(data) == digest
}

// SaveBundle keeps a bundle; it counts once SaveInventory lists it.
func (k Keep) SaveBundle(digest plan.Digest, data []byte) error {
	return save(k.bundleFile(digest), data)
}

// SaveInventory makes an inventory the one that counts, and drops the bundles that it does not list.
func (k Keep) SaveInventory(inventory work.Inventory) error {
	if err := store(k.inventoryFile(), inventory); err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, digest := range inventory.Bundles {
		listed[filepath.Base(k.bundleFile(digest))] = true
	}
	entries, err := os.ReadDir(filepath.Join(k.dir, "bundles"))
	if err != nil {
		return fmt.Errorf("tidy the site's data: %w", err)
	}
	for _, e := range entries {
		if !listed[e.Name()] && strings.HasSuffix(e.Name(), ".json") {
			err = errors.Join(err, os.Remove(filepath.Join(k.dir, "bundles", e.Name())))
		}
	}
	return err
}

// LoadApplied reads what was applied; the second result is false if nothing was ever recorded here.
func (k Keep) LoadApplied() (list []Applied, known bool, err error) {
	known, err = load(k.appliedFile(), &list)
	return list, known, err
}

// SaveApplied records what was applied.
func (k Keep) SaveApplied(list []Applied) error { return store(k.appliedFile(), list) }

// LoadClaims reads who has which address.
func (k Keep) LoadClaims() (claims Claims, err error) {
	_, err = load(k.claimsFile(), &claims)
	return claims, err
}

// SaveClaims records who has which address.
func (k Keep) SaveClaims(claims Claims) error { return store(k.claimsFile(), claims) }

// load reads a file; none is not an error.
func load(path string, into any) (ok bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return true, nil
}

func store(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return save(path, data)
}

// save replaces a file: a reader, or a start after a power cut, finds the old one or the new one.
func save(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", filepath.Base(path), err), os.Remove(f.Name()))
	}
	return nil
}
