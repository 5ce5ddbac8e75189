package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

var (
	frankfurt = gslb.Location{LatMicro: 50_110_000, LonMicro: 8_680_000}
	virginia  = gslb.Location{LatMicro: 39_040_000, LonMicro: -77_490_000}
	june      = time.Date(2026, 6, 5, 0, 0, 0, 0, time.UTC)
)

// nearMap has one service at two sites, whose clients go to the nearest.
func nearMap() *plan.Map {
	m := mapOf(1, 2)
	m.Sites[0].Location, m.Sites[1].Location = frankfurt, virginia
	m.Services[0].Steering.Method = plan.Proximity
	return m
}

// geoClients are the networks that the tables here place.
var geoClients = []string{"20.0.0.0/16", "20.1.0.0/16", "20.2.0.0/16", "20.3.0.0/16", "30.0.0.0/8", "2a00::/32", "2a01::/32"}

// geoOf is a table of a date. Every client of a name in west is in Virginia, the others in Frankfurt.
func geoOf(t *testing.T, date time.Time, west ...string) *plan.Geo {
	t.Helper()
	var b geodata.Builder
	layer := b.Source("test")
	for i, client := range geoClients {
		place := geodata.Place{Location: frankfurt, HasLocation: true, Country: "DE"}
		for _, name := range west {
			if name == client {
				place = geodata.Place{Location: virginia, HasLocation: true, Country: "US"}
			}
		}
		place.Location.LatMicro += int32(i) // each is a row of its own
		if err := layer.Add(netip.MustParsePrefix(client), place); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "test", Date: date})
	if err != nil {
		t.Fatal(err)
	}
	return plan.NewGeo(table)
}

func siteFor(snapshot *world.Snapshot, client string) gslb.SiteID {
	q := steer.Query{Family: plan.IPv4, Client: gslb.Client(netip.MustParsePrefix(client), true)}
	d := steer.Decide(snapshot, q)
	return snapshot.Plan.Services[0].Endpoints[d.Endpoint].Site
}

func TestProposeGeo(t *testing.T) {
	all := geoClients
	tests := []struct {
		name   string
		offer  GeoProposal
		want   error
		result string
		site   gslb.SiteID // of the first client, afterwards
	}{
		{"newer, little changed", GeoProposal{Geo: geoOf(t, june.AddDate(0, 1, 0))}, nil, "taken", "s00"},
		{"the same", GeoProposal{Geo: geoOf(t, june)}, nil, "unchanged", "s00"},
		{"older", GeoProposal{Geo: geoOf(t, june.AddDate(0, -1, 0))}, geodata.ErrOlder, "older", "s00"},
		{"other countries", GeoProposal{Geo: geoOf(t, june, all...)}, geodata.ErrCountries, "countries", "s00"},
		{"other countries, and meant", GeoProposal{Geo: geoOf(t, june, all...), Meant: true}, nil, "taken", "s01"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startWith(t, "", Config{Geo: geoOf(t, june), GeoFrom: GeoFiles})
			defer r.stop()
			if err := r.offer(7, nearMap()); err != nil {
				t.Fatal(err)
			}
			before := r.Store().Load()
			tt.offer.From = GeoFiles
			if err := r.ProposeGeo(t.Context(), tt.offer); !errors.Is(err, tt.want) {
				t.Fatalf("ProposeGeo = %v, want %v", err, tt.want)
			}
			status, after := r.Status(), r.Store().Load()
			if got := siteFor(after, geoClients[0]); got != tt.site || after.Generation != 7 {
				t.Errorf("the client goes to %s in generation %d, want %s in 7", got, after.Generation, tt.site)
			}
			if taken := tt.result == "taken"; (after == before) == taken || (status.GeoDigest == tt.offer.Geo.Table.Digest()) != (tt.want == nil) {
				t.Errorf("the snapshot and the digest %s do not fit %s", status.GeoDigest, tt.result)
			}
			if after.Plan.Geo.Table.Digest() != status.GeoDigest {
				t.Errorf("the map is served with %s, the status says %s", after.Plan.Geo.Table.Digest(), status.GeoDigest)
			}
			if len(status.GeoReloads) != 1 || status.GeoReloads[tt.result] != 1 || (status.GeoTrouble == "") != (tt.want == nil) {
				t.Errorf("counted %v, trouble %q", status.GeoReloads, status.GeoTrouble)
			}
			if tt.want != nil && !strings.Contains(status.GeoTrouble, "If it is meant, restart the name server") {
				t.Errorf("the status does not say what to do: %q", status.GeoTrouble)
			}
		})
	}
}

// What an operator or a hub has takes the place of the embedded table, whatever changes.
func TestProposeGeoAfterTheEmbeddedTable(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoOf(t, june)})
	defer r.stop()
	if err := r.offer(1, nearMap()); err != nil {
		t.Fatal(err)
	}
	other := GeoProposal{Geo: geoOf(t, june.AddDate(-1, 0, 0), geoClients...), From: GeoHub}
	if err := r.ProposeGeo(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if s := r.Status(); s.GeoFrom != GeoHub || s.GeoSource != "test" || !s.GeoDate.Equal(june.AddDate(-1, 0, 0)) || s.Generation != 1 {
		t.Errorf("status %+v", s)
	}
	back := GeoProposal{Geo: geoOf(t, june.AddDate(-2, 0, 0)), From: GeoHub}
	if err := r.ProposeGeo(t.Context(), back); !errors.Is(err, geodata.ErrOlder) || !strings.Contains(err.Error(), "restart the hub with -geodata-force") {
		t.Errorf("the next one is not held against the guards: %v", err)
	}
}

// The hub's table may be the embedded one of the same release: then the next of the hub is an update like any other.
func TestProposeGeoConfirmsTheEmbeddedTable(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoOf(t, june), GeoTrouble: "the kept one is damaged"})
	defer r.stop()
	if err := r.ProposeGeo(t.Context(), GeoProposal{Geo: geoOf(t, june), From: GeoHub}); err != nil {
		t.Fatal(err)
	}
	if s := r.Status(); s.GeoFrom != GeoHub || s.GeoTrouble != "" {
		t.Errorf("status %+v", s)
	}
	if err := r.ProposeGeo(t.Context(), GeoProposal{Geo: geoOf(t, june.AddDate(0, -1, 0)), From: GeoHub}); !errors.Is(err, geodata.ErrOlder) {
		t.Errorf("an older one: %v", err)
	}
}

// A table that comes before the first map is what that is compiled with.
func TestProposeGeoWithoutAMap(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoOf(t, june)})
	defer r.stop()
	if err := r.ProposeGeo(t.Context(), GeoProposal{Geo: geoOf(t, june, geoClients...), From: GeoFiles}); err != nil {
		t.Fatal(err)
	}
	if err := r.offer(1, nearMap()); err != nil {
		t.Fatal(err)
	}
	if got := siteFor(r.Store().Load(), geoClients[0]); got != "s01" {
		t.Errorf("the client goes to %s, want s01", got)
	}
}

// What the probes know outlives the swap of a table.
func TestHealthOutlivesAGeoSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startWith(t, "", Config{Geo: geoOf(t, june), GeoFrom: GeoFiles})
		defer r.stop()
		if err := r.offer(1, nearMap()); err != nil {
			t.Fatal(err)
		}
		r.finding(0, true)
		if err := r.ProposeGeo(t.Context(), GeoProposal{Geo: geoOf(t, june.AddDate(0, 1, 0)), From: GeoFiles}); err != nil {
			t.Fatal(err)
		}
		r.expectUp("DU")
		r.finding(0, false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.expectUp("UU")
	})
}

// The table in use is kept on disk, each kind in a file of its own; what the hub sent is kept as it came.
func TestGeoIsKept(t *testing.T) {
	for _, c := range []struct {
		from   GeoFrom
		source keep.TableSource
		file   string
	}{{GeoFiles, keep.OwnTable, ""}, {GeoHub, keep.HubTable, "as it came"}} {
		t.Run(string(c.from), func(t *testing.T) {
			folder := t.TempDir()
			r := startWith(t, folder, Config{Geo: geoOf(t, june), GeoFrom: c.from})
			defer r.stop()
			next := GeoProposal{Geo: geoOf(t, june.AddDate(0, 1, 0)), From: c.from, File: []byte(c.file)}
			if c.file == "" {
				next.File = nil
			}
			if err := r.ProposeGeo(t.Context(), next); err != nil {
				t.Fatal(err)
			}
			older := GeoProposal{Geo: geoOf(t, june), From: c.from, File: []byte("refused")}
			if err := r.ProposeGeo(t.Context(), older); err == nil {
				t.Fatal("an older table was taken")
			}
			kept, err := r.config.Folder.LoadTable(c.source)
			if err != nil {
				t.Fatal(err)
			}
			if c.file != "" {
				if string(kept) != c.file {
					t.Errorf("kept %q", kept)
				}
				return
			}
			if table, err := geodata.Decode(kept); err != nil || table.Digest() != next.Geo.Table.Digest() {
				t.Errorf("kept %v, %v", table, err)
			}
		})
	}
}

func TestGeoThatANodeStartsWithIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   bool
	}{
		"from files":             {Config{GeoFrom: GeoFiles}, true},
		"from files, from disk":  {Config{GeoFrom: GeoFiles, GeoKept: true}, false},
		"from the hub, and disk": {Config{GeoFrom: GeoHub, GeoKept: true}, false},
		"embedded":               {Config{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Geo = geoOf(t, june)
			r := startWith(t, t.TempDir(), c.config)
			defer r.stop()
			r.KeepGeo()
			kept, err := r.config.Folder.LoadTable(keep.OwnTable)
			if (kept != nil) != c.want || err != nil {
				t.Errorf("kept %d bytes, %v", len(kept), err)
			}
		})
	}
}

func TestGeoResultsAreComplete(t *testing.T) {
	known := map[string]bool{}
	for _, name := range GeoResults() {
		known[name] = true
	}
	for _, err := range []error{geodata.ErrOlder, geodata.ErrRows, geodata.ErrCountries, ErrRehearsal, geodata.ErrTable, errors.New("x")} {
		if name := geoResultOf(fmt.Errorf("wrapped: %w", err)); !known[name] {
			t.Errorf("%v is counted as %q, which is not listed", err, name)
		}
	}
}

// What a world file declares is held against the table in use.
func TestWarningsFollowTheTable(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoWithLine(t, "unicom")})
	defer r.stop()
	m := mapOf(1, 2)
	m.Services[0].Endpoints[0].Addresses[0].Line = "unicom"
	if err := r.ProposeWorld(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		line     gslb.Line
		warnings int
	}{{"telecom", 1}, {"unicom", 0}} {
		if err := r.ProposeGeo(t.Context(), GeoProposal{Geo: geoWithLine(t, step.line), From: GeoFiles, Meant: true}); err != nil {
			t.Fatal(err)
		}
		if got := r.Status().Warnings; len(got) != step.warnings {
			t.Errorf("a table with line %s: warnings %q, want %d", step.line, got, step.warnings)
		}
	}
}

// Times that were measured to a site of another name are told in the log once, and in the status as long as it lasts:
// whether the table changes or the map.
func TestUnknownMeasuredSites(t *testing.T) {
	measured := func(date time.Time, site gslb.SiteID) *plan.Geo {
		var b geodata.Builder
		if err := b.RTT("rtt.yaml").Add(netip.MustParsePrefix(geoClients[0]), []geodata.SiteRTT{{Site: site, Milliseconds: 9}}); err != nil {
			t.Fatal(err)
		}
		table, err := b.Build(geodata.Origin{Source: "test", Date: date})
		if err != nil {
			t.Fatal(err)
		}
		return plan.NewGeo(table)
	}
	r := startWith(t, "", Config{Geo: measured(june, "s00"), GeoFrom: GeoFiles})
	defer r.stop()
	var log strings.Builder
	r.config.Log = slog.New(slog.NewTextHandler(&log, nil))
	offer := func(generation uint64, sites int) error {
		m := nearMap()
		if sites == 3 {
			m.Sites = append(m.Sites, plan.Site{ID: "s99"})
		}
		return r.offer(generation, m)
	}
	swap := func(month int, site gslb.SiteID) error {
		return r.ProposeGeo(t.Context(), GeoProposal{Geo: measured(june.AddDate(0, month, 0), site), From: GeoFiles, Meant: true})
	}
	for _, step := range []struct {
		name   string
		do     func() error
		sites  int
		logged int
	}{
		{"all known", func() error { return offer(1, 2) }, 0, 0},
		{"another table", func() error { return swap(1, "s99") }, 1, 1},
		{"another map", func() error { return offer(2, 2) }, 1, 1},
		{"a map with the site", func() error { return offer(3, 3) }, 0, 1},
		{"without it again", func() error { return offer(4, 2) }, 1, 2},
		{"a mended table", func() error { return swap(2, "s01") }, 0, 2},
	} {
		if err := step.do(); err != nil {
			t.Fatal(step.name, err)
		}
		s := r.Status()
		if s.GeoUnknownSites != step.sites || len(s.Warnings) != step.sites {
			t.Errorf("%s: %d sites, warnings %q", step.name, s.GeoUnknownSites, s.Warnings)
		}
		if step.sites > 0 && !strings.Contains(s.Warnings[0], "[s99]: their times are ignored; correct the names under rtt") {
			t.Errorf("%s: %q", step.name, s.Warnings)
		}
		if n := strings.Count(log.String(), "that the map does not have: [s99]"); n != step.logged {
			t.Errorf("%s: logged %d times, want %d", step.name, n, step.logged)
		}
	}
}
