package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/load"
)

// TableSuffix ends the name of a file that is a geo table, as the name servers keep it and the hub hands it out.
const TableSuffix = ".tidegeo"

// maxTableBytes bounds a table's file: its content is at most 64 MiB, and packed.
const maxTableBytes = 64 << 20

// Open makes one table of the files, of every kind that geodata/load reads. A table alone is taken as it is, digest and all.
func Open(paths ...string) (*geodata.Table, error) {
	switch {
	case len(paths) == 0:
		return nil, errors.New("open geo data: no file: name at least one")
	case len(paths) == 1 && isTable(paths[0]):
		return openTable(paths[0])
	}
	return load.Files(paths...)
}

func isTable(path string) bool { return strings.EqualFold(filepath.Ext(path), TableSuffix) }

func openTable(path string) (*geodata.Table, error) {
	data, err := readTable(path)
	if opening := (*fs.PathError)(nil); errors.As(err, &opening) {
		err = opening.Err // the path is in the message already
	}
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	table, err := geodata.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	return table, nil
}

func readTable(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxTableBytes+1))
	if err == nil && len(data) > maxTableBytes {
		err = fmt.Errorf("more than %d bytes: that is no geo table", maxTableBytes)
	}
	return data, err
}

// Encoded is a table's file.
func Encoded(table *geodata.Table) ([]byte, error) {
	var file bytes.Buffer
	if err := table.Encode(&file); err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}

// Kind says what Open takes a file for, in words.
func Kind(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case TableSuffix:
		return "geo table"
	case ".csv":
		return "list (CSV)"
	case ".xdb":
		return "ip2region"
	case ".yaml", ".yml":
		return "operator's words (YAML)"
	}
	return "MaxMind DB"
}
