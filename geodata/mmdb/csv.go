package mmdb

import (
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/lines"
)

// readCSV streams an ASN list: first address, last address, AS number, and more columns that are not looked at. An
// address is written as usual or as a decimal number; one from 2^32 on is IPv6.
func (r *Reader) readCSV(path string, layer *geodata.Layer) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	rows := csv.NewReader(file)
	rows.ReuseRecord, rows.FieldsPerRecord = true, -1
	count := 0
	for ; ; count++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		if err := r.addRow(layer, row); err != nil {
			line, _ := rows.FieldPos(0)
			return "", fmt.Errorf("line %d: %w", line, err)
		}
	}
	if count == 0 {
		return "", ErrNoRecords
	}
	return filepath.Base(path), nil
}

func (r *Reader) addRow(layer *geodata.Layer, row []string) error {
	if len(row) < 3 {
		return fmt.Errorf("%d columns, want first address, last address, AS number", len(row))
	}
	first, err := parseAddr(row[0])
	if err != nil {
		return err
	}
	last, err := parseAddr(row[1])
	if err != nil {
		return err
	}
	asn, err := strconv.ParseUint(row[2], 10, 32)
	if err != nil {
		return fmt.Errorf("AS number %q: want 0 to 4294967295", row[2])
	}
	return layer.AddRange(first, last, geodata.Place{Line: r.LineOf(lines.ASN(asn))})
}

func parseAddr(s string) (netip.Addr, error) {
	if strings.ContainsAny(s, ".:") {
		return netip.ParseAddr(s)
	}
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(n)))), nil
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return netip.Addr{}, fmt.Errorf("address %q: want an address or its number", s)
	}
	var octets [16]byte
	n.FillBytes(octets[:])
	return netip.AddrFrom16(octets), nil
}
