package mmdb

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// geoIP2City is a record of MaxMind's schema, with fields that nobody asked for.
func geoIP2City(country string, latitude, longitude float64) map[string]any {
	return map[string]any{
		"city":         map[string]any{"names": map[string]any{"en": "a city whose name takes more than one byte of length"}},
		"country":      map[string]any{"iso_code": country},
		"subdivisions": []any{map[string]any{"iso_code": "X1"}, map[string]any{"iso_code": "Y2"}},
		"location":     map[string]any{"latitude": latitude, "longitude": longitude, "accuracy_radius": uint16(20)},
	}
}

// dbIPCity is a record of DB-IP's flat schema.
func dbIPCity(country string, latitude, longitude float32) map[string]any {
	return map[string]any{"city": "x", "country_code": country, "latitude": latitude, "longitude": longitude, "state1": "Guangdong"}
}

func asn(number uint32) map[string]any {
	return map[string]any{"autonomous_system_number": number, "autonomous_system_organization": "x"}
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func placed(country string, lat, lon int32, line gslb.Line) geodata.Place {
	return geodata.Place{
		Location: gslb.Location{LatMicro: lat, LonMicro: lon}, HasLocation: true, Country: country, Line: line,
	}
}

func inRegion(region string, p geodata.Place) geodata.Place {
	p.Region = region
	return p
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name  string
		files func(t *testing.T) []string
		want  map[string]geodata.Place
	}{
		{
			"GeoIP2 City and ASN, one file for both families", func(t *testing.T) []string {
				return []string{
					writeDatabase(t, "city.mmdb", "GeoIP2-City", 6, entry{"20.0.0.0/8", geoIP2City("DE", 50.11, 8.68)},
						entry{"2a00::/16", geoIP2City("CN", -0.01, -0.01)}),
					writeDatabase(t, "asn.mmdb", "GeoLite2-ASN", 6, entry{"20.1.0.0/16", asn(4134)}, entry{"2a00:1::/32", asn(4538)}),
				}
			},
			map[string]geodata.Place{
				"20.0.0.1":  inRegion("DE-X1", placed("DE", 50_150_000, 8_650_000, "")),
				"20.1.0.1":  inRegion("DE-X1", placed("DE", 50_150_000, 8_650_000, "telecom")),
				"2a00::1":   inRegion("CN-X1", placed("CN", -50_000, -50_000, "")),
				"2a00:1::1": inRegion("CN-X1", placed("CN", -50_000, -50_000, "edu")),
				"21.0.0.1":  {},
			},
		},
		{
			"DB-IP, a file for each family, and an AS list", func(t *testing.T) []string {
				return []string{
					writeDatabase(t, "v4.mmdb", "city ipv4", 4, entry{"20.0.0.0/8", dbIPCity("DE", 50.11, 8.68)}),
					writeDatabase(t, "v6.mmdb", "city ipv6", 6, entry{"2a00::/16", dbIPCity("CN", 39.9042, 116.407)}),
					writeFile(t, "asn.csv", "20.1.0.0,20.1.255.255,4837,\"CHINA UNICOM, and more\"\n"+
						"335675392,335740927,9808,x\n2a00:1::,2a00:1:ffff:ffff:ffff:ffff:ffff:ffff,7497,x\n"+
						"55827575981422791690488571718862372864,55827576060650954204752909312406323199,4134,x\n20.3.0.0,20.3.0.255,1,x\n"),
				}
			},
			map[string]geodata.Place{
				"20.0.0.1": placed("DE", 50_150_000, 8_650_000, ""), "20.1.0.1": placed("DE", 50_150_000, 8_650_000, "unicom"),
				"20.2.0.1": placed("DE", 50_150_000, 8_650_000, "mobile"), "20.3.0.1": placed("DE", 50_150_000, 8_650_000, ""),
				"2a00::1":   inRegion("CN-GD", placed("CN", 39_950_000, 116_450_000, "")),
				"2a00:1::1": inRegion("CN-GD", placed("CN", 39_950_000, 116_450_000, "cstnet")),
				"2a00:2::1": inRegion("CN-GD", placed("CN", 39_950_000, 116_450_000, "telecom")),
			},
		},
		{
			"the first file wins, field by field", func(t *testing.T) []string {
				return []string{
					writeDatabase(t, "b.mmdb", "country", 4, entry{"20.1.0.0/16", map[string]any{"country_code": "FR"}}),
					writeDatabase(t, "a.mmdb", "city", 4, entry{"20.0.0.0/8", dbIPCity("DE", 50.11, 8.68)}),
				}
			},
			map[string]geodata.Place{
				"20.0.0.1": placed("DE", 50_150_000, 8_650_000, ""), "20.1.0.1": placed("FR", 50_150_000, 8_650_000, ""),
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table, err := Load(tt.files(t)...)
			if err != nil {
				t.Fatal(err)
			}
			for addr, want := range tt.want {
				id, _ := table.Lookup(netip.MustParseAddr(addr))
				if got := table.Place(id); got != want {
					t.Errorf("%s is in %+v, want %+v", addr, got, want)
				}
			}
		})
	}
}

func TestOrigin(t *testing.T) {
	table, err := Load(
		writeDatabase(t, "city.mmdb", "DBIP-City", 4, entry{"20.0.0.0/8", dbIPCity("DE", 50.11, 8.68)}),
		writeFile(t, "asn.csv", "20.1.0.0,20.1.255.255,4837,x\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := geodata.Origin{Source: "city.mmdb (DBIP-City), asn.csv", Date: time.Unix(1_780_000_000, 0).UTC()}
	if got := table.Origin(); got != want {
		t.Errorf("Origin() = %v, want %v", got, want)
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name string
		path func(t *testing.T) string
		want string
	}{
		{"no file", func(t *testing.T) string { return filepath.Join(t.TempDir(), "city.mmdb") }, "city.mmdb\": no such file"},
		{"no list", func(t *testing.T) string { return filepath.Join(t.TempDir(), "asn.csv") }, "asn.csv\": no such file"},
		{"not a database", func(t *testing.T) string { return writeFile(t, "city.mmdb", "hello") }, "city.mmdb\": "},
		{"nothing to use", func(t *testing.T) string {
			return writeDatabase(t, "x.mmdb", "Connection-Type", 4, entry{"20.0.0.0/8", map[string]any{"connection_type": "dsl"}})
		}, `x.mmdb": database of type "Connection-Type": it has no country`},
		{"a country that is none", func(t *testing.T) string {
			return writeDatabase(t, "x.mmdb", "city", 4, entry{"20.0.0.0/8", dbIPCity("Germany", 1, 1)})
		}, `x.mmdb": record of 20.0.0.0/8: not a place: country "Germany"`},
		{"coordinates off the earth", func(t *testing.T) string {
			return writeDatabase(t, "x.mmdb", "city", 4, entry{"20.0.0.0/8", dbIPCity("DE", 91, 1)})
		}, "is not on the earth"},
		{"a field of another type", func(t *testing.T) string {
			return writeDatabase(t, "x.mmdb", "city", 4, entry{"20.0.0.0/8", map[string]any{"country_code": uint16(1)}})
		}, `x.mmdb": record of 20.0.0.0/8: `},
		{"an empty list", func(t *testing.T) string { return writeFile(t, "asn.csv", "") }, `asn.csv": it has no`},
		{"few columns", func(t *testing.T) string { return writeFile(t, "asn.csv", "1.0.0.0,1.0.0.255,1\n1.0.1.0,1\n") }, "line 2: 2 columns"},
		{"no address", func(t *testing.T) string { return writeFile(t, "asn.csv", "start,end,asn\n") }, `line 1: address "start"`},
		{"address out of range", func(t *testing.T) string {
			return writeFile(t, "asn.csv", "1,340282366920938463463374607431768211456,1\n")
		}, `line 1: address "340282366920938463463374607431768211456"`},
		{"no AS number", func(t *testing.T) string { return writeFile(t, "asn.csv", "1.0.0.0,1.0.0.255,AS1\n") }, `AS number "AS1"`},
		{"a quote that stays open", func(t *testing.T) string { return writeFile(t, "asn.csv", "1.0.0.0,1.0.0.255,1,\"x\n") }, `asn.csv": `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Load(tt.path(t)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load = %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := Load(writeFile(t, "asn.csv", "")); !errors.Is(err, ErrNoRecords) {
		t.Errorf("Load of an empty list = %v, want ErrNoRecords", err)
	}
}

// Whatever a damaged database makes of itself, Load returns.
func FuzzLoad(f *testing.F) {
	good, err := os.ReadFile(writeDatabase(f, "city.mmdb", "city", 4, entry{"20.0.0.0/8", dbIPCity("DE", 50.11, 8.68)}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	f.Fuzz(func(t *testing.T, file []byte) {
		path := filepath.Join(t.TempDir(), "city.mmdb")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = Load(path)
	})
}
