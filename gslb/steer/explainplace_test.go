package steer

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// measuredSnapshot has Germany with measured times in two networks, times in a network without a place, and a known
// resolver in Germany whose clients are in China.
func measuredSnapshot(t *testing.T, method plan.Method) *world.Snapshot {
	t.Helper()
	var b geodata.Builder
	if err := b.Source("city.mmdb").Add(netip.MustParsePrefix("20.0.0.0/8"), at(50, 8, "")); err != nil {
		t.Fatal(err)
	}
	if err := b.Resolvers("over.yaml").Add(netip.MustParsePrefix("20.9.9.9/32"), at(40, 116, "")); err != nil {
		t.Fatal(err)
	}
	layer := b.RTT("rtt.yaml")
	for prefix, times := range map[string][]geodata.SiteRTT{
		"20.1.1.0/24": {{Site: "pek", Milliseconds: 0}, {Site: "fra", Milliseconds: 90}},
		"20.1.2.0/24": {{Site: "pek", Milliseconds: 250}},
		"20.1.3.0/24": {{Site: "fra", Milliseconds: 250}},
		"10.1.1.0/24": {{Site: "fra", Milliseconds: 12}},
	} {
		if err := layer.Add(netip.MustParsePrefix(prefix), times); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "city.mmdb, over.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	m := mapOf(plan.Steering{Method: method}, endpoint{"fra", 120, ""}, endpoint{"pek", 360, ""})
	builder := world.NewBuilder()
	builder.SetPlan(3, plan.Compile(m, "sha256:test", plan.NewGeo(table), nil))
	return builder.Snapshot()
}

// The numbers are those that counted: no distance from nowhere, measured times with their source, zero among them.
func TestExplainMeasuredTimes(t *testing.T) {
	for _, c := range []struct {
		name, client string
		method       plan.Method
	}{
		{"measured", "20.1.1.0/24", plan.Proximity},
		{"measured-elsewhere", "20.1.2.0/24", plan.Proximity},
		{"measured-slow", "20.1.3.0/24", plan.Proximity},
		{"measured-without-place", "10.1.1.0/24", plan.Proximity},
		{"measured-and-weighted", "20.1.1.0/24", plan.Weighted},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := json.MarshalIndent(Explain(measuredSnapshot(t, c.method), name, fromECS(c.client)), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", "explain", c.name+".json"), got)
		})
	}
}

// A known resolver has its own answer; the one beside it has that of its network.
func TestExplainKnownResolver(t *testing.T) {
	snapshot := measuredSnapshot(t, plan.Proximity)
	for client, want := range map[string]struct {
		site  gslb.SiteID
		scope string
		known bool
	}{
		"20.9.9.9": {"pek", "20.9.9.9/32", true},
		"20.9.9.8": {"fra", "20.8.0.0/13", false},
	} {
		trace := Explain(snapshot, name, fromResolver(client, 0))
		if trace.Site != want.site || trace.Scope.String() != want.scope || trace.Place.KnownResolver != want.known {
			t.Errorf("%s: %s for all of %s, known %v; want %+v", client, trace.Site, trace.Scope, trace.Place.KnownResolver, want)
		}
	}
	if trace := Explain(snapshot, name, fromECS("20.9.9.9/32")); trace.Site != "fra" || trace.Place.KnownResolver {
		t.Errorf("a client with the address of a resolver: %s, known %v; want fra", trace.Site, trace.Place.KnownResolver)
	}
}
