package mmdb

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// entry is one network of a database that a test writes, and the record that it has.
type entry struct {
	network string
	record  map[string]any
}

// writeDatabase makes a small MaxMind DB, by the format's specification: a search tree of 24-bit records, 16 zero
// bytes, the data, and behind a mark the metadata.
func writeDatabase(t testing.TB, name, databaseType string, ipVersion int, entries ...entry) string {
	t.Helper()
	var tree tree
	var data bytes.Buffer
	for _, e := range entries {
		tree.insert(netip.MustParsePrefix(e.network), ipVersion, data.Len())
		appendValue(&data, e.record)
	}
	var file bytes.Buffer
	for _, node := range tree.nodes() {
		for _, record := range node {
			file.Write([]byte{byte(record >> 16), byte(record >> 8), byte(record)})
		}
	}
	file.Write(make([]byte, 16))
	file.Write(data.Bytes())
	file.WriteString("\xab\xcd\xefMaxMind.com")
	appendValue(&file, map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0),
		"build_epoch": uint64(1_780_000_000), "database_type": databaseType, "description": map[string]any{},
		"ip_version": uint16(ipVersion), "languages": []any{}, "node_count": uint32(len(tree.list)),
		"record_size": uint16(24),
	})
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tree is the search tree. A record is 0 if it is empty, n > 0 for node n, and -1-offset for data.
type tree struct{ list [][2]int }

func (tr *tree) insert(prefix netip.Prefix, ipVersion, offset int) {
	octets, bits := prefix.Addr().AsSlice(), prefix.Bits()
	if prefix.Addr().Is4() && ipVersion == 6 {
		octets, bits = append(make([]byte, 12), octets...), bits+96
	}
	if tr.list == nil {
		tr.list = [][2]int{{}}
	}
	node := 0
	for i := range bits {
		side := int(octets[i/8]>>(7-i%8)) & 1
		if i == bits-1 {
			tr.list[node][side] = -1 - offset
			return
		}
		if tr.list[node][side] == 0 {
			tr.list = append(tr.list, [2]int{})
			tr.list[node][side] = len(tr.list) - 1
		}
		node = tr.list[node][side]
	}
}

// nodes are the records as the file has them: the number of nodes stands for empty, and data lies 16 behind it.
func (tr *tree) nodes() [][2]int {
	count, out := len(tr.list), slices.Clone(tr.list)
	for i := range out {
		for side, record := range out[i] {
			switch {
			case record == 0:
				out[i][side] = count
			case record < 0:
				out[i][side] = count + 16 - 1 - record
			}
		}
	}
	return out
}

// appendValue writes a value as the format does: a control byte with the type and the size, then the value.
func appendValue(out *bytes.Buffer, value any) {
	switch v := value.(type) {
	case string:
		appendControl(out, 2, len(v))
		out.WriteString(v)
	case float64:
		appendControl(out, 3, 8)
		out.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	case float32:
		appendControl(out, 15, 4)
		out.Write(binary.BigEndian.AppendUint32(nil, math.Float32bits(v)))
	case uint16:
		appendControl(out, 5, 2)
		out.Write(binary.BigEndian.AppendUint16(nil, v))
	case uint32:
		appendControl(out, 6, 4)
		out.Write(binary.BigEndian.AppendUint32(nil, v))
	case uint64:
		appendControl(out, 9, 8)
		out.Write(binary.BigEndian.AppendUint64(nil, v))
	case []any:
		appendControl(out, 11, len(v))
		for _, item := range v {
			appendValue(out, item)
		}
	case map[string]any:
		appendControl(out, 7, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			appendValue(out, key)
			appendValue(out, v[key])
		}
	}
}

// appendControl writes types past 7 in a second byte, and sizes from 29 to 284 in one of their own.
func appendControl(out *bytes.Buffer, kind, size int) {
	first, rest := byte(kind<<5), []byte{}
	if kind > 7 {
		first, rest = 0, []byte{byte(kind - 7)}
	}
	if size < 29 {
		out.WriteByte(first | byte(size))
		out.Write(rest)
		return
	}
	out.WriteByte(first | 29)
	out.Write(append(rest, byte(size-29)))
}
