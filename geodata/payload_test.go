package geodata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// varints writes numbers as a payload does; a string goes in as it is.
func varints(parts ...any) []byte {
	var out []byte
	for _, part := range parts {
		switch v := part.(type) {
		case int:
			out = binary.AppendUvarint(out, uint64(v))
		case string:
			out = append(out, v...)
		}
	}
	return out
}

// Every rule of the payload, broken once by a writer who gets the checksum right.
func TestDecodeRefusesBrokenContent(t *testing.T) {
	tests := []brokenPayload{
		{"the smallest table", varints(0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0), ""},
		{"one place", varints(0, 0, 0, 0, 0, 1, 2, "DE", 0, 2, 0, 5, 0, 1, 1, 0, 1), ""},
		{"nothing", nil, "date"},
		{"a date past the calendar", varints(1<<40, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0), "date"},
		{"text that goes on", varints(0, 200, "DB"), "bytes of source"},
		{"more sources than bytes", varints(0, 0, 1<<30), "number of sources"},
		{"more lines than bytes", varints(0, 0, 0, 1<<30), "number of lines"},
		{"more regions than bytes", varints(0, 0, 0, 0, 1<<30), "number of regions"},
		{"more places than bytes", varints(0, 0, 0, 0, 0, 1<<30, 0, 0), "number of places"},
		{"an impossible country", varints(0, 0, 0, 0, 0, 1, 2, "d!", 0, 1, 0, 0, 1, 0, 0), "place 1"},
		{"a latitude beyond the pole", varints(0, 0, 0, 0, 0, 1, 1, 2*90_000_001, 0, 0, 1, 0, 0, 1, 0, 0), "place 1"},
		{"a latitude beyond 32 bits", varints(0, 0, 0, 0, 0, 1, 1, 1<<40, 0, 0, 1, 0, 0, 1, 0, 0), "latitude"},
		{"a line that was not named", varints(0, 0, 0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 1, 0, 0), "line"},
		{"a region that was not named", varints(0, 0, 0, 0, 0, 1, 8, 0, 0, 1, 0, 0, 1, 0, 0), "region"},
		{"an impossible region", varints(0, 0, 0, 0, 1, 4, "FLAT", 1, 8, 0, 0, 1, 0, 0, 1, 0, 0), "place 1"},
		{"a source that was not named", varints(0, 0, 0, 0, 0, 1, 2, "DE", 1, 1, 0, 0, 1, 0, 0), "from"},
		{"unknown flags", varints(0, 0, 0, 0, 0, 1, 32, 1, 0, 0, 1, 0, 0), "flags"},
		{"no IPv4 runs", varints(0, 0, 0, 0, 0, 0, 0, 1, 0, 0), "no IPv4 runs"},
		{"more runs than bytes", varints(0, 0, 0, 0, 0, 0, 1<<30, 0), "number of IPv4 runs"},
		{"a first run behind the beginning", varints(0, 0, 0, 0, 0, 0, 1, 7, 0, 1, 0, 0), "IPv4 run 0"},
		{"runs that stand still", varints(0, 0, 0, 0, 0, 1, 2, "DE", 0, 2, 0, 0, 0, 1, 1, 0, 0), "IPv4 run 1"},
		{"a run behind the end", varints(0, 0, 0, 0, 0, 1, 2, "DE", 0, 2, 0, 1<<24, 0, 1, 1, 0, 0), "IPv4 start"},
		{"an IPv6 run behind the end", varints(0, 0, 0, 0, 0, 1, 2, "DE", 0, 1, 0, 0, 2, 0, 1<<56, 0, 1), "IPv6 start"},
		{"a place that is not there", varints(0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0), "IPv4 place"},
		{"neighbours with one place", varints(0, 0, 0, 0, 0, 0, 2, 0, 5, 0, 0, 1, 0, 0), "have one place"},
	}
	refuses(t, tests)
}

// The part that few tables have: of each rule of payload_more.go one break.
func TestDecodeRefusesBrokenMore(t *testing.T) {
	// A place in DE and one without, everywhere nothing; then what the case says.
	more := func(parts ...any) []byte {
		return append(varints(0, 0, 0, 0, 0, 1, 2, "DE", 0, 1, 0, 0, 1, 0, 0), varints(parts...)...)
	}
	// A place with a row of round-trip times, in half of the IPv4 space.
	measured := func(row int, parts ...any) []byte {
		return append(varints(0, 0, 0, 0, 0, 1, 16, row, 0, 2, 0, 1<<23, 0, 1, 1, 0, 0), varints(parts...)...)
	}
	refuses(t, []brokenPayload{
		{"a row", measured(1, 1, 3, "fra", 1, 1, 0, 12, 0, 0), ""},
		{"resolvers of both families", more(0, 0, 2, 7, 1, 2, 0, 1, -1, 2), ""},
		{"a range of resolvers without a place known", more(0, 0, 2, 7, 1, 1, 0, 0), ""},
		{"nothing more", more(0, 0, 0, 0), "without saying more"},
		{"a tail", measured(1, 1, 3, "fra", 1, 1, 0, 12, 0, 0, 0), "1 bytes follow its end"},
		{"no end", measured(1, 1, 3, "fra", 1, 1, 0, 12, 0), "number of IPv6 resolvers"},
		{"more sites than bytes", more(1<<30, 0), "number of sites"},
		{"more rows than bytes", more(0, 1<<30, 0), "number of rows"},
		{"more times than bytes", more(1, 3, "fra", 1, 1<<30, 0, 0), "number of round-trip times"},
		{"a row without a site", more(1, 3, "fra", 1, 0, 0, 0), "it has no site"},
		{"a site that was not named", more(1, 3, "fra", 1, 1, 1, 12, 0, 0), "site"},
		{"a site that is none", more(1, 3, "F!a", 1, 1, 0, 12, 0, 0), `site "F!a"`},
		{"a site twice", more(1, 3, "fra", 1, 2, 0, 12, 0, 13, 0, 0), "twice"},
		{"sites out of order", more(2, 3, "pek", 3, "fra", 1, 2, 0, 12, 1, 13, 0, 0), "not in order"},
		{"more than a minute", more(1, 3, "fra", 1, 1, 0, 1<<16, 0, 0), "milliseconds"},
		{"a row that is not there", measured(2, 1, 3, "fra", 1, 1, 0, 12, 0, 0), "row 2 of 1"},
		{"a row where there are none", measured(1), "row 1 of 0"},
		{"a row past all that a table may have", measured(1<<20, 1, 3, "fra", 1, 1, 0, 12, 0, 0), "row of round-trip times"},
		{"more resolvers than bytes", more(0, 0, 1<<30, 0), "number of IPv4 resolvers"},
		{"a range behind the end", more(0, 0, 1, 1<<32, 2, 0), "start of IPv4 resolvers"},
		{"an IPv6 range behind the end", more(0, 0, 0, 2, -1, 1, 2, 0), "start of IPv6 resolvers"},
		{"ranges that stand still", more(0, 0, 2, 7, 0, 2, 0, 0), "range 1 begins where it must not"},
		{"a first range that is a gap", more(0, 0, 1, 7, 0, 0), "have one place"},
		{"neighbours with one place", more(0, 0, 2, 7, 1, 2, 2, 0), "have one place"},
		{"a place that is not there", more(0, 0, 1, 7, 3, 0), "place of IPv4 resolvers"},
	})
	// So many times do not fit into a file that unpacks within bounds, so this one stays unpacked.
	flood := append(more(1, 3, "fra", 1, MaxSiteRTTs+1), make([]byte, 2*MaxSiteRTTs+2)...)
	if _, err := decodePayload(flood); err == nil || !strings.Contains(err.Error(), "more than 4194304 round-trip times") {
		t.Errorf("%d round-trip times: %v, want an error with the limit", MaxSiteRTTs+1, err)
	}
}

type brokenPayload struct {
	name    string
	payload []byte
	want    string // "" if it is good
}

func refuses(t *testing.T, tests []brokenPayload) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode(pack(t, tt.payload, len(tt.payload)))
			if tt.want == "" {
				if err != nil {
					t.Errorf("Decode = %v, want a table", err)
				}
				return
			}
			if !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Decode = %v, want ErrTable with %q", err, tt.want)
			}
		})
	}
}

// A few bytes must not become gigabytes, whatever the head claims.
func TestDecodeRefusesBombs(t *testing.T) {
	small := varints(0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0)
	tests := []struct {
		name    string
		payload []byte
		claimed int
		want    string
	}{
		{"claims more than a table may have", small, maxPayloadBytes + 1, "are taken"},
		{"claims more than its body can hold", small, 1 << 24, "are taken"},
		{"unpacks to more than it claims", make([]byte, 1<<20), 100, "unpack: "},
		{"unpacks to less than it claims", small, len(small) + 1, "bytes of content, its head says"},
		{"unpacks to a thousandfold", make([]byte, 1<<24), 1 << 24, "are taken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := pack(t, tt.payload, tt.claimed)
			if _, err := Decode(file); !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Decode = %v, want ErrTable with %q", err, tt.want)
			}
		})
	}
}

func TestTooManyPlaces(t *testing.T) {
	set := placeSet{list: make([]sourced, MaxPlaces+1)}
	all := func(yield func(uint64, placeRef) bool) {
		for i := range set.list {
			if !yield(uint64(i), placeRef(i)) {
				return
			}
		}
	}
	if _, _, err := set.number(all); !errors.Is(err, ErrTooManyPlaces) {
		t.Errorf("%d places: %v, want ErrTooManyPlaces", MaxPlaces, err)
	}
}

func TestTooManyRoundTripTimes(t *testing.T) {
	places, rows := make([]sourced, 1<<10+1), rowSet{}
	for i := range places {
		places[i].RTT = RTTRow(i + 1)
		rows.list = append(rows.list, make([]SiteRTT, MaxSiteRTTs>>10))
	}
	if _, err := rows.number(places); !errors.Is(err, ErrRTT) {
		t.Errorf("%d round-trip times: %v, want ErrRTT", len(places)*MaxSiteRTTs>>10, err)
	}
	if _, err := rows.number(places[1:]); err != nil {
		t.Errorf("%d round-trip times: %v, want them taken", MaxSiteRTTs, err)
	}
}

func pack(t testing.TB, payload []byte, claimed int) []byte {
	t.Helper()
	compressor, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer compressor.Close()
	return seal(claimed, compressor.EncodeAll(payload, nil))
}

// FuzzDecode looks for panics in what reads a file. Whatever it finds to be a table must survive being written.
func FuzzDecode(f *testing.F) {
	file, err := os.ReadFile("testdata/sample.tidegeo")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Fuzz(func(t *testing.T, file []byte) {
		if table, err := Decode(file); err == nil {
			rewrite(t, table)
		}
	})
}

// FuzzDecodePayload is FuzzDecode past the checksum and the compression, which random changes never get through.
func FuzzDecodePayload(f *testing.F) {
	file, err := os.ReadFile("testdata/sample.tidegeo")
	if err != nil {
		f.Fatal(err)
	}
	payload, err := open(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add(varints(0, 0, 0, 0, 0, 1, 2, "DE", 0, 2, 0, 5, 0, 1, 1, 0, 1))
	f.Add(varints(0, 0, 0, 0, 0, 1, 2, "DE", 0, 1, 0, 0, 1, 0, 0, 0, 0, 2, 7, 1, 2, 0, 1, -1, 2))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if table, err := decodePayload(payload); err == nil {
			rewrite(t, table)
		}
	})
}

// rewrite leaves out the compressor, which is slow at the level that Encode uses.
func rewrite(t *testing.T, table *Table) {
	payload := table.payload()
	again, err := decodePayload(payload)
	if err != nil {
		t.Fatalf("a table that was decoded is refused when it was written: %v", err)
	}
	if !bytes.Equal(again.payload(), payload) {
		t.Fatal("a table that was decoded changes when it is written again")
	}
}
