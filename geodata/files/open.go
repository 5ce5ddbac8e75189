package files

import (
	"bytes"
	"errors"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/load"
)

// TableSuffix ends the name of a file that is a geo table, as the name servers keep it and the hub hands it out.
const TableSuffix = ".tidegeo"

// Open makes one table of the files, of every kind that geodata/load reads. A table alone is taken as it is, digest and all.
func Open(paths ...string) (*geodata.Table, error) {
	switch {
	case len(paths) == 0:
		return nil, errors.New("open geo data: no file: name at least one")
	case len(paths) == 1:
		if kind, err := load.KindOf(paths[0]); err == nil && kind == load.Table {
			return load.OneTable(paths[0])
		}
	}
	return load.Files(paths...)
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
func Kind(path string) (string, error) {
	kind, err := load.KindOf(path)
	return kind.String(), err
}
