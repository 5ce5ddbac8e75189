package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/geofeed"
)

// Kind is what a file is read as.
type Kind int

const (
	Database  Kind = iota // a MaxMind DB
	ASList                // AS numbers by network, in CSV
	IP2Region             // .xdb
	Geofeed               // RFC 8805, in CSV
	Table                 // a table that Tidegate wrote
	Words                 // the operator's own, in YAML
)

func (k Kind) String() string {
	switch k {
	case ASList:
		return "list of AS numbers (CSV)"
	case IP2Region:
		return "ip2region"
	case Geofeed:
		return "geofeed (CSV)"
	case Table:
		return "geo table"
	case Words:
		return "operator's words (YAML)"
	}
	return "MaxMind DB"
}

// KindOf tells what Files reads a file as.
func KindOf(path string) (Kind, error) {
	begin, err := beginOf(path)
	if err != nil {
		return 0, about(path, err)
	}
	return kindOf(path, begin), nil
}

// beginBytes is enough of a file to tell its kind.
const beginBytes = 4096

func beginOf(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	begin := make([]byte, beginBytes)
	n, err := io.ReadFull(file, begin)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // a short file
	}
	return begin[:n], err
}

func kindOf(path string, begin []byte) Kind {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".xdb":
		return IP2Region
	case ".tidegeo":
		return Table
	case ".yaml", ".yml":
		return Words
	case ".csv":
		if geofeed.Is(begin) {
			return Geofeed
		}
		return ASList
	}
	if bytes.HasPrefix(begin, []byte("tidegeo")) {
		return Table
	}
	return Database // its mark is at its end
}

// maxTableBytes bounds a table's file: its content is at most 64 MiB, and packed.
const maxTableBytes = 64 << 20

// OneTable reads a table's file as it is, digest and all.
func OneTable(path string) (*geodata.Table, error) {
	err := checkDigest(path)
	var table *geodata.Table
	if err == nil {
		table, err = readTable(path)
	}
	if err != nil {
		return nil, about(path, err)
	}
	return table, nil
}

func readTable(path string) (*geodata.Table, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxTableBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxTableBytes {
		return nil, fmt.Errorf("more than %d bytes: that is no geo table", maxTableBytes)
	}
	return geodata.Decode(data)
}
