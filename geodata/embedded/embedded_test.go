package embedded

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// TestOpen opens the table once: under the race detector that takes seconds.
func TestOpen(t *testing.T) {
	before, start := heapBytes(), time.Now()
	table, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	took, held := time.Since(start), heapBytes()-before
	t.Logf("%d bytes in the binary, %d on the heap, opened in %v", len(file), held, took)
	t.Run("limits", func(t *testing.T) { checkLimits(t, held) })
	t.Run("known addresses", func(t *testing.T) { checkKnownAddresses(t, table) })
	if origin := table.Origin(); origin.Source == "" || origin.Date.Year() < 2026 {
		t.Errorf("Origin() = %v, want a source and a date from 2026 on", origin)
	}
}

func heapBytes() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// checkLimits holds the table to what the design gives it: 10 MB in the binary, 60 MB when open.
func checkLimits(t *testing.T, held uint64) {
	if len(file) > 10_000_000 {
		t.Errorf("the table takes %d bytes of the binary, at most 10 MB are allowed", len(file))
	}
	if held > 60_000_000 {
		t.Errorf("an open table holds %d bytes, at most 60 MB are allowed", held)
	}
}

// checkKnownAddresses looks up networks that have been where they are for decades.
func checkKnownAddresses(t *testing.T, table *geodata.Table) {
	frankfurt := gslb.Location{LatMicro: 50_110_000, LonMicro: 8_680_000}
	beijing := gslb.Location{LatMicro: 39_900_000, LonMicro: 116_400_000}
	shanghai := gslb.Location{LatMicro: 31_230_000, LonMicro: 121_470_000}
	hefei := gslb.Location{LatMicro: 31_840_000, LonMicro: 117_270_000}
	saoPaulo := gslb.Location{LatMicro: -23_550_000, LonMicro: -46_630_000}
	sydney := gslb.Location{LatMicro: -33_870_000, LonMicro: 151_210_000}
	tests := []struct {
		name, addr, country string
		line                gslb.Line
		near                gslb.Location // zero: anywhere
	}{
		{"Deutsche Telekom", "84.128.0.1", "DE", "", frankfurt},
		{"China Telecom, Beijing", "219.141.136.10", "CN", "telecom", beijing},
		{"China Telecom, Shanghai", "202.96.209.5", "CN", "telecom", shanghai},
		{"China Unicom, Beijing", "123.125.81.6", "CN", "unicom", beijing},
		{"China Mobile, Beijing", "221.179.155.161", "CN", "mobile", beijing},
		{"CERNET, Hefei", "202.38.64.1", "CN", "edu", hefei},
		{"CSTNET", "159.226.1.1", "CN", "cstnet", beijing},
		{"Comcast", "73.0.0.1", "US", "", gslb.Location{}},
		{"Verizon", "71.246.0.1", "US", "", gslb.Location{}},
		{"Orange", "80.10.246.2", "FR", "", gslb.Location{}},
		{"NIC.br", "200.160.2.3", "BR", "", saoPaulo},
		{"Telstra", "139.130.4.5", "AU", "", sydney},
		{"IIJ", "210.130.0.1", "JP", "", gslb.Location{}},
		{"AFRINIC", "196.216.2.1", "ZA", "", gslb.Location{}},
		{"Deutsche Telekom, IPv6", "2003:e0::1", "DE", "", gslb.Location{}},
		{"China Telecom, IPv6", "240e:0:1::1", "CN", "telecom", gslb.Location{}},
		{"CERNET, IPv6", "2001:da8::1", "CN", "edu", gslb.Location{}},
		{"private", "192.168.1.1", "", "", gslb.Location{}},
		{"documentation, IPv6", "2001:db8::1", "", "", gslb.Location{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, prefix := table.Lookup(netip.MustParseAddr(tt.addr))
			got := table.Place(id)
			if got.Country != tt.country || got.Line != tt.line || got.HasLocation != (tt.country != "") {
				t.Errorf("%s is in %+v, want country %q and line %q", tt.addr, got, tt.country, tt.line)
			}
			if km := got.Location.Direction().DistanceKm(tt.near.Direction()); tt.near != (gslb.Location{}) && km > 50 {
				t.Errorf("%s is %d km away from %v, want at most 50", tt.addr, km, tt.near)
			}
			if !prefix.Contains(netip.MustParseAddr(tt.addr)) {
				t.Errorf("%s is not in its prefix %v", tt.addr, prefix)
			}
		})
	}
}

// A damaged binary must not send clients anywhere else. (geodata's own tests try every bit of a small table.)
func TestDamageIsRefused(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		damaged := bytes.Clone(file)
		bit := random.IntN(8 * len(damaged))
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, err := geodata.Decode(damaged); !errors.Is(err, geodata.ErrTable) {
			t.Errorf("bit %d flipped: %v, want ErrTable", bit, err)
		}
		length := random.IntN(len(file))
		if _, err := geodata.Decode(file[:length]); !errors.Is(err, geodata.ErrTable) {
			t.Errorf("cut to %d bytes: %v, want ErrTable", length, err)
		}
	}
}
