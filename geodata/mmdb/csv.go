package mmdb

import (
	"bufio"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/lines"
)

// readCSV streams an ASN list. A row is a first address, a last address and an AS number, or a prefix and an AS number,
// with more columns that are not looked at. An address is written as usual or as a decimal number; one from 2^32 on is
// IPv6. The first row may have the columns' names; then one of them must be that of AS numbers, wherever it stands: lists
// of other things, such as GeoLite2-City-Blocks, have numbers there too.
func (r *Reader) readCSV(path string, layer *geodata.Layer) (geodata.Origin, error) {
	file, err := os.Open(path)
	if err != nil {
		return geodata.Origin{}, err
	}
	defer file.Close()
	return geodata.Origin{Source: filepath.Base(path)}, r.readRows(file, layer)
}

func (r *Reader) readRows(file io.Reader, layer *geodata.Layer) error {
	rows := csv.NewReader(withoutMark(file))
	rows.ReuseRecord, rows.FieldsPerRecord = true, -1
	count, column := 0, positional
	for first := true; ; first = false {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if first && isHeader(row) {
			if column = asColumn(row); column == positional {
				return fmt.Errorf("line 1: no column of %q has AS numbers: want one named asn or autonomous_system_number", row)
			}
			continue
		}
		if err := r.addRow(layer, row, column); err != nil {
			line, _ := rows.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, err)
		}
		count++
	}
	if count == 0 {
		return ErrNoRecords
	}
	return nil
}

// isHeader says whether a row has names instead of values.
func isHeader(row []string) bool {
	return row[0] != "" && unicode.IsLetter(rune(row[0][0])) && !strings.ContainsAny(row[0], ".:/")
}

// positional is the column of AS numbers in a list without names: the one behind the network.
const positional = -1

// asColumn is the column that a header says has the AS numbers, or positional.
func asColumn(names []string) int {
	return slices.IndexFunc(names, func(name string) bool {
		switch plain := strings.NewReplacer("_", "", " ", "", "-", "").Replace(strings.ToLower(name)); plain {
		case "asn", "as", "asnumber", "autonomoussystemnumber":
			return true
		}
		return false
	})
}

// withoutMark leaves out the byte order mark with which spreadsheets begin a file.
func withoutMark(file io.Reader) io.Reader {
	buffered := bufio.NewReader(file)
	if begin, _ := buffered.Peek(3); string(begin) == "\ufeff" {
		buffered.Discard(3)
	}
	return buffered
}

func (r *Reader) addRow(layer *geodata.Layer, row []string, column int) error {
	if len(row) >= 2 && strings.Contains(row[0], "/") {
		prefix, err := netip.ParsePrefix(row[0])
		if err != nil {
			return fmt.Errorf("prefix %q: want one such as 1.0.0.0/24", row[0])
		}
		place, err := r.placeAt(row, column, 1)
		if err != nil {
			return err
		}
		return layer.Add(prefix, place)
	}
	if len(row) < 3 {
		return fmt.Errorf("%d columns, want first address, last address, AS number, or prefix, AS number", len(row))
	}
	first, err := parseAddr(row[0])
	if err != nil {
		return err
	}
	last, err := parseAddr(row[1])
	if err != nil {
		return err
	}
	place, err := r.placeAt(row, column, 2)
	if err != nil {
		return err
	}
	return layer.AddRange(first, last, place)
}

// placeAt is the place of a row by its AS number, which is in a named column or else in the usual one.
func (r *Reader) placeAt(row []string, column, usual int) (geodata.Place, error) {
	if column == positional {
		column = usual
	}
	if column >= len(row) {
		return geodata.Place{}, fmt.Errorf("%d columns, want the AS number in column %d", len(row), column+1)
	}
	return r.placeOf(row[column])
}

// placeOf is the place of the networks of an AS, given by its number, with or without AS in front.
func (r *Reader) placeOf(number string) (geodata.Place, error) {
	digits := number
	if len(number) > 2 && strings.EqualFold(number[:2], "AS") {
		digits = number[2:]
	}
	asn, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return geodata.Place{}, fmt.Errorf("AS number %q: want 0 to 4294967295, or AS0 to AS4294967295", number)
	}
	return geodata.Place{Line: r.LineOf(lines.ASN(asn))}, nil
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
