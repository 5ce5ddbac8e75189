package mmdb

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/oschwald/maxminddb-golang/v2"
	"golang.org/x/sync/errgroup"

	"tidegate.dev/tidegate/geodata"
)

// ErrFileChanged says that a mapped file was cut short while it was read.
var ErrFileChanged = errors.New("the file was changed while it was read; rename a finished file into place instead")

// readDatabase streams the networks of a MaxMind DB, both families at once. The file is mapped, not copied: it is often
// larger than what is made of it.
func (r *Reader) readDatabase(path string, layer *geodata.Stream) (geodata.Origin, error) {
	db, err := maxminddb.Open(path)
	if err != nil {
		return geodata.Origin{}, err
	}
	defer db.Close()
	return r.readOpen(db, filepath.Base(path), layer)
}

func (r *Reader) readOpen(db *maxminddb.Reader, file string, layer *geodata.Stream) (geodata.Origin, error) {
	var group errgroup.Group
	var useful [2]bool
	for i, space := range spaces(db) {
		group.Go(func() error {
			return survivingFaults(func() (err error) {
				useful[i], err = r.readNetworks(db, space, layer)
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return geodata.Origin{}, err
	}
	if !useful[0] && !useful[1] {
		return geodata.Origin{}, fmt.Errorf("database of type %q: %w", db.Metadata.DatabaseType, ErrNoRecords)
	}
	name := fmt.Sprintf("%s (%s)", file, db.Metadata.DatabaseType)
	return geodata.Origin{Source: name, Date: db.Metadata.BuildTime()}, nil
}

// spaces are the parts of a database that are read: all of IPv4, and the IPv6 space that is handed out.
func spaces(db *maxminddb.Reader) []netip.Prefix {
	all := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("2000::/3")}
	if db.Metadata.IPVersion == 4 {
		return all[:1]
	}
	return all
}

// survivingFaults turns the fault of a read beyond the end of a mapped file, which would end the process, into an error.
func survivingFaults(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault, ok := recover().(interface {
			runtime.Error
			Addr() uintptr
		}); ok {
			err = fmt.Errorf("%w (%w)", ErrFileChanged, fault)
		}
	}()
	return read()
}

// ErrTangled says that a database's search tree is none: its nodes are shared, so that a small file would have billions of
// networks.
var ErrTangled = errors.New("the search tree has more networks than its nodes can have: the file is damaged")

// readNetworks reads each record once: many networks share it. Networks without one are counted too, since a tree may be
// tangled there as well.
func (r *Reader) readNetworks(db *maxminddb.Reader, space netip.Prefix, layer *geodata.Stream) (useful bool, err error) {
	records := recordCache{seen: map[uintptr]geodata.Ref{}, read: func(network maxminddb.Result) (geodata.Ref, error) {
		ref, says, err := r.decode(network, layer)
		useful = useful || says
		return ref, err
	}}
	left := uint64(db.Metadata.NodeCount) + 1 // the leaves of a binary tree
	for network := range db.NetworksWithin(space, maxminddb.IncludeNetworksWithoutData()) {
		if err := network.Err(); err != nil {
			return false, err
		}
		if left == 0 {
			return false, ErrTangled
		}
		left--
		if !network.Found() {
			continue
		}
		ref, err := records.of(network)
		if err != nil {
			return false, fmt.Errorf("record of %v: %w", network.Prefix(), err)
		}
		if err := layer.Add(within(network.Prefix(), space), ref); err != nil {
			return false, err
		}
	}
	return useful, nil
}

// recordCache knows what every record said that was read, by its offset in the file. Neighbouring networks often share
// a few records, which stand in a small table before the large one.
type recordCache struct {
	read   func(maxminddb.Result) (geodata.Ref, error)
	recent [1 << 12]struct {
		offset uintptr
		ref    geodata.Ref
		used   bool
	}
	seen map[uintptr]geodata.Ref
}

func (c *recordCache) of(network maxminddb.Result) (geodata.Ref, error) {
	offset := network.Offset()
	recent := &c.recent[offset*0x9e3779b97f4a7c15>>52%uintptr(len(c.recent))]
	if recent.used && recent.offset == offset {
		return recent.ref, nil
	}
	ref, known := c.seen[offset]
	if !known {
		var err error
		if ref, err = c.read(network); err != nil {
			return ref, err
		}
		c.seen[offset] = ref
	}
	recent.offset, recent.ref, recent.used = offset, ref, true
	return ref, nil
}

// within is the part of a network that lies in the space: a record may cover more.
func within(network, space netip.Prefix) netip.Prefix {
	if network.Addr().BitLen() != space.Addr().BitLen() || network.Bits() < space.Bits() {
		return space
	}
	return network
}

func (r *Reader) decode(network maxminddb.Result, layer *geodata.Stream) (geodata.Ref, bool, error) {
	var rec record
	if err := network.Decode(&rec); err != nil {
		return geodata.Ref{}, false, err
	}
	place, says := r.place(rec)
	ref, err := layer.Ref(place)
	return ref, says, err
}
