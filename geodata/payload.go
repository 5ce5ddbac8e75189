package geodata

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// The payload, whose SHA-256 is the table's digest. It is made of columns, because like beside like compresses better:
// a number is an unsigned varint, a text is its length and its bytes.
//
//	date      seconds since 1970, 0 for none
//	source    text
//	sources   how many, then each name as a text
//	lines     likewise
//	regions   likewise
//	places    how many but the unknown one, then each: flags, [latitude, longitude: zigzag, from], [country: 2 bytes,
//	          from], [line, from], [region, from], [row of round-trip times, from]; from is a source's number from 1
//	          on, 0 for none
//	IPv4 runs how many, their starts as the distance from the one before, their place IDs
//	IPv6 runs the same
//
// A table that has rows of round-trip times or knows resolvers goes on as payload_more.go says.
const (
	placeHasLocation = 1 << iota
	placeHasCountry
	placeHasLine
	placeHasRegion
	placeHasRTT
	placeFlags = iota
)

func (t *Table) payload() []byte {
	var out bytes.Buffer
	t.writePayload(&out)
	return out.Bytes()
}

// writePayload writes to memory or into a hash, which do not fail.
func (t *Table) writePayload(to io.Writer) {
	out := bufio.NewWriterSize(to, 64<<10)
	var date uint64
	if !t.origin.Date.IsZero() {
		date = uint64(t.origin.Date.Unix())
	}
	head := binary.AppendUvarint(nil, date)
	head = appendText(head, t.origin.Source)
	head = appendTexts(head, t.sources)
	out.Write(appendPlaces(head, t.places))
	writeRuns(out, t.v4.units())
	writeRuns(out, t.v6.units())
	t.writeMore(out)
	out.Flush()
}

func appendText(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

func appendTexts(out []byte, texts []string) []byte {
	out = binary.AppendUvarint(out, uint64(len(texts)))
	for _, text := range texts {
		out = appendText(out, text)
	}
	return out
}

// numbering gives texts their numbers in the order in which they are first used.
type numbering struct {
	texts  []string
	number map[string]uint64
}

func (n *numbering) add(text string) {
	if _, known := n.number[text]; !known && text != "" {
		n.number[text] = uint64(len(n.texts))
		n.texts = append(n.texts, text)
	}
}

func appendPlaces(out []byte, places []sourced) []byte {
	lines, regions := numbering{number: map[string]uint64{}}, numbering{number: map[string]uint64{}}
	for _, p := range places {
		lines.add(string(p.Line))
		regions.add(p.Region)
	}
	out = appendTexts(appendTexts(out, lines.texts), regions.texts)
	out = binary.AppendUvarint(out, uint64(len(places)-1))
	for _, p := range places[1:] {
		out = appendPlace(out, p, lines.number[string(p.Line)], regions.number[p.Region])
	}
	return out
}

func appendPlace(out []byte, p sourced, line, region uint64) []byte {
	flags := len(out)
	out = append(out, 0)
	if p.HasLocation {
		out[flags] |= placeHasLocation
		out = binary.AppendVarint(out, int64(p.Location.LatMicro))
		out = binary.AppendVarint(out, int64(p.Location.LonMicro))
		out = binary.AppendUvarint(out, uint64(p.from.Location))
	}
	if p.Country != "" {
		out[flags] |= placeHasCountry
		out = binary.AppendUvarint(append(out, p.Country...), uint64(p.from.Country))
	}
	if p.Line != gslb.NoLine {
		out[flags] |= placeHasLine
		out = binary.AppendUvarint(binary.AppendUvarint(out, line), uint64(p.from.Line))
	}
	if p.Region != "" {
		out[flags] |= placeHasRegion
		out = binary.AppendUvarint(binary.AppendUvarint(out, region), uint64(p.from.Region))
	}
	if p.RTT != 0 {
		out[flags] |= placeHasRTT
		out = binary.AppendUvarint(binary.AppendUvarint(out, uint64(p.RTT)), uint64(p.from.RTT))
	}
	return out
}

func writeRuns(out *bufio.Writer, units iter.Seq2[uint64, PlaceID]) {
	count, before := uint64(0), uint64(0)
	for range units {
		count++
	}
	writeNumber(out, count)
	for start := range units {
		writeNumber(out, start-before)
		before = start
	}
	for _, id := range units {
		writeNumber(out, uint64(id))
	}
}

func writeNumber(out *bufio.Writer, n uint64) {
	out.Write(binary.AppendUvarint(out.AvailableBuffer(), n))
}

func decodePayload(payload []byte) (*Table, error) {
	in := &reader{rest: payload}
	var origin Origin
	if date := in.number("date", math.MaxUint32<<8); date > 0 {
		origin.Date = time.Unix(int64(date), 0).UTC()
	}
	origin.Source = in.text("source")
	sources := readTexts(in, "source")
	if len(sources) > math.MaxUint8 {
		in.fail("%d sources, want at most %d", len(sources), math.MaxUint8)
	}
	places := readPlaces(in, len(sources))
	v4 := readRuns(in, "IPv4", 1<<unitBits4, len(places))
	v6 := readRuns(in, "IPv6", 1<<unitBits6, len(places))
	rtt, known := readMore(in, places)
	if len(in.rest) > 0 {
		in.fail("%d bytes follow its end", len(in.rest))
	}
	if in.err != nil {
		return nil, in.err
	}
	t := newTable(origin, sources, places, v4.units(), v6.units())
	t.rtt, t.resolvers = rtt, known
	return t, nil
}

func readTexts(in *reader, what string) []string {
	texts := make([]string, in.count(what+"s", 1))
	for i := range texts {
		texts[i] = in.text(what)
	}
	return texts
}

// placeReader reads places, which share the texts of equal countries.
type placeReader struct {
	*reader
	sources        int
	lines, regions []string
	countries      map[[2]byte]string
}

func readPlaces(in *reader, sources int) []sourced {
	r := placeReader{reader: in, sources: sources, countries: map[[2]byte]string{}}
	r.lines, r.regions = readTexts(in, "line"), readTexts(in, "region")
	places := make([]sourced, 1, 1+min(in.count("places", 1), MaxPlaces-1))
	for range cap(places) - 1 {
		p := r.place()
		if in.err != nil {
			return places
		}
		if err := p.Check(); err != nil {
			in.fail("place %d: %w", len(places), err)
		}
		places = append(places, p)
	}
	return places
}

func (r *placeReader) place() sourced {
	var p sourced
	flags := r.octet("place")
	if flags >= 1<<placeFlags {
		r.fail("place with unknown flags %#x", flags)
	}
	if flags&placeHasLocation != 0 {
		p.HasLocation = true
		p.Location = gslb.Location{LatMicro: r.degrees("latitude"), LonMicro: r.degrees("longitude")}
		p.from.Location = r.from()
	}
	if flags&placeHasCountry != 0 {
		code := [2]byte{r.octet("country"), r.octet("country")}
		if _, known := r.countries[code]; !known {
			r.countries[code] = string(code[:])
		}
		p.Country, p.from.Country = r.countries[code], r.from()
	}
	if flags&placeHasLine != 0 {
		p.Line, p.from.Line = gslb.Line(r.oneOf("line", r.lines)), r.from()
	}
	if flags&placeHasRegion != 0 {
		p.Region, p.from.Region = r.oneOf("region", r.regions), r.from()
	}
	if flags&placeHasRTT != 0 {
		p.RTT, p.from.RTT = RTTRow(r.number("row of round-trip times", MaxPlaces)), r.from()
	}
	return p
}

func (r *placeReader) oneOf(what string, texts []string) string {
	if i := r.number(what, uint64(len(texts))); r.err == nil {
		return texts[i]
	}
	return ""
}

func (r *placeReader) from() SourceID { return SourceID(r.number("from", uint64(r.sources)+1)) }

func readRuns(in *reader, family string, space uint64, places int) runs {
	count := in.count(family+" runs", 2)
	if count == 0 {
		in.fail("it has no %s runs", family)
		return runs{}
	}
	r := runs{starts: make([]uint64, count), ids: make([]PlaceID, count)}
	at := uint64(0)
	for i := range r.starts {
		step := in.number(family+" start", space-at)
		if (step == 0) != (i == 0) {
			in.fail("%s run %d begins where it must not", family, i)
		}
		at += step
		r.starts[i] = at
	}
	for i := range r.ids {
		r.ids[i] = PlaceID(in.number(family+" place", uint64(places)))
		if i > 0 && r.ids[i] == r.ids[i-1] {
			in.fail("%s runs %d and %d have one place", family, i-1, i)
		}
	}
	return r
}

// reader takes a payload apart. After its first failure every answer is zero, so that callers ask once, at the end;
// what an answer is used for before that must do no harm.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: its content is broken: %w", ErrTable, fmt.Errorf(format, args...))
	}
	r.rest = nil
}

// number reads a varint below limit.
func (r *reader) number(what string, limit uint64) uint64 {
	if limit == 0 {
		r.fail("%s: no number fits", what)
		return 0
	}
	return r.upTo(what, limit-1)
}

// upTo reads a varint that is at most so large.
func (r *reader) upTo(what string, most uint64) uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > most {
		r.fail("%s: not a number up to %d", what, most)
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// count reads how many things follow. Each takes size bytes at least, which bounds what a caller allocates for them.
func (r *reader) count(what string, size int) int {
	return int(r.number("number of "+what, uint64(len(r.rest)/size)+1))
}

func (r *reader) text(what string) string {
	size := r.count("bytes of "+what, 1)
	s := string(r.rest[:min(size, len(r.rest))])
	if len(s) < size {
		r.fail("%s: %d bytes missing", what, size-len(s))
		return ""
	}
	r.rest = r.rest[size:]
	return s
}

func (r *reader) octet(what string) byte {
	if len(r.rest) == 0 {
		r.fail("%s: the end is missing", what)
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) degrees(what string) int32 {
	n, size := binary.Varint(r.rest)
	if size <= 0 || n < math.MinInt32 || n > math.MaxInt32 {
		r.fail("%s: not micro-degrees", what)
		return 0
	}
	r.rest = r.rest[size:]
	return int32(n)
}
