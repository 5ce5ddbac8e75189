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
	tests := []struct {
		name    string
		payload []byte
		want    string // "" if it is good
	}{
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
		{"unknown flags", varints(0, 0, 0, 0, 0, 1, 16, 1, 0, 0, 1, 0, 0), "flags"},
		{"no IPv4 runs", varints(0, 0, 0, 0, 0, 0, 0, 1, 0, 0), "no IPv4 runs"},
		{"more runs than bytes", varints(0, 0, 0, 0, 0, 0, 1<<30, 0), "number of IPv4 runs"},
		{"a first run behind the beginning", varints(0, 0, 0, 0, 0, 0, 1, 7, 0, 1, 0, 0), "IPv4 run 0"},
		{"runs that stand still", varints(0, 0, 0, 0, 0, 1, 2, "DE", 0, 2, 0, 0, 0, 1, 1, 0, 0), "IPv4 run 1"},
		{"a run behind the end", varints(0, 0, 0, 0, 0, 1, 2, "DE", 0, 2, 0, 1<<24, 0, 1, 1, 0, 0), "IPv4 start"},
		{"an IPv6 run behind the end", varints(0, 0, 0, 0, 0, 1, 2, "DE", 0, 1, 0, 0, 2, 0, 1<<56, 0, 1), "IPv6 start"},
		{"a place that is not there", varints(0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0), "IPv4 place"},
		{"neighbours with one place", varints(0, 0, 0, 0, 0, 0, 2, 0, 5, 0, 0, 1, 0, 0), "have one place"},
		{"a tail", varints(0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0), "1 bytes follow its end"},
	}
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
	f.Add(varints(0, 0, 0, 1, 2, "DE", 2, 0, 5, 0, 1, 1, 0, 1))
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
