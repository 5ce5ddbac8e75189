package geodata

import (
	"bufio"
	"cmp"
	"slices"

	"tidegate.dev/tidegate/gslb"
)

// The part of the payload that few tables have:
//
//	sites          how many, then each name as a text
//	rows           how many, then each: how many times, then of each its site's number and the milliseconds
//	IPv4 resolvers how many ranges, their starts as the distance from the one before, their place IDs plus 1, 0 for the
//	               gap before the next range
//	IPv6 resolvers the same
//
// IPv4 starts are addresses and IPv6 ones /64s.

func (t *Table) writeMore(out *bufio.Writer) {
	if len(t.rtt) == 0 && t.resolvers == nil {
		return
	}
	var sites numbering
	sites.number = map[string]uint64{}
	for _, row := range t.rtt {
		for _, time := range row {
			sites.add(string(time.Site))
		}
	}
	out.Write(appendTexts(nil, sites.texts))
	writeNumber(out, uint64(len(t.rtt)))
	for _, row := range t.rtt {
		writeNumber(out, uint64(len(row)))
		for _, time := range row {
			writeNumber(out, sites.number[string(time.Site)])
			writeNumber(out, uint64(time.Milliseconds))
		}
	}
	known := t.resolvers
	if known == nil {
		known = new(resolvers)
	}
	writeSparse(out, &known.v4)
	writeSparse(out, &known.v6)
}

func writeSparse[K key](out *bufio.Writer, s *sparse[K]) {
	writeNumber(out, uint64(len(s.starts)))
	before := K(0)
	for _, start := range s.starts {
		writeNumber(out, uint64(start-before))
		before = start
	}
	for _, id := range s.ids {
		writeNumber(out, uint64(id+1)) // noPlace becomes 0
	}
}

// readMore reads the rows of round-trip times and the resolvers, if there are any.
func readMore(in *reader, places []sourced) (rtt [][]SiteRTT, known *resolvers) {
	if len(in.rest) > 0 {
		rtt = readRows(in)
		known = &resolvers{
			v4: readSparse[uint32](in, "IPv4 resolvers", len(places)),
			v6: readSparse[uint64](in, "IPv6 resolvers", len(places)),
		}
		if len(known.v4.ids)+len(known.v6.ids) == 0 {
			known = nil
		}
		if len(rtt) == 0 && known == nil {
			in.fail("it goes on without saying more")
		}
	}
	last := slices.MaxFunc(places, func(a, b sourced) int { return cmp.Compare(a.RTT, b.RTT) })
	if int(last.RTT) > len(rtt) {
		in.fail("a place has row %d of %d rows of round-trip times", last.RTT, len(rtt))
	}
	return rtt, known
}

func readRows(in *reader) [][]SiteRTT {
	sites := readTexts(in, "site")
	rows, left := make([][]SiteRTT, in.count("rows of round-trip times", 3)), MaxSiteRTTs
	for i := range rows {
		rows[i] = readRow(in, sites, left)
		if left -= len(rows[i]); in.err != nil {
			return nil
		}
	}
	return rows
}

func readRow(in *reader, sites []string, most int) []SiteRTT {
	count := in.count("round-trip times", 2)
	if count > most {
		in.fail("more than %d round-trip times", MaxSiteRTTs)
		return nil
	}
	row := make([]SiteRTT, count)
	for i := range row {
		site := in.number("site", uint64(len(sites)))
		if in.err != nil {
			return nil
		}
		row[i] = SiteRTT{Site: gslb.SiteID(sites[site]), Milliseconds: uint16(in.number("milliseconds", 1<<16))}
	}
	if err := checkRTT(row); err != nil && in.err == nil {
		in.fail("%w", err)
	}
	return row
}

func readSparse[K key](in *reader, what string, places int) sparse[K] {
	count := in.count(what, 2)
	s := sparse[K]{starts: make([]K, count), ids: make([]PlaceID, count)}
	at := uint64(0)
	for i := range s.starts {
		step := in.upTo("start of "+what, uint64(^K(0))-at)
		if step == 0 && i > 0 {
			in.fail("%s: range %d begins where it must not", what, i)
		}
		at += step
		s.starts[i] = K(at)
	}
	before := noPlace
	for i := range s.ids {
		id := PlaceID(in.number("place of "+what, uint64(places)+1)) - 1
		if id == before {
			in.fail("%s: ranges %d and %d have one place", what, i-1, i)
		}
		s.ids[i], before = id, id
	}
	return s
}
