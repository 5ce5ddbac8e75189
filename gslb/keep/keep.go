// Package keep holds the last known good maps and geo tables, and what the probes knew, on a name server's disk.
//
// A name server that starts while hub and bus are gone, or while its world file is broken, serves the newest map that is
// kept, for ever. Every file is written aside and renamed into place, and carries what is needed to verify it again; a
// file that does not verify is passed over for the one before it. Maps of a bus and worlds from a file are kept apart. One
// name server owns a folder; gslb/node and the plugin are the only callers.
package keep

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Generations is how many maps are kept: enough to go back over a bad day.
const Generations = 10

// Folder is a name server's folder.
type Folder struct{ path string }

// Open makes the folder if need be, and removes what a write that was cut off has left in it.
func Open(path string) (Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return Folder{}, fmt.Errorf("keep maps: %w: give the name server a folder that it may write (data in the Corefile)", err)
	}
	left, err := filepath.Glob(filepath.Join(path, "*"+temporarySuffix))
	for _, file := range left {
		err = errors.Join(err, os.Remove(file))
	}
	if err != nil {
		return Folder{}, fmt.Errorf("keep maps: %w", err)
	}
	return Folder{path}, nil
}

// Source is where a map came from. It is the suffix of the map's file, so that a folder whose name server changes from one
// source to the other never takes the other's maps for its own.
type Source string

// The sources. A map of the Bus has a signed head; the head of a World from a file is not signed.
const (
	Bus   Source = ".map"
	World Source = ".world"
)

// Kept is a map as it came, with its head in one line.
type Kept struct {
	Source     Source
	Generation uint64
	Head       []byte
	Data       []byte
}

const temporarySuffix = ".tmp"

// Save adds a map and drops the oldest of its source beyond Generations.
func (f Folder) Save(k Kept) error {
	content := append(slices.Clone(k.Head), '\n')
	if err := f.write(fileName(k.Source, k.Generation), append(content, k.Data...)); err != nil {
		return err
	}
	generations, err := f.generations(k.Source)
	if err != nil {
		return err
	}
	for _, old := range generations[min(Generations, len(generations)):] {
		if err := os.Remove(f.file(k.Source, old)); err != nil {
			return fmt.Errorf("drop an old map: %w", err)
		}
	}
	return nil
}

// Newest tries the kept maps of a source from the newest on and returns the first that accept takes. It returns the errors
// of those before it. Without any, ok is false.
func (f Folder) Newest(source Source, accept func(Kept) error) (found Kept, ok bool, refused error) {
	generations, err := f.generations(source)
	if err != nil {
		return Kept{}, false, err
	}
	for _, generation := range generations {
		kept, err := f.load(source, generation)
		if err == nil {
			err = accept(kept)
		}
		if err == nil {
			return kept, true, refused
		}
		refused = errors.Join(refused, fmt.Errorf("kept map %d: %w", generation, err))
	}
	return Kept{}, false, refused
}

func (f Folder) load(source Source, generation uint64) (Kept, error) {
	content, err := os.ReadFile(f.file(source, generation))
	if err != nil {
		return Kept{}, err
	}
	head, data, ok := bytes.Cut(content, []byte{'\n'})
	if !ok {
		return Kept{}, errors.New("the file is cut short")
	}
	return Kept{Source: source, Generation: generation, Head: head, Data: data}, nil
}

// generations lists what is kept of a source, newest first.
func (f Folder) generations(source Source) ([]uint64, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, fmt.Errorf("list kept maps: %w", err)
	}
	var list []uint64
	for _, entry := range entries {
		number, ok := strings.CutSuffix(entry.Name(), string(source))
		if generation, err := strconv.ParseUint(number, 10, 64); ok && err == nil {
			list = append(list, generation)
		}
	}
	slices.Sort(list)
	slices.Reverse(list)
	return list, nil
}

func fileName(source Source, generation uint64) string {
	return fmt.Sprintf("%020d%s", generation, source)
}

func (f Folder) file(source Source, generation uint64) string {
	return filepath.Join(f.path, fileName(source, generation))
}

const keyFile = "map.key"

// SaveKey keeps the public key of the hub that signs the maps of the bus, unless it is kept already.
func (f Folder) SaveKey(key []byte) error {
	if kept, err := f.LoadKey(); err == nil && bytes.Equal(kept, key) {
		return nil
	}
	return f.write(keyFile, []byte(hex.EncodeToString(key)+"\n"))
}

// LoadKey reads what SaveKey kept; nil if nothing is.
func (f Folder) LoadKey() ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(f.path, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the kept key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("read the kept key: " + keyFile + " is damaged: it is written again once the credentials can be read")
	}
	return key, nil
}

const healthFile = "health.json"

// SaveHealth keeps a value that says what the probes know.
func (f Folder) SaveHealth(value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("keep health: %w", err)
	}
	return f.write(healthFile, data)
}

// LoadHealth reads what SaveHealth kept; nothing kept leaves value as it is.
func (f Folder) LoadHealth(value any) error {
	data, err := os.ReadFile(filepath.Join(f.path, healthFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read kept health: %w", err)
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("read kept health: %w", err)
	}
	return nil
}

// write replaces a file as a whole: after a crash there is the old content or the new, never a part.
func (f Folder) write(name string, content []byte) error {
	temporary, err := os.CreateTemp(f.path, name+".*"+temporarySuffix)
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(content)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	if err := os.Rename(temporary.Name(), filepath.Join(f.path, name)); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}
