package mmdb

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/lines"
	"tidegate.dev/tidegate/geodata/regions"
	"tidegate.dev/tidegate/gslb"
)

// CityGrid is the width of the squares to whose middle Load rounds locations: 0.1 degrees, at most 8 km away. Measured
// with 64 sites, that sends 0.2 % of the addresses to another site than exact coordinates do, 3 km farther, which is far
// below what the databases themselves are wrong by; and it keeps a table to 100,000 places, instead of the 700,000 that
// every compiler of a service would have to look at.
const CityGrid geodata.Grid = 50_000

// ErrNoRecords says that a file was read and has nothing that Tidegate can use.
var ErrNoRecords = errors.New("it has no country, coordinates or AS number in any record")

// Load reads databases into one table: a city database, an ASN database, or both, in one file for all addresses or one
// per family. Each file gives what its records carry; where two give the same field, the first file counts.
func Load(paths ...string) (*geodata.Table, error) {
	known, err := lines.Default()
	if err != nil {
		return nil, err
	}
	reader := Reader{Grid: CityGrid, LineOf: known.Line}
	if err := reader.Read(paths...); err != nil {
		return nil, err
	}
	return reader.Table()
}

// Reader gathers files; Load is for those who need no more than the defaults.
type Reader struct {
	// Grid is the width of the squares to which locations are rounded.
	Grid geodata.Grid
	// LineOf names the line of an AS, gslb.NoLine if it is of none.
	LineOf func(lines.ASN) gslb.Line

	builder geodata.Builder
	sources []string

	mu     sync.Mutex
	oldest time.Time
}

// Read adds files below those before them, several at once: CSV if the name ends so, else a MaxMind DB.
func (r *Reader) Read(paths ...string) error {
	var group errgroup.Group
	names := make([]string, len(paths))
	for i, path := range paths {
		read := r.open(path) // in order: the layers' order is that of the paths
		group.Go(func() (err error) {
			names[i], err = read(path)
			if opening := (*fs.PathError)(nil); errors.As(err, &opening) {
				err = opening.Err // the path is in the message already
			}
			if err != nil {
				return fmt.Errorf("load %q: %w", path, err)
			}
			return nil
		})
	}
	err := group.Wait()
	r.sources = append(r.sources, names...)
	return err
}

// open adds the layer of a file, and returns what reads the file into it.
func (r *Reader) open(path string) func(path string) (source string, err error) {
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		layer := r.builder.Source(filepath.Base(path))
		return func(path string) (string, error) { return r.readCSV(path, layer) }
	}
	layer := r.builder.Stream(filepath.Base(path))
	return func(path string) (string, error) { return r.readDatabase(path, layer) }
}

// Table builds the table of the files read. Its date is the oldest file's, since that is the one to worry about.
func (r *Reader) Table() (*geodata.Table, error) {
	return r.builder.Build(geodata.Origin{Source: strings.Join(r.sources, ", "), Date: r.oldest})
}

// dated notes when a file was made.
func (r *Reader) dated(date time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.oldest.IsZero() || date.Before(r.oldest) && !date.IsZero() {
		r.oldest = date
	}
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
	if rec.asn != 0 {
		place.Line = r.LineOf(rec.asn)
	}
	return place, rec.country != "" || place.HasLocation || rec.asn != 0
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
