// Package update brings newer geo files into a folder that daemons watch.
//
// `tidegate geodata update` calls it. It fetches beside the files in use, opens what it fetched as a name server would,
// holds it against what lies there by the guards of geodata, and only then renames it into place. It runs outside the
// daemons, so that none of them speaks to the internet.
package update

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/files"
	"tidegate.dev/tidegate/geodata/load"
)

// Folder is where geo files are brought to.
type Folder struct {
	Path string
	// Force takes files that the guards refuse.
	Force bool
	// Say is told what is going on, in lines for people.
	Say func(format string, args ...any)
}

// Result is what lies in the folder now.
type Result struct {
	// Files are in the order in which daemons should be given them.
	Files []string
	Table *geodata.Table
	// Unchanged says that the files hold what was there already.
	Unchanged bool
}

// ErrRefused is returned for files that the guards refuse.
var ErrRefused = errors.New("the guards refuse it")

// fetcher brings files into an empty folder, and returns their names there.
type fetcher func(ctx context.Context, folder string) (names []string, err error)

func (f Folder) update(ctx context.Context, fetch fetcher) (Result, error) {
	if err := os.MkdirAll(f.Path, 0o755); err != nil {
		return Result{}, fmt.Errorf("make the folder: %w", err)
	}
	f.sweep()
	stage, err := os.MkdirTemp(f.Path, stages) // on the same file system, so that renaming is all that is left
	if err != nil {
		return Result{}, fmt.Errorf("write into the folder: %w", err)
	}
	defer os.RemoveAll(stage)
	names, err := fetch(ctx, stage)
	if err != nil {
		return Result{}, err
	}
	next, err := files.Open(in(stage, names)...)
	if err != nil {
		return Result{}, fmt.Errorf("what was fetched cannot be used: %w", err)
	}
	result := Result{Files: in(f.Path, names), Table: next}
	if current := f.current(result.Files); current != nil {
		if result.Unchanged = current.Digest() == next.Digest(); result.Unchanged {
			return result, nil
		}
		if err := geodata.Accept(current, next); err != nil && !f.Force {
			return Result{}, fmt.Errorf("%w: %w --force takes it all the same; 'tidegate geodata diff' says what is different", ErrRefused, err)
		}
	}
	return result, f.place(stage, names)
}

// stages are the folders in which files are made ready.
const stages = ".update-*"

// sweep removes what updates that were killed have left.
func (f Folder) sweep() {
	left, _ := filepath.Glob(filepath.Join(f.Path, stages)) // the pattern is a good one
	for _, stage := range left {
		if info, err := os.Stat(stage); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.RemoveAll(stage) // it is in nobody's way
		}
	}
}

// current is the table of what lies in the folder; nil if that is not all there, or cannot be used.
func (f Folder) current(paths []string) *geodata.Table {
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return nil
		}
	}
	table, err := files.Open(paths...)
	if err != nil {
		f.Say("what lies in %s cannot be used, and is replaced: %v", f.Path, err)
		return nil
	}
	return table
}

// place renames files that are whole on disk into the folder, each with its digest, which daemons hold it against. There is
// none while the two do not belong together. Daemons wait until all of them have rested.
func (f Folder) place(stage string, names []string) error {
	for _, name := range names {
		path := filepath.Join(stage, name)
		if err := errors.Join(writeDigest(path), finish(path), finish(load.DigestPath(path))); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	for _, name := range names {
		from, to := filepath.Join(stage, name), filepath.Join(f.Path, name)
		if err := os.Remove(load.DigestPath(to)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the digest of %s: %w", name, err)
		}
		if err := os.Rename(from, to); err != nil {
			return fmt.Errorf("put %s into place: %w", name, err)
		}
		if err := os.Rename(load.DigestPath(from), load.DigestPath(to)); err != nil {
			return fmt.Errorf("put the digest of %s into place: %w", name, err)
		}
	}
	return nil
}

func writeDigest(path string) error {
	line, err := load.DigestLine(path)
	if err != nil {
		return err
	}
	return os.WriteFile(load.DigestPath(path), []byte(line), 0o600)
}

// finish makes a file readable for the daemons, and waits until it is on disk.
func finish(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(0o644), file.Sync(), file.Close())
}

func in(folder string, names []string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = filepath.Join(folder, name)
	}
	return paths
}
