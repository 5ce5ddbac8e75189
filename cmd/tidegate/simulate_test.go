package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/controlplane/hub/recording"
	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
)

// recordedWorld is fra with about 100 requests/s of 120 and iad with 25 of as many, as a file.
func recordedWorld(t *testing.T) string {
	t.Helper()
	table, err := embedded.Open()
	if err != nil {
		t.Fatal(err)
	}
	service := plan.Service{Name: "chat.edge.example.", TTL: 30 * time.Second,
		Steering: plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerAll, Watermarks: plan.Watermarks{LowPercent: 70, HighPercent: 90}}}
	m := &plan.Map{Schema: plan.Schema, Zones: []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}},
		Sites: []plan.Site{{ID: "fra", Location: gslb.Location{LatMicro: 50_110_000, LonMicro: 8_680_000}}, {ID: "iad", Location: gslb.Location{LatMicro: 38_950_000, LonMicro: -77_450_000}}}}
	for i, site := range m.Sites {
		service.Endpoints = append(service.Endpoints, plan.Endpoint{Site: site.ID, Capacity: 120_000,
			Addresses: []plan.Address{{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), Line: gslb.DefaultLine}}})
	}
	m.Services = []plan.Service{service}
	m.Canonical()
	compiled := plan.Compile(m, "", plan.NewGeo(table), nil)
	now := time.Unix(1_790_000_000, 0).UTC()
	in := loop.Input{Now: now, Classes: loop.ClassesOf(&compiled.Services[0])}
	for i, rate := range []gslb.MilliRPS{100_000, 25_000} {
		in.Sites = append(in.Sites, loop.Site{ID: m.Sites[i].ID, Capacity: 120_000, Up: true, Sample: &load.Sample{At: now, Rate: &rate, Replicas: 10}})
	}
	for i, c := range in.Classes {
		if len(c.Candidates) == 0 {
			continue
		}
		in.Answers = append(in.Answers, loop.Answer{Class: i, Site: c.Candidates[0].Site, Seconds: 1000})
	}
	_, out := loop.Step(policyOf(&m.Services[0]), loop.State{}, in)
	data, err := json.Marshal(recording.Recording{At: now, GeoDigest: table.Digest(), Map: m,
		Turns: []recording.Turn{{Service: "chat.edge.example.", Input: in, Demand: out.Demand}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "world.json")
	if keep := os.Getenv("TG_RECORDED"); keep != "" {
		path = keep
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSimulate(t *testing.T) {
	path := recordedWorld(t)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"shift chat.edge.example --from fra --to iad --percent 20", 0, "it may be done"},
		{"shift chat.edge.example --from iad --to fra --percent 5 -o json", 0, `"refused": [`},
		{"shift chat.edge.example --from fra --to iad --percent 100", 1, "! refused: iad would carry"},
		{"drain iad --service chat.edge.example", 1, "! refused: fra would carry 125 requests/s"},
		{"shift chat.edge.example --from fra --to ams --percent 20", 1, "ams does not run chat.edge.example."},
		{"shift none.example --from fra --to iad --percent 20", 1, "the recorded map has no service none.example."},
		{"shift chat.edge.example --from fra --to iad --percent 120", 2, "want 1 to 100"},
	} {
		command, out := root(), &bytes.Buffer{}
		command.SetArgs(append([]string{"simulate"}, append(strings.Fields(c.args), "--recorded", path)...))
		command.SetOut(out)
		command.SetErr(out)
		err := command.Execute()
		if exitCode(err) != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %v, exit %d\n%s", c.args, err, exitCode(err), out)
		}
	}
}

// A world that was planned with another geo table is refused with the way out.
func TestSimulateAnotherTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(path, []byte(`{"geoDigest":"other","map":{"schema":1}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	command, out := root(), &bytes.Buffer{}
	command.SetArgs([]string{"simulate", "shift", "a.example", "--from", "fra", "--to", "iad", "--percent", "1", "--recorded", path})
	command.SetOut(out)
	command.SetErr(out)
	if err := command.Execute(); exitCode(err) != 1 || !strings.Contains(out.String(), "name the hub's files with --file") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestScenarios(t *testing.T) {
	command, out := root(), &bytes.Buffer{}
	command.SetArgs([]string{"simulate", "scenario"})
	command.SetOut(out)
	command.SetErr(&bytes.Buffer{})
	if err := command.Execute(); err != nil || !strings.Contains(out.String(), "flash-crowd") {
		t.Errorf("%v: %s", err, out)
	}
	for _, bad := range [][]string{{"nothing"}, {"step", "--sites", "1"}, {"step", "--beside", "magic"}, {"step", "--hours", "0.1"}} {
		command := root()
		command.SetArgs(append([]string{"simulate", "scenario"}, bad...))
		command.SetErr(&bytes.Buffer{})
		if err := command.Execute(); exitCode(err) != 2 {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
