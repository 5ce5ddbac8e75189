package steer

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestExplainGolden(t *testing.T) {
	sites := []endpoint{{"fra", 120, ""}, {"iad", 240, ""}, {"pek", 360, ""}}
	for _, c := range []struct {
		name      string
		steering  plan.Steering
		endpoints []endpoint
		client    netip.Addr
	}{
		{"nearest", plan.Steering{Method: plan.Proximity}, sites, german},
		{"overflow", plan.Steering{Method: plan.Proximity}, []endpoint{{"fra", 120, isDown}, {"iad", 240, isDrained}, {"pek", 360, ""}}, german},
		{"unknown place", plan.Steering{Method: plan.Proximity}, sites, nowhere},
		{"weighted", plan.Steering{Method: plan.Weighted}, sites, us},
		{"failover", plan.Steering{Method: plan.Failover}, []endpoint{{"pek", 360, isDown}, {"fra", 120, ""}}, german},
		{"all unhealthy", plan.Steering{Method: plan.Proximity}, []endpoint{{"fra", 0, isDown}, {"iad", 240, isDrained}}, german},
		{"unavailable", plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerServfail}, []endpoint{{"fra", 1, isDown}}, german},
	} {
		t.Run(c.name, func(t *testing.T) {
			snapshot := snapshotOf(t, c.steering, c.endpoints...)
			trace := Explain(snapshot, "talk.edge.example.", from(c.client))
			got, err := json.MarshalIndent(trace, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", "explain", strings.ReplaceAll(c.name, " ", "-")+".json"), got)
		})
	}
}

// TestExplainAsleep: a workload at zero is up and has no capacity. Each level is named once.
func TestExplainAsleep(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoint{"fra", 0, ""}, endpoint{"iad", 0, isDrained})
	m.Services[0].Asleep = true
	got, err := json.MarshalIndent(Explain(compile(t, m), name, from(german)), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, filepath.Join("testdata", "explain", "asleep.json"), got)
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	got = append(got, '\n')
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("differs from %s (-update writes it anew):\n%s", path, got)
	}
}

// Explain decides what Decide decides.
func TestExplainAgreesWithDecide(t *testing.T) {
	snapshot := snapshotOf(t, plan.Steering{Method: plan.Proximity}, endpoint{"ams", 3, ""}, endpoint{"fra", 1, isDown}, endpoint{"iad", 2, ""}, endpoint{"pek", 4, isDrained})
	for _, client := range append(units(2000), german, unicom, us, nowhere) {
		q := from(client)
		d, trace := Decide(snapshot, q), Explain(snapshot, name, q)
		if !reflect.DeepEqual(d.Addresses, trace.Addresses) || trace.Scope.Bits() != d.ScopeBits || trace.Reason != d.Reason.String() {
			t.Fatalf("%s: Decide %+v, Explain %+v", client, d, trace)
		}
	}
}

// Places of one class differ in distance: the trace has the client's own.
func TestExplainMeasuresFromTheClient(t *testing.T) {
	snapshot := snapshotOf(t, plan.Steering{Method: plan.Proximity}, endpoint{"fra", 1, ""})
	for _, client := range []netip.Addr{german, us, telecom} {
		trace := Explain(snapshot, name, from(client))
		want := trace.Place.Location.Direction().DistanceKm(sitePlaces["fra"].Direction())
		if got := trace.Candidates[0].Km; got != want {
			t.Errorf("%s: %d km to fra, want %d", client, got, want)
		}
	}
}

func TestExplainKeepsTheQuestion(t *testing.T) {
	snapshot := snapshotOf(t, plan.Steering{Method: plan.Proximity}, endpoint{"fra", 1, ""})
	q := from(german)
	q.Client = gslb.ClientSubnet{Prefix: netip.MustParsePrefix("20.0.0.0/9"), FromECS: true}
	trace := Explain(snapshot, "talk.edge.example.", q)
	if trace.Name != "talk.edge.example." || trace.Service != name || !trace.FromECS || trace.Client != q.Client.Prefix || trace.Generation != 3 {
		t.Errorf("got %+v", trace)
	}
}
