package mmdb

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/lines"
	"tidegate.dev/tidegate/geodata/regions"
	"tidegate.dev/tidegate/gslb"
)

// CityGrid is the width of the squares to whose middle locations are rounded: 0.05 degrees, at most 4 km away. That is
// far below what the databases themselves are wrong by, and it keeps a table to 155,000 places, instead of the 550,000
// that every compiler of a service would have to look at. At 0.1 degrees scopes are narrower than gdnsd's for 1.6 % of the
// addresses instead of 0.5 %: squares across a border between two sites make borders of their own.
const CityGrid geodata.Grid = 50_000

// ErrNoRecords says that a file was read and has nothing that Tidegate can use.
var ErrNoRecords = errors.New("it has no country, coordinates, AS number or ISP in any record")

// Reader turns files into layers of a builder: its own by Read and Table, or another one by Add. geodata/load is for
// those who need no more than the defaults.
type Reader struct {
	// Grid is the width of the squares to which locations are rounded.
	Grid geodata.Grid
	// LineOf names the line of an AS, gslb.NoLine if it is of none.
	LineOf func(lines.ASN) gslb.Line
	// LineOfISP names the line of an ISP where the AS has none; nil names no lines.
	LineOfISP func(isp string) gslb.Line

	builder geodata.Builder
	origins []geodata.Origin
}

// NewReader has the defaults: CityGrid and the lists that Tidegate comes with.
func NewReader() (*Reader, error) {
	numbers, err := lines.Default()
	if err != nil {
		return nil, err
	}
	isps, err := lines.DefaultISPs()
	if err != nil {
		return nil, err
	}
	return &Reader{Grid: CityGrid, LineOf: numbers.Line, LineOfISP: isps.Line}, nil
}

// Read adds files below those before them, several at once: CSV if the name ends so, else a MaxMind DB.
func (r *Reader) Read(paths ...string) error {
	var group errgroup.Group
	origins := make([]geodata.Origin, len(paths))
	for i, path := range paths {
		read := r.Add(&r.builder, path) // in order: the layers' order is that of the paths
		group.Go(func() (err error) {
			origins[i], err = read()
			return err
		})
	}
	err := group.Wait()
	r.origins = append(r.origins, origins...)
	return err
}

// Add adds the layer of a file to a builder, below those so far, and returns what reads the file into it. Several files
// can be read at once.
func (r *Reader) Add(b *geodata.Builder, path string) (read func() (geodata.Origin, error)) {
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		layer := b.Source(filepath.Base(path))
		return named(path, func() (geodata.Origin, error) { return r.readCSV(path, layer) })
	}
	layer := b.Stream(filepath.Base(path))
	return named(path, func() (geodata.Origin, error) { return r.readDatabase(path, layer) })
}

// named puts the file's name in front of an error.
func named(path string, read func() (geodata.Origin, error)) func() (geodata.Origin, error) {
	return func() (geodata.Origin, error) {
		origin, err := read()
		if opening := (*fs.PathError)(nil); errors.As(err, &opening) {
			err = opening.Err // the path is in the message already
		}
		if err != nil {
			return origin, fmt.Errorf("load %q: %w", path, err)
		}
		return origin, nil
	}
}

// Table builds the table of the files read.
func (r *Reader) Table() (*geodata.Table, error) {
	return r.builder.Build(geodata.JoinOrigins(r.origins...))
}

// place is what a record says, and whether it says anything that could be used.
func (r *Reader) place(rec record) (geodata.Place, bool) {
	place := geodata.Place{Country: rec.country, Region: region(rec)}
	if rec.latitude != nil && rec.longitude != nil {
		place.HasLocation = true
		place.Location = gslb.Location{LatMicro: micro(*rec.latitude), LonMicro: micro(*rec.longitude)}
		if place.Location.Valid() {
			place.Location = r.Grid.Centre(place.Location)
		}
	}
	place.Line = r.line(rec)
	return place, rec.country != "" || place.HasLocation || rec.asn != 0 || rec.isp != ""
}

// line is that of a record's AS, or else of its ISP: a carrier's customers often have AS numbers of their own.
func (r *Reader) line(rec record) (line gslb.Line) {
	if rec.asn != 0 {
		line = r.LineOf(rec.asn)
	}
	if line == gslb.NoLine && r.LineOfISP != nil {
		line = r.LineOfISP(rec.isp)
	}
	return line
}

// region is the ISO 3166-2 code of a record's subdivision. GeoIP2 has the part after the country; DB-IP has names, of
// which China's are known.
func region(rec record) string {
	switch {
	case rec.country != "" && rec.subdivision != "":
		return rec.country + "-" + rec.subdivision
	case rec.country == "CN":
		return regions.Code(rec.state)
	}
	return ""
}

// micro rounds degrees; what is not on the earth stays so, for Place.Check to refuse.
func micro(degrees float64) int32 {
	if !(math.Abs(degrees) <= 360) {
		return math.MaxInt32
	}
	return int32(math.Round(degrees * 1e6))
}
