package tidegate

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"tidegate.dev/tidegate/geodata/files"
	"tidegate.dev/tidegate/geodata/geotest"
	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/node"
)

// nearWorld sends clients to the nearest of two sites.
const nearWorld = `
sites:
- {name: fra, location: {lat: 50.11, lon: 8.68}}
- {name: iad, location: {lat: 39.04, lon: -77.49}}
zones: [{name: edge.example., nameservers: [ns1.edge.example.]}]
services:
- name: chat.edge.example.
  endpoints: [{site: fra, capacity: 1, address: 192.0.2.30}, {site: iad, capacity: 1, address: 192.0.2.40}]
`

// german are 100 networks in Germany, but for those that moved to the US.
func german(moved ...int) geotest.Networks {
	networks := geotest.Networks{}
	for i := range 100 {
		networks[fmt.Sprintf("20.%d.0.0/16", 2*i)] = "DE" // apart from each other, so that the number of rows stays
	}
	for _, i := range moved {
		networks[fmt.Sprintf("20.%d.0.0/16", 2*i)] = "US"
	}
	return networks
}

func july() time.Time { return geotest.Date.AddDate(0, 1, 0) }

// answerTo is the address that a client gets.
func (s *server) answerTo(t *testing.T, client string) string {
	t.Helper()
	reply := ask(t, &Handler{store: s.node.Store()}, query{name: chat, qtype: dns.TypeA, ecs: client})
	return reply.Answer[0].(*dns.A).A.String()
}

// A name server starts with the best table that it can have.
func TestGeoAtTheStart(t *testing.T) {
	table := geotest.Table(t, geotest.Date, german())
	good := func(t *testing.T, path string) { geotest.Database(t, path, july(), german()) }
	broken := func(t *testing.T, path string) { put(t, path, "not the whole of a database") }
	keepTable := func(sources ...keep.TableSource) func(t *testing.T, f keep.Folder) {
		return func(t *testing.T, f keep.Folder) {
			for _, source := range sources {
				if err := f.SaveTable(source, geotest.Encoded(t, table)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	damaged := func(t *testing.T, f keep.Folder) {
		if err := f.SaveTable(keep.OwnTable, geotest.Encoded(t, table)[:100]); err != nil {
			t.Fatal(err)
		}
	}
	nothing := func(*testing.T, keep.Folder) {}
	tests := []struct {
		name    string
		file    func(t *testing.T, path string) // nil: no geodata line
		bus     bool
		kept    func(t *testing.T, f keep.Folder)
		from    node.GeoFrom
		isKept  bool
		trouble bool
	}{
		{"good files", good, false, keepTable(keep.OwnTable, keep.HubTable), node.GeoFiles, false, false},
		{"broken files, one kept", broken, false, keepTable(keep.OwnTable), node.GeoFiles, true, true},
		{"broken files on the bus, one kept", broken, true, keepTable(keep.OwnTable), node.GeoFiles, true, true},
		{"broken files, nothing kept", broken, false, nothing, node.GeoEmbedded, false, true},
		{"broken files, the kept one too", broken, false, damaged, node.GeoEmbedded, false, true},
		{"broken files, the hub's kept", broken, true, keepTable(keep.HubTable), node.GeoEmbedded, false, true},
		{"no files, the hub's kept", nil, true, keepTable(keep.HubTable), node.GeoHub, true, false},
		{"no files, no bus, the hub's kept", nil, false, keepTable(keep.HubTable), node.GeoEmbedded, false, false},
		{"no files, one of files kept", nil, true, keepTable(keep.OwnTable), node.GeoEmbedded, false, false},
		{"nothing", nil, true, nothing, node.GeoEmbedded, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			f, err := keep.Open(folder)
			if err != nil {
				t.Fatal(err)
			}
			tt.kept(t, f)
			var s settings
			if tt.bus {
				s.busURL = "tls://127.0.0.1:1"
			}
			if tt.file != nil {
				s.geoFiles = []string{filepath.Join(folder, "city.mmdb")}
				tt.file(t, s.geoFiles[0])
			}
			got, err := chooseGeo(s, &f, slog.New(slog.DiscardHandler))
			if err != nil || got.from != tt.from || got.kept != tt.isKept || (got.trouble != "") != tt.trouble {
				t.Errorf("got %+v, %v", got, err)
			}
			if tt.isKept && got.table.Digest() != table.Digest() {
				t.Errorf("another table: %s", got.table.Digest())
			}
		})
	}
}

// A truncated geo database costs nothing that is served: the embedded table takes its place, and the status says why.
func TestTruncatedGeoDatabase(t *testing.T) {
	folder := exampleFolder(t)
	city := filepath.Join(folder, "city.mmdb")
	if err := os.WriteFile(city, []byte("not the whole of a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := newServer(settings{world: filepath.Join(folder, "world.yaml"), geoFiles: []string{city}}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	status := s.node.Status()
	if !strings.Contains(status.GeoTrouble, city) || status.GeoDigest == "" {
		t.Errorf("geo table %q, trouble %q, want the embedded table and the file's name", status.GeoDigest, status.GeoTrouble)
	}
}

// Changed geo files are read, held against the guards and swapped in; the last good table is what a restart begins with.
func TestGeoFilesAreFollowed(t *testing.T) {
	folder := t.TempDir()
	s := settings{world: filepath.Join(folder, "world.yaml"), dataFolder: filepath.Join(folder, "data"), geoFiles: []string{filepath.Join(folder, "city.mmdb")}}
	put(t, s.world, nearWorld)
	city := s.geoFiles[0]
	geotest.Database(t, city, geotest.Date, german())
	const client, rested = "20.2.0.0/24", files.Quiet + 2*files.Poll
	synctest.Test(t, func(t *testing.T) {
		server, end, err := begin(t, s)
		if err != nil {
			t.Fatal(err)
		}
		expect := func(step, answer, result string, count uint64, trouble string) {
			t.Helper()
			time.Sleep(rested)
			synctest.Wait()
			status := server.node.Status()
			if got := server.answerTo(t, client); got != answer || status.GeoReloads[result] != count || status.Generation != 1 {
				t.Errorf("%s: answers %s, counted %v; want %s and %d %s", step, got, status.GeoReloads, answer, count, result)
			}
			if !strings.Contains(status.GeoTrouble, trouble) || trouble == "" && status.GeoTrouble != "" {
				t.Errorf("%s: the status says %q, want %q", step, status.GeoTrouble, trouble)
			}
		}
		expect("at first", "192.0.2.30", "taken", 0, "")
		geotest.Database(t, city, july(), german(1))
		time.Sleep(files.Quiet)
		synctest.Wait()
		if got := server.node.Status().GeoReloads; len(got) != 0 {
			t.Errorf("read before it rested: %v", got)
		}
		expect("one network moved", "192.0.2.40", "taken", 1, "")
		geotest.Database(t, city, geotest.Date, german())
		expect("older", "192.0.2.40", "older", 1, "If it is meant, restart the name server")
		geotest.Database(t, city, july(), german(1, 2, 3, 4, 5, 6, 7))
		expect("six networks moved", "192.0.2.40", "countries", 1, "6.0 % of 50000 addresses")
		put(t, city, "cut short")
		expect("no database", "192.0.2.40", "unreadable", 1, "the last good table serves; mend the file, it is read again: load \""+city)
		geotest.Database(t, city, july(), german(1))
		expect("as it was", "192.0.2.40", "unchanged", 1, "")
		end()
	})
	put(t, city, "cut short")
	synctest.Test(t, func(t *testing.T) {
		server, end, err := begin(t, s)
		if err != nil {
			t.Fatal(err)
		}
		status := server.node.Status()
		if got := server.answerTo(t, client); got != "192.0.2.40" || !status.GeoKept || !strings.Contains(status.GeoTrouble, city) {
			t.Errorf("started with broken files: answers %s, %+v", got, status.GeoStatus)
		}
		geotest.Database(t, city, july(), german(1))
		time.Sleep(rested)
		synctest.Wait()
		if status := server.node.Status(); status.GeoKept || status.GeoTrouble != "" {
			t.Errorf("mended: %+v", status.GeoStatus)
		}
		end()
	})
	// At the start the files count as they are: that is how a person insists.
	geotest.Database(t, city, geotest.Date.AddDate(-1, 0, 0), german(1, 2, 3, 4, 5, 6, 7, 8, 9))
	once(t, s)
	f, err := keep.Open(s.dataFolder)
	if err != nil {
		t.Fatal(err)
	}
	want, err := files.Open(city)
	if err != nil {
		t.Fatal(err)
	}
	if kept := keptTable(&f, keep.OwnTable, slog.Default()); kept == nil || kept.Digest() != want.Digest() {
		t.Error("the table of the last start is not kept")
	}
}

// The geo table's age can be computed, and its reloads counted, by metrics with good names, whatever its files are called.
func TestGeoMetrics(t *testing.T) {
	folder := t.TempDir()
	s := settings{world: filepath.Join(folder, "world.yaml"), geoFiles: []string{filepath.Join(folder, "city\xff.mmdb"), filepath.Join(folder, "rtt.yaml")}}
	put(t, s.world, nearWorld)
	put(t, s.geoFiles[1], "rtt:\n- {prefix: 20.0.0.0/16, sites: {fra: 9, frankfurt: 9}}\n")
	geotest.Database(t, s.geoFiles[0], geotest.Date, german())
	server, err := newServer(s, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.stop() }()
	registry := prometheus.NewPedanticRegistry()
	collector := &nodeCollector{}
	collector.node.Store(server.node)
	if err := registry.Register(collector); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.Metric {
			labels := ""
			for _, l := range m.Label {
				labels += " " + l.GetName() + "=" + l.GetValue()
			}
			values[family.GetName()+labels] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"coredns_tidegate_geo_data_timestamp_seconds":     float64(geotest.Date.Unix()),
		"coredns_tidegate_geo_unknown_sites":              1,
		"coredns_tidegate_geo_reloads_total result=taken": 0,
		"coredns_tidegate_geo_reloads_total result=older": 0,
		"coredns_tidegate_geo_table_info digest=" + server.node.Status().GeoDigest + " from=files source=city?.mmdb (Test-City), rtt.yaml": 1,
	} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v; there are %v", name, got, ok, want, values)
		}
	}
}
