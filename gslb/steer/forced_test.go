package steer

import (
	"slices"
	"testing"

	"tidegate.dev/tidegate/gslb/plan"
)

// TestForcedUp: an operator's word stands above the probes; explain tells both.
func TestForcedUp(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoint{"fra", 120, isDown}, endpoint{"iad", 240, isDown})
	m.Services[0].Endpoints[0].ForcedUp = true
	trace := Explain(compile(t, m, addressOf(0), addressOf(1)), name, from(german))
	row := trace.Candidates[slices.IndexFunc(trace.Candidates, func(r TraceRow) bool { return r.Site == "fra" })]
	if trace.Site != "fra" || trace.Reason != "nearest" || row.Up || !row.ForcedUp || !slices.Contains(trace.Steps, "fra is eligible") {
		t.Errorf("%s because %s, %+v, %q", trace.Site, trace.Reason, row, trace.Steps)
	}
	trace = Explain(compile(t, m, addressOf(0), addressOf(1)), name, from(us))
	if trace.Site != "fra" || trace.Reason != "overflow" || !slices.Contains(trace.Steps, "iad is out: its probes fail") {
		t.Errorf("from the US %s because %s, %q", trace.Site, trace.Reason, trace.Steps)
	}
}
