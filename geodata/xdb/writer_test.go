package xdb

import (
	"encoding/binary"
	"net/netip"
)

// segment is a range of a file that a test writes, and its text.
type segment struct{ first, last, text string }

// fileWriter writes a file as the vendor's maker does: texts once each, segments cut where the first two bytes of an
// address change, and the index over those.
type fileWriter struct {
	version, family int
	made            uint32

	texts    []byte
	position map[string]uint32
	rows     []byte
	index    [indexBytes]byte
}

func writeFile(version, family int, segments ...segment) []byte {
	w := fileWriter{version: version, family: family, made: 1_780_000_000, position: map[string]uint32{}}
	for _, s := range segments {
		if _, known := w.position[s.text]; !known {
			w.position[s.text] = uint32(headBytes + indexBytes + len(w.texts))
			w.texts = append(w.texts, s.text...)
		}
	}
	for _, s := range segments {
		w.segment(netip.MustParseAddr(s.first), netip.MustParseAddr(s.last), s.text)
	}
	return w.file()
}

// segment writes a range in pieces that lie in one /16 each.
func (w *fileWriter) segment(first, last netip.Addr, text string) {
	for {
		end := lastOf16(first)
		if last.Less(end) {
			end = last
		}
		w.row(first, end, text)
		if end == last {
			return
		}
		first = end.Next()
	}
}

func lastOf16(addr netip.Addr) netip.Addr {
	octets := addr.AsSlice()
	for i := 2; i < len(octets); i++ {
		octets[i] = 0xff
	}
	last, _ := netip.AddrFromSlice(octets)
	return last
}

func (w *fileWriter) row(first, last netip.Addr, text string) {
	at := uint32(w.segmentsBegin() + len(w.rows))
	w.rows = append(append(w.rows, octets(first)...), octets(last)...)
	w.rows = binary.LittleEndian.AppendUint16(w.rows, uint16(len(text)))
	w.rows = binary.LittleEndian.AppendUint32(w.rows, w.position[text])
	begin := first.AsSlice()
	slot := w.index[(int(begin[0])<<8|int(begin[1]))*8:]
	if binary.LittleEndian.Uint32(slot) == 0 {
		binary.LittleEndian.PutUint32(slot, at)
	}
	binary.LittleEndian.PutUint32(slot[4:], uint32(w.segmentsBegin()+len(w.rows)))
}

func octets(addr netip.Addr) []byte {
	b := addr.AsSlice()
	if addr.Is4() {
		b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	}
	return b
}

func (w *fileWriter) segmentsBegin() int { return headBytes + indexBytes + len(w.texts) }

func (w *fileWriter) file() []byte {
	h := head{is6: w.family == 6}
	begin := make([]byte, headBytes)
	binary.LittleEndian.PutUint16(begin, uint16(w.version))
	binary.LittleEndian.PutUint16(begin[2:], 1)
	binary.LittleEndian.PutUint32(begin[4:], w.made)
	binary.LittleEndian.PutUint32(begin[8:], uint32(w.segmentsBegin()))
	binary.LittleEndian.PutUint32(begin[12:], uint32(w.segmentsBegin()+len(w.rows)-int(h.segmentBytes())))
	if w.version > 2 {
		binary.LittleEndian.PutUint16(begin[16:], uint16(w.family))
		binary.LittleEndian.PutUint16(begin[18:], 4)
	}
	file := append(begin, w.index[:]...)
	return append(append(file, w.texts...), w.rows...)
}
