package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb/node"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// status is what people see of a daemon's status.
func status(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printStatus(&out, raw, noon); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestStatusOfTheGeoTable(t *testing.T) {
	june := time.Date(2026, 6, 5, 13, 42, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		status node.GeoStatus
		want   string
	}{
		"embedded": {node.GeoStatus{GeoDigest: "sha256:one", GeoSource: "DB-IP", GeoDate: june, GeoFrom: node.GeoEmbedded},
			"geo table   sha256:one: the one inside the binary\n            DB-IP, data of 2026-06-05 13:42 UTC, 170 days old\n"},
		"the hub's, kept": {node.GeoStatus{GeoDigest: "sha256:one", GeoSource: "city.mmdb", GeoFrom: node.GeoHub, GeoKept: true},
			"geo table   sha256:one: the hub's, as it was kept on disk\n            city.mmdb, data of unknown: no file says\n"},
		"of its own, with trouble": {node.GeoStatus{GeoDigest: "sha256:one", GeoSource: "city.mmdb", GeoDate: june, GeoFrom: node.GeoFiles,
			GeoWanted: "sha256:two", GeoTrouble: "older", GeoReloads: map[string]uint64{"taken": 2, "older": 1}},
			"geo table   sha256:one: from files of its own\n            city.mmdb, data of 2026-06-05 13:42 UTC, 170 days old\n" +
				"            the map was planned with another: sha256:two\n" +
				"            1 offered since the start: older\n            2 offered since the start: taken\n            ! older\n"},
		"two mistakes": {node.GeoStatus{GeoDigest: "sha256:one", GeoSource: "a", GeoDate: june, GeoTrouble: "line 1: no\nline 2: no"},
			"            ! line 1: no\n              line 2: no\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := status(t, node.Status{Daemon: "nameserver", GeoStatus: tt.status}); !strings.HasSuffix(got, tt.want) {
				t.Errorf("prints\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestHubStatusOfGeoTables(t *testing.T) {
	s := hub.Status{Daemon: "hub", Leading: true, Since: noon, GeoStatus: hub.GeoStatus{GeoDigest: "sha256:one", GeoSource: "city.mmdb",
		GeoDate: noon.AddDate(0, 0, -3), GeoTrouble: "not on the bus"},
		NameServers: []hub.ServerStatus{{Name: "ns1", GeoDigest: "sha256:one"}, {Name: "ns2", GeoDigest: "sha256:two", GeoTrouble: "older"}}}
	got := status(t, s)
	for _, want := range []string{"geo table sha256:one: city.mmdb, data of 2026-11-20 12:00 UTC, 3 days old\n", "! not on the bus\n",
		"ns1          0s ago  0           the hub's  0     \n", "ns2          0s ago  0           another    0     \n", "! ns2: geo table: older\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("prints\n%s\nwithout %q", got, want)
		}
	}
}

// A refusal of several lines stays one block.
func TestStatusOfRefusals(t *testing.T) {
	two := "line 1: no\nline 2: no"
	got := status(t, node.Status{Daemon: "nameserver", Generation: 1, LastRefused: two, BusTrouble: two})
	for _, want := range []string{"last        line 1: no\n            line 2: no\n", "bus         not followed: line 1: no\n            line 2: no\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("prints\n%s\nwithout %q", got, want)
		}
	}
	got = status(t, hub.Status{Daemon: "hub", Leading: true, Since: noon, Refused: two})
	if want := "! line 1: no\n  line 2: no\n"; !strings.Contains(got, want) {
		t.Errorf("prints\n%s\nwithout %q", got, want)
	}
}

// TestStatusOfOperators: what operators said of sites and what they move stands in the tables, with who and why.
func TestStatusOfOperators(t *testing.T) {
	s := hub.Status{Daemon: "hub", Leading: true, Since: noon,
		Sites: []hub.SiteReportStatus{{Name: "fra", Cordoned: true}, {Name: "iad", Drained: true, Drain: "draining until 2026-11-23T14:00:00Z"},
			{Name: "pek", Silent: true, Forced: "forced up by alice: probes are filtered", Measured: "down"}},
		Shifts: []hub.ShiftStatus{
			{Shift: "shop/a", Service: "chat.shop.edge.example.", From: "fra", To: "iad", Percent: 20, Of: 50, Phase: "Holding",
				Why: "iad is cordoned", Since: noon.Add(-time.Minute), Expires: noon.Add(time.Hour), Author: "alice", Reason: "a new rack"},
			{Shift: "shop/b", Service: "talk", From: "pek", To: "iad", Of: 100, Why: "there is no Site iad", Reason: "why not"},
		}}
	got := status(t, s)
	for _, want := range []string{"cordoned\n", "draining until 2026-11-23T14:00:00Z\n", "silent; forced up by alice: probes are filtered (measured down)\n",
		"shop/a  chat.shop.edge.example.  fra   iad  0/20/50 %  1m0s  2026-11-23T13:00:00Z  Holding: iad is cordoned\n", "shop/a  ! alice: a new rack\n",
		"shop/b  talk                     pek   iad  0/0/100 %  -     when deleted          Waiting: there is no Site iad\n", "shop/b  ! why not\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("prints\n%s\nwithout %q", got, want)
		}
	}
}

// What is used and may be a mistake, and who is cut by time.
func TestHubStatusOfWarnings(t *testing.T) {
	s := hub.Status{Daemon: "hub", Leading: true, Since: noon, HeavyResolvers: 7, Warnings: []string{"no site is called frankfurt"}}
	got := status(t, s)
	for _, want := range []string{"7 heavy resolvers: where their clients' class is split, they are cut by time\n", "! no site is called frankfurt\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("prints\n%s\nwithout %q", got, want)
		}
	}
	if got := status(t, hub.Status{Daemon: "hub", Leading: true, Since: noon}); strings.Contains(got, "heavy") {
		t.Errorf("prints\n%s", got)
	}
}
