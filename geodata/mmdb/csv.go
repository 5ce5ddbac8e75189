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
	"strconv"
	"strings"
	"unicode"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/lines"
)

// readCSV streams an ASN list. A row is a first address, a last address and an AS number, or a prefix and an AS number,
// with more columns that are not looked at. An address is written as usual or as a decimal number; one from 2^32 on is
// IPv6. The first row may have the columns' names.
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
	count := 0
	for first := true; ; first = false {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if first && isHeader(row) {
			continue
		}
		if err := r.addRow(layer, row); err != nil {
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

// withoutMark leaves out the byte order mark with which spreadsheets begin a file.
func withoutMark(file io.Reader) io.Reader {
	buffered := bufio.NewReader(file)
	if begin, _ := buffered.Peek(3); string(begin) == "\ufeff" {
		buffered.Discard(3)
	}
	return buffered
}

func (r *Reader) addRow(layer *geodata.Layer, row []string) error {
	if len(row) >= 2 && strings.Contains(row[0], "/") {
		prefix, err := netip.ParsePrefix(row[0])
		if err != nil {
			return fmt.Errorf("prefix %q: want one such as 1.0.0.0/24", row[0])
		}
		place, err := r.placeOf(row[1])
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
	place, err := r.placeOf(row[2])
	if err != nil {
		return err
	}
	return layer.AddRange(first, last, place)
}

// placeOf is the place of the networks of an AS.
func (r *Reader) placeOf(number string) (geodata.Place, error) {
	asn, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return geodata.Place{}, fmt.Errorf("AS number %q: want 0 to 4294967295", number)
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
