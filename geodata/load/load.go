// Package load opens what an operator lists as geo data, whatever the kind, as one table. A file's kind is told by the
// end of its name, or else by its beginning:
//
//	.mmdb        MaxMind DB: GeoIP2, GeoLite2, DB-IP
//	.xdb         ip2region, versions 2 and 3
//	.csv         an ASN list (network, AS number), or a geofeed (RFC 8805: network, country, region, ...)
//	.tidegeo     a table that Tidegate wrote
//	.yaml, .yml  the operator's own words: overrides, known resolvers, round-trip times (geodata/operator)
//
// The first file wins, field by field. What operators say stands above all databases wherever their file is listed; of
// two such files the first wins, too. Where the files give no coordinates for one of the address families, the embedded
// table is below them: geofeeds, AS lists and ip2region have none at all.
//
// It stands above the readers of each kind, and is called by the name server at its start and when a file changes. It
// reads files and keeps none open.
package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/geodata/geofeed"
	"tidegate.dev/tidegate/geodata/lines"
	"tidegate.dev/tidegate/geodata/mmdb"
	"tidegate.dev/tidegate/geodata/operator"
	"tidegate.dev/tidegate/geodata/xdb"
)

// Files reads the files at paths into one table. An error names the file, and says what is wrong in it.
func Files(paths ...string) (*geodata.Table, error) {
	l, err := newLoader()
	if err != nil {
		return nil, err
	}
	var wrong []error
	for _, path := range paths {
		if err := l.open(path); err != nil {
			wrong = append(wrong, about(path, err))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if err := l.addOperators(); err != nil {
		return nil, err
	}
	origins, err := l.read()
	if err != nil {
		return nil, err
	}
	base, err := l.addBase()
	if err != nil {
		return nil, err
	}
	origins = append(origins, base...)
	return l.builder.Build(geodata.JoinOrigins(origins...))
}

// loader adds layers in the order in which they count, and reads the large files into theirs at the end, several at
// once.
type loader struct {
	builder   geodata.Builder
	databases *mmdb.Reader
	xdb       xdb.Reader
	operators []words
	reads     []func() (geodata.Origin, error)
}

// words are what an operator says, and where.
type words struct {
	path string
	file *operator.File
}

func newLoader() (*loader, error) {
	databases, err := mmdb.NewReader()
	if err != nil {
		return nil, err
	}
	isps, err := lines.DefaultISPs()
	if err != nil {
		return nil, err
	}
	return &loader{databases: databases, xdb: xdb.Reader{LineOf: isps.Line}}, nil
}

// about puts the file's name in front of an error.
func about(path string, err error) error {
	if opening := (*fs.PathError)(nil); errors.As(err, &opening) && opening.Path == path {
		err = opening.Err // the path is in the message already
	}
	return fmt.Errorf("load %q: %w", path, err)
}

// open adds the layer of a file, and takes note of what reads the file into it.
func (l *loader) open(path string) error {
	begin, err := beginOf(path)
	if err != nil {
		return err
	}
	if err := checkDigest(path); err != nil {
		return err
	}
	switch kindOf(path, begin) {
	case Geofeed:
		return l.openFeed(path)
	case Words:
		return l.openOperator(path)
	case Table:
		return l.openTable(path)
	case IP2Region:
		l.openXDB(path)
	default:
		l.reads = append(l.reads, l.databases.Add(&l.builder, path))
	}
	return nil
}

func (l *loader) openXDB(path string) {
	layer := l.builder.Stream(filepath.Base(path))
	l.reads = append(l.reads, func() (geodata.Origin, error) {
		origin := geodata.Origin{Source: filepath.Base(path)}
		file, err := os.Open(path)
		if err != nil {
			return origin, about(path, err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err == nil {
			origin.Date, err = l.xdb.Read(file, info.Size(), layer)
		}
		if err != nil {
			return origin, about(path, err)
		}
		return origin, nil
	})
}

func (l *loader) openFeed(path string) error {
	networks, err := readFeed(path)
	if err != nil {
		return err
	}
	l.note(geodata.Origin{Source: filepath.Base(path)})
	return geofeed.AddTo(l.builder.Source(filepath.Base(path)), networks)
}

func readFeed(path string) ([]geofeed.Network, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return geofeed.Read(file)
}

func (l *loader) openTable(path string) error {
	table, err := readTable(path)
	if err != nil {
		return err
	}
	l.note(table.Origin())
	l.builder.Table(table)
	return nil
}

func (l *loader) openOperator(path string) error {
	w, err := readWords(path)
	if err != nil {
		return err
	}
	l.note(geodata.Origin{Source: filepath.Base(path)})
	l.operators = append(l.operators, w)
	return nil
}

func readWords(path string) (words, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return words{}, err
	}
	file, err := operator.Parse(data)
	return words{path, file}, err
}

// note keeps the origin of what is read already in the order of the files.
func (l *loader) note(origin geodata.Origin) {
	l.reads = append(l.reads, func() (geodata.Origin, error) { return origin, nil })
}

// addOperators adds what operators say: the last override that a builder gets is on top, and the first list of resolvers.
func (l *loader) addOperators() error {
	for _, w := range slices.Backward(l.operators) {
		if err := w.file.AddOverrides(&l.builder, filepath.Base(w.path)); err != nil {
			return about(w.path, err)
		}
	}
	for _, w := range l.operators {
		if err := l.addResolvers(w); err != nil {
			return about(w.path, err)
		}
	}
	return nil
}

// addResolvers adds the known resolvers of a file, and those of the feeds that it names, beside it.
func (l *loader) addResolvers(w words) error {
	if err := w.file.AddResolvers(&l.builder, filepath.Base(w.path)); err != nil {
		return err
	}
	for _, path := range w.feeds() {
		networks, err := readFeed(path)
		if err == nil {
			err = geofeed.AddResolversTo(l.builder.Resolvers(filepath.Base(path)), networks)
		}
		if err != nil {
			return fmt.Errorf("resolver feed: %w", about(path, err))
		}
	}
	return nil
}

// feeds are the paths of the feeds that a file names.
func (w words) feeds() []string {
	paths := slices.Clone(w.file.ResolverFeeds)
	for i, path := range paths {
		if !filepath.IsAbs(path) {
			paths[i] = filepath.Join(filepath.Dir(w.path), path)
		}
	}
	return paths
}

// Feeds are the paths of the feeds that the file at path names, which Files reads with it: only operators' words name any.
func Feeds(path string) ([]string, error) {
	if kindOf(path, nil) != Words {
		return nil, nil
	}
	w, err := readWords(path)
	if err != nil {
		return nil, about(path, err)
	}
	return w.feeds(), nil
}

// addBase puts the embedded table below files that give no coordinates for one of the families, and says so.
func (l *loader) addBase() ([]geodata.Origin, error) {
	if v4, v6 := l.builder.Located(); v4 && v6 {
		return nil, nil
	}
	table, err := embedded.Open()
	if err != nil {
		return nil, err
	}
	l.builder.Table(table)
	origin := table.Origin()
	origin.Source = "the embedded table (" + origin.Source + ")"
	return []geodata.Origin{origin}, nil
}

// read reads the large files, and says where the data is from in the order of the files.
func (l *loader) read() ([]geodata.Origin, error) {
	var group errgroup.Group
	origins := make([]geodata.Origin, len(l.reads))
	for i, read := range l.reads {
		group.Go(func() (err error) {
			origins[i], err = read()
			return err
		})
	}
	err := group.Wait()
	return origins, err
}
