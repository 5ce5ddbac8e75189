package geodata_test

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
)

// sample has a bit of everything that a file can hold.
func sample(t *testing.T) *geodata.Table {
	t.Helper()
	var b geodata.Builder
	everything := at(-33_868_800, 151_209_000)
	everything.Country, everything.Region, everything.Line = "AU", "AU-NSW", "edu"
	add(t, b.Source("test"),
		network{"20.0.0.0/8", everything}, network{"20.1.0.0/16", country("DE")}, network{"20.1.7.0/24", line("telecom")},
		network{"2a00::/16", everything}, network{"2a00:1::/48", at(1, 2)})
	add(t, b.Override("operator"), network{"20.1.8.0/24", line("mobile")})
	add(t, b.Resolvers("operator"), network{"20.1.9.0/26", country("SG")}, network{"2a00:1::/64", country("FR")})
	times := []geodata.SiteRTT{{Site: "fra", Milliseconds: 12}, {Site: "pek", Milliseconds: 180}}
	if err := b.RTT("operator").Add(netip.MustParsePrefix("20.1.10.0/23"), times); err != nil {
		t.Fatal(err)
	}
	return build(t, &b)
}

func encode(t testing.TB, table *geodata.Table) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := table.Encode(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestRoundTrip(t *testing.T) {
	var empty geodata.Builder
	for name, table := range map[string]*geodata.Table{"sample": sample(t), "empty": build(t, &empty)} {
		t.Run(name, func(t *testing.T) {
			file := encode(t, table)
			got, err := geodata.Decode(file)
			if err != nil {
				t.Fatal(err)
			}
			assertEqual(t, got, table)
			if !bytes.Equal(encode(t, got), file) {
				t.Error("the decoded table encodes to another file")
			}
		})
	}
}

func assertEqual(t *testing.T, got, want *geodata.Table) {
	t.Helper()
	if got.Digest() != want.Digest() || got.Origin() != want.Origin() || got.Places() != want.Places() {
		t.Errorf("got %s of %v with %d places, want %s of %v with %d",
			got.Digest(), got.Origin(), got.Places(), want.Digest(), want.Origin(), want.Places())
	}
	for start, id := range want.V4() {
		if other, _ := got.Lookup(address4(uint64(start))); got.Place(other) != want.Place(id) {
			t.Errorf("IPv4 range from %d is in %+v, want %+v", start, got.Place(other), want.Place(id))
		}
	}
	for start, id := range want.V6() {
		if other, _ := got.Lookup(address6(9)(start)); got.Place(other) != want.Place(id) {
			t.Errorf("IPv6 range from %x is in %+v, want %+v", start, got.Place(other), want.Place(id))
		}
	}
	for row := range geodata.RTTRow(9) {
		if !slices.Equal(got.RTT(row), want.RTT(row)) {
			t.Errorf("row %d is %v, want %v", row, got.RTT(row), want.RTT(row))
		}
	}
}

// Encode must give the bytes that releases before gave, or say so by another version: a hub and a name server of
// different releases hand tables to each other.
func TestFileOfOtherReleases(t *testing.T) {
	const path = "testdata/sample.tidegeo"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, encode(t, sample(t)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := geodata.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, got, sample(t))
}

func TestDecodeRefusesEveryDamage(t *testing.T) {
	file := encode(t, sample(t))
	for length := range file {
		if _, err := geodata.Decode(file[:length]); !errors.Is(err, geodata.ErrTable) {
			t.Fatalf("cut to %d of %d bytes: %v, want ErrTable", length, len(file), err)
		}
	}
	if _, err := geodata.Decode(append(bytes.Clone(file), 0)); !errors.Is(err, geodata.ErrTable) {
		t.Errorf("a byte too many: %v, want ErrTable", err)
	}
	for bit := range 8 * len(file) {
		damaged := bytes.Clone(file)
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, err := geodata.Decode(damaged); !errors.Is(err, geodata.ErrTable) {
			t.Fatalf("bit %d flipped: %v, want ErrTable", bit, err)
		}
	}
}

// A person who gets the error has to know what to do next.
func TestDecodeSaysWhatToDo(t *testing.T) {
	file := encode(t, sample(t))
	change := func(at int, to byte) []byte {
		changed := bytes.Clone(file)
		changed[at] = to
		return changed
	}
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"another file", []byte(strings.Repeat("ip,country\n", 20)), "was the right file given?"},
		{"nothing", nil, "was the right file given?"},
		{"format of the future", change(7, 3), "format 3, this program reads 2"},
		{"cut short", file[:len(file)-9], "cut short, fetch it again"},
		{"damaged", change(40, file[40]^1), "checksum is wrong; the file is damaged, fetch it again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := geodata.Decode(tt.file); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Decode = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table := sample(t)
	for _, s := range []string{"20.1.7.9", "8.8.8.8", "::ffff:20.1.7.9", "64:ff9b::20.1.7.9", "2a00:1::1", "2a00::1%eth0"} {
		addr := netip.MustParseAddr(s)
		if n := testing.AllocsPerRun(100, func() { table.Lookup(addr) }); n != 0 {
			t.Errorf("Lookup(%s) allocates %v times, want 0", s, n)
		}
		if n := testing.AllocsPerRun(100, func() { table.LookupResolver(addr) }); n != 0 {
			t.Errorf("LookupResolver(%s) allocates %v times, want 0", s, n)
		}
	}
}
