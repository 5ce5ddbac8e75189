package mmdb

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

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

func isp(number uint32, name string) map[string]any {
	return map[string]any{"autonomous_system_number": number, "isp": name, "organization": "x"}
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

// load reads databases into one table with the defaults.
func load(paths ...string) (*geodata.Table, error) {
	reader, err := NewReader()
	if err != nil {
		return nil, err
	}
	if err := reader.Read(paths...); err != nil {
		return nil, err
	}
	return reader.Table()
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
				"20.0.0.1":  inRegion("DE-X1", placed("DE", 50_125_000, 8_675_000, "")),
				"20.1.0.1":  inRegion("DE-X1", placed("DE", 50_125_000, 8_675_000, "telecom")),
				"2a00::1":   inRegion("CN-X1", placed("CN", -25_000, -25_000, "")),
				"2a00:1::1": inRegion("CN-X1", placed("CN", -25_000, -25_000, "edu")),
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
				"20.0.0.1": placed("DE", 50_125_000, 8_675_000, ""), "20.1.0.1": placed("DE", 50_125_000, 8_675_000, "unicom"),
				"20.2.0.1": placed("DE", 50_125_000, 8_675_000, "mobile"), "20.3.0.1": placed("DE", 50_125_000, 8_675_000, ""),
				"2a00::1":   inRegion("CN-GD", placed("CN", 39_925_000, 116_425_000, "")),
				"2a00:1::1": inRegion("CN-GD", placed("CN", 39_925_000, 116_425_000, "cstnet")),
				"2a00:2::1": inRegion("CN-GD", placed("CN", 39_925_000, 116_425_000, "telecom")),
			},
		},
		{
			"AS lists, with the columns' names and without", func(t *testing.T) []string {
				return []string{
					writeFile(t, "v4.csv", "network,autonomous_system_number,autonomous_system_organization\n20.1.0.0/16,4134,x\n::ffff:20.2.0.0/112,4837,x\n"),
					writeFile(t, "v6.CSV", "\ufeff\"ip_range_start\",\"ip_range_end\",\"asn\"\n2a00:1::,2a00:1:ffff:ffff:ffff:ffff:ffff:ffff,4538\n2a00:2::/32,,9808\n"),
					writeFile(t, "more.csv", "start_ip,end_ip,join_key,ASN,name\n20.3.0.0,20.3.255.255,20.3.0.0,AS4134,Chinanet\n"),
					writeFile(t, "plain.csv", "20.4.0.0/16,as4837\n20.5.0.0,20.5.255.255,4134\n"),
				}
			},
			map[string]geodata.Place{
				"20.1.0.1": {Line: "telecom"}, "20.2.0.1": {Line: "unicom"}, "2a00:1::1": {Line: "edu"}, "2a00:2::1": {Line: "mobile"},
				"20.3.0.1": {Line: "telecom"}, "20.4.0.1": {Line: "unicom"}, "20.5.0.1": {Line: "telecom"},
			},
		},
		{
			"GeoIP2 ISP: the line of the AS, or else of the ISP", func(t *testing.T) []string {
				return []string{writeDatabase(t, "isp.mmdb", "GeoIP2-ISP", 4,
					entry{"20.1.0.0/16", isp(4134, "China Unicom")}, entry{"20.2.0.0/16", isp(64500, "China Unicom")},
					entry{"20.3.0.0/16", map[string]any{"isp": "China Mobile"}}, entry{"20.4.0.0/16", isp(64500, "Comcast Cable")})}
			},
			map[string]geodata.Place{
				"20.1.0.1": {Line: "telecom"}, "20.2.0.1": {Line: "unicom"}, "20.3.0.1": {Line: "mobile"}, "20.4.0.1": {},
			},
		},
		{
			"ISPs of which none has a line", func(t *testing.T) []string {
				return []string{writeDatabase(t, "isp.mmdb", "GeoIP2-ISP", 4, entry{"20.1.0.0/16", map[string]any{"isp": "Comcast Cable"}})}
			},
			map[string]geodata.Place{"20.1.0.1": {}},
		},
		{
			"the first file wins, field by field", func(t *testing.T) []string {
				return []string{
					writeDatabase(t, "b.mmdb", "country", 4, entry{"20.1.0.0/16", map[string]any{"country_code": "FR"}}),
					writeDatabase(t, "a.mmdb", "city", 4, entry{"20.0.0.0/8", dbIPCity("DE", 50.11, 8.68)}),
				}
			},
			map[string]geodata.Place{
				"20.0.0.1": placed("DE", 50_125_000, 8_675_000, ""), "20.1.0.1": placed("FR", 50_125_000, 8_675_000, ""),
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table, err := load(tt.files(t)...)
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
	table, err := load(
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
		{"no address", func(t *testing.T) string { return writeFile(t, "asn.csv", "start,end,asn\nfirst,1.0.0.255,1\n") }, `line 2: address "first"`},
		{"a first row with a damaged address", func(t *testing.T) string { return writeFile(t, "asn.csv", "l.0.0.0,1.0.0.255,1\n") }, `line 1: `},
		{"a header and nothing", func(t *testing.T) string { return writeFile(t, "asn.csv", "start,end,asn\n") }, `asn.csv": it has no`},
		{"no prefix", func(t *testing.T) string { return writeFile(t, "asn.csv", "network,asn\n1.0.0.0/33,1\n") }, `line 2: prefix "1.0.0.0/33"`},
		{"a prefix without an AS number", func(t *testing.T) string { return writeFile(t, "asn.csv", "1.0.0.0/24,x\n") }, `line 1: AS number "x"`},
		{"a prefix alone", func(t *testing.T) string { return writeFile(t, "asn.csv", "1.0.0.0/24\n") }, `line 1: 1 columns`},
		{"address out of range", func(t *testing.T) string {
			return writeFile(t, "asn.csv", "1,340282366920938463463374607431768211456,1\n")
		}, `line 1: address "340282366920938463463374607431768211456"`},
		{"no AS number", func(t *testing.T) string { return writeFile(t, "asn.csv", "1.0.0.0,1.0.0.255,AS\n") }, `AS number "AS"`},
		{"a name for a number", func(t *testing.T) string { return writeFile(t, "asn.csv", "1.0.0.0,1.0.0.255,ASIA1\n") }, `AS number "ASIA1"`},
		{"a list of something else", func(t *testing.T) string {
			return writeFile(t, "GeoLite2-City-Blocks-IPv4.csv", "network,geoname_id,registered_country_geoname_id\n1.0.0.0/24,4134,2077456\n")
		}, `line 1: no column of ["network" "geoname_id" "registered_country_geoname_id"] has AS numbers: want one named asn or autonomous_system_number`},
		{"no column for the number", func(t *testing.T) string { return writeFile(t, "asn.csv", "first,last,as_number\n1.0.0.0/24,1\n") }, `line 2: 2 columns, want the AS number in column 3`},
		{"a quote that stays open", func(t *testing.T) string { return writeFile(t, "asn.csv", "1.0.0.0,1.0.0.255,1,\"x\n") }, `asn.csv": `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := load(tt.path(t)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load = %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := load(writeFile(t, "asn.csv", "")); !errors.Is(err, ErrNoRecords) {
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
	reader, err := NewReader()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		db, err := maxminddb.OpenBytes(file)
		if err != nil {
			return
		}
		var b geodata.Builder
		_, _ = reader.readOpen(db, "city.mmdb", b.Stream("city.mmdb"))
	})
}

// A search tree whose nodes are shared has 2^32 networks in a few hundred bytes.
func TestTangledTree(t *testing.T) {
	for name, leaf := range map[string]int{"records": 16, "nothing": 0} {
		good, err := os.ReadFile(writeDatabase(t, "city.mmdb", "city", 4, entry{"20.0.0.0/32", dbIPCity("DE", 50.11, 8.68)}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = load(writeFile(t, "city.mmdb", string(tangled(good, 32, leaf))))
		if !errors.Is(err, ErrTangled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// tangled lets both sides of every node lead to the next one, and those of the last behind the nodes.
func tangled(file []byte, nodes, leaf int) []byte {
	for node := range nodes {
		to := node + 1
		if to == nodes {
			to += leaf
		}
		side := [3]byte{byte(to >> 16), byte(to >> 8), byte(to)}
		copy(file[6*node:], side[:])
		copy(file[6*node+3:], side[:])
	}
	return file
}

func FuzzReadASNList(f *testing.F) {
	f.Add("20.1.0.0,20.1.255.255,4837,\"x, y\"\n335675392,335740927,9808\n")
	f.Add("\ufeffnetwork,asn\n1.0.0.0/24,13335,x\n2a00::/32,1\n::ffff:1.0.0.0/120,1\n")
	f.Add("55827575981422791690488571718862372864,55827576060650954204752909312406323199,4134\n")
	reader, err := NewReader()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, list string) {
		var b geodata.Builder
		_ = reader.readRows(strings.NewReader(list), b.Source("list"))
	})
}
