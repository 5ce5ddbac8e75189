package xdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

const (
	headBytes  = 256
	indexBytes = 512 << 10
	// maxTextBytes is ten times what the longest text has.
	maxTextBytes = 1024
	// pieceSegments is how many segments are read at once.
	pieceSegments = 4096
)

// ErrFormat is the reason for every file that Read refuses, but for what geodata refuses in it.
var ErrFormat = errors.New("not an xdb file of ip2region, or a damaged one; fetch it again")

// ErrNothing says that a file was read and no segment has anything that Tidegate can use.
var ErrNothing = errors.New("no text in it has a known country, province or ISP")

// Reader turns what a file says into places.
type Reader struct {
	// LineOf names the line of an ISP, gslb.NoLine if it is of none.
	LineOf func(isp string) gslb.Line
}

// Read streams the networks of a file of so many bytes into a layer, and says when the file was made. It trusts nothing
// in the file.
func (r Reader) Read(file io.ReaderAt, size int64, layer *geodata.Stream) (made time.Time, err error) {
	w := walk{reader: r, file: file, layer: layer, places: map[textAt]geodata.Ref{}}
	if w.head, err = readHead(file, size); err != nil {
		return time.Time{}, err
	}
	if err := w.segments(); err != nil {
		return time.Time{}, err
	}
	if !w.useful {
		return time.Time{}, ErrNothing
	}
	return w.head.made, nil
}

// head says where the segments are and what they look like.
type head struct {
	version     int
	made        time.Time
	first, past int64 // where the first segment begins, and where the last one ends
	is6         bool
}

// segmentBytes is the size of a segment: two addresses, the length of a text and its position.
func (h *head) segmentBytes() int64 { return int64(2*h.addrBytes() + 2 + 4) }

func (h *head) addrBytes() int {
	if h.is6 {
		return 16
	}
	return 4
}

func readHead(file io.ReaderAt, size int64) (h head, err error) {
	begin := make([]byte, headBytes)
	if err := readFull(file, begin, 0); err != nil {
		return h, err
	}
	number := func(at int) int { return int(binary.LittleEndian.Uint16(begin[at:])) }
	position := func(at int) int64 { return int64(binary.LittleEndian.Uint32(begin[at:])) }
	h.version, h.made, h.first = number(0), time.Unix(position(4), 0).UTC(), position(8)
	switch family := number(16); {
	case h.version == 2: // the bytes of the family mean nothing yet
	case h.version != 3:
		return h, fmt.Errorf("%w (version %d, this program reads 2 and 3)", ErrFormat, h.version)
	case number(18) != 4:
		return h, fmt.Errorf("%w (positions of %d bytes, this program reads 4)", ErrFormat, number(18))
	case family != 4 && family != 6:
		return h, fmt.Errorf("%w (for IPv%d, this program reads 4 and 6)", ErrFormat, family)
	default:
		h.is6 = family == 6
	}
	last := position(12)
	h.past = last + h.segmentBytes()
	if h.first < headBytes+indexBytes || last < h.first || (last-h.first)%h.segmentBytes() != 0 {
		return h, fmt.Errorf("%w (segments from byte %d to %d)", ErrFormat, h.first, last)
	}
	if h.past > size {
		return h, fmt.Errorf("%w (%d bytes, its head says %d or more)", ErrFormat, size, h.past)
	}
	return h, nil
}

// readFull reads bytes at a position, all or none.
func readFull(file io.ReaderAt, into []byte, at int64) error {
	n, err := file.ReadAt(into, at)
	if n == len(into) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w (it ends before byte %d)", ErrFormat, at+int64(len(into)))
	}
	return err
}

// textAt is where a text is and how long. Segments share texts.
type textAt struct {
	position uint32
	bytes    uint16
}

// walk goes over the segments of a file.
type walk struct {
	reader Reader
	file   io.ReaderAt
	head   head
	layer  *geodata.Stream
	places map[textAt]geodata.Ref
	useful bool // some place knows something
}

func (w *walk) segments() error {
	size := w.head.segmentBytes()
	piece := make([]byte, min(pieceSegments*size, w.head.past-w.head.first))
	for at := w.head.first; at < w.head.past; at += int64(len(piece)) {
		piece = piece[:min(int64(len(piece)), w.head.past-at)]
		if err := readFull(w.file, piece, at); err != nil {
			return err
		}
		for rest := piece; len(rest) > 0; rest = rest[size:] {
			if err := w.segment(rest[:size]); err != nil {
				return err
			}
		}
	}
	return nil
}

// segment adds a segment's range to the layer.
func (w *walk) segment(segment []byte) error {
	n := w.head.addrBytes()
	first, last := w.head.addr(segment[:n]), w.head.addr(segment[n:2*n])
	if last.Less(first) {
		return fmt.Errorf("%w (a segment from %v back to %v)", ErrFormat, first, last)
	}
	if w.head.is6 && last.Less(handedOut) {
		return nil // below there are only special ranges, among them those that carry IPv4 addresses
	}
	at := textAt{bytes: binary.LittleEndian.Uint16(segment[2*n:]), position: binary.LittleEndian.Uint32(segment[2*n+2:])}
	ref, err := w.place(at)
	if err != nil {
		return fmt.Errorf("segment from %v to %v: %w", first, last, err)
	}
	return w.layer.AddRange(first, last, ref)
}

// handedOut is the first address of the only part of the IPv6 space that is handed out.
var handedOut = netip.MustParseAddr("2000::")

func (h *head) addr(octets []byte) netip.Addr {
	if h.is6 {
		return netip.AddrFrom16([16]byte(octets))
	}
	return netip.AddrFrom4([4]byte{octets[3], octets[2], octets[1], octets[0]})
}

// place takes a text apart when it is met first.
func (w *walk) place(at textAt) (geodata.Ref, error) {
	if ref, known := w.places[at]; known {
		return ref, nil
	}
	if at.bytes > maxTextBytes {
		return geodata.Ref{}, fmt.Errorf("%w (a text of %d bytes, want at most %d)", ErrFormat, at.bytes, maxTextBytes)
	}
	text := make([]byte, at.bytes)
	if err := readFull(w.file, text, int64(at.position)); err != nil {
		return geodata.Ref{}, err
	}
	place, err := w.reader.placeOf(string(text), w.head.version)
	if err != nil {
		return geodata.Ref{}, err
	}
	ref, err := w.layer.Ref(place)
	if err != nil {
		return ref, err
	}
	w.useful = w.useful || place != geodata.Place{}
	w.places[at] = ref
	return ref, nil
}
