package keep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// TableSource is where a geo table came from. It is the name of the table's file, so that a name server that changes from
// one to the other does not take one for the other.
type TableSource string

// The sources of tables.
const (
	HubTable TableSource = "geo-hub.tidegeo"
	OwnTable TableSource = "geo-own.tidegeo"
)

// SaveTable keeps a geo table's file in place of the one before.
func (f Folder) SaveTable(source TableSource, data []byte) error {
	return f.write(string(source), data)
}

// LoadTable reads what SaveTable kept; nil if nothing is.
func (f Folder) LoadTable(source TableSource) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(f.path, string(source)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the kept geo table: %w", err)
	}
	return data, nil
}
