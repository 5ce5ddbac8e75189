// Package keep holds the last known good maps, and what the probes knew, on a name server's disk.
//
// A name server that starts while hub and bus are gone serves the newest map that is kept, for ever. Every file is
// written aside and renamed into place, and carries what is needed to verify it again; a file that does not verify is
// passed over for the one before it. One name server owns a folder; gslb/node is the only caller.
package keep

import (
	"bytes"
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

// Kept is a map as it came, with its signed head.
type Kept struct {
	Generation uint64
	SignedHead []byte
	Data       []byte
}

const (
	mapSuffix       = ".map"
	temporarySuffix = ".tmp"
)

// Save adds a map and drops the oldest beyond Generations.
func (f Folder) Save(k Kept) error {
	content := append(slices.Clone(k.SignedHead), '\n')
	name := fmt.Sprintf("%020d%s", k.Generation, mapSuffix)
	if err := f.write(name, append(content, k.Data...)); err != nil {
		return err
	}
	generations, err := f.generations()
	if err != nil {
		return err
	}
	for _, old := range generations[min(Generations, len(generations)):] {
		if err := os.Remove(f.file(old)); err != nil {
			return fmt.Errorf("drop an old map: %w", err)
		}
	}
	return nil
}

// Newest tries the kept maps from the newest on and returns the first that accept takes. It returns the errors of those
// before it. Without any, ok is false.
func (f Folder) Newest(accept func(Kept) error) (found Kept, ok bool, refused error) {
	generations, err := f.generations()
	if err != nil {
		return Kept{}, false, err
	}
	for _, generation := range generations {
		kept, err := f.load(generation)
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

func (f Folder) load(generation uint64) (Kept, error) {
	content, err := os.ReadFile(f.file(generation))
	if err != nil {
		return Kept{}, err
	}
	head, data, ok := bytes.Cut(content, []byte{'\n'})
	if !ok {
		return Kept{}, errors.New("the file is cut short")
	}
	return Kept{Generation: generation, SignedHead: head, Data: data}, nil
}

// generations lists what is kept, newest first.
func (f Folder) generations() ([]uint64, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, fmt.Errorf("list kept maps: %w", err)
	}
	var list []uint64
	for _, entry := range entries {
		number, ok := strings.CutSuffix(entry.Name(), mapSuffix)
		if generation, err := strconv.ParseUint(number, 10, 64); ok && err == nil {
			list = append(list, generation)
		}
	}
	slices.Sort(list)
	slices.Reverse(list)
	return list, nil
}

func (f Folder) file(generation uint64) string {
	return filepath.Join(f.path, fmt.Sprintf("%020d%s", generation, mapSuffix))
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
