package node

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// A world file that declares a line against the geo data is served, and says so: in the status as long as it is, and in
// the log once.
func TestWarnings(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoWithLine(t, "telecom")})
	defer r.stop()
	var log strings.Builder
	r.config.Log = slog.New(slog.NewTextHandler(&log, nil))
	declare := func(line gslb.Line, services int) *plan.Map {
		m := mapOf(services, 2)
		m.Services[0].Endpoints[0].Addresses[0].Line = line
		return m
	}
	const warning = "chat.edge.example., site s00: 192.0.2.1 is declared to be on line unicom and the geo data has it on line telecom: line unicom is used"
	for _, step := range []struct {
		name   string
		m      *plan.Map
		status []string
		logged int // so far
	}{
		{"they agree", declare("telecom", 1), nil, 0},
		{"they do not", declare("unicom", 1), []string{warning}, 1},
		{"another change", declare("unicom", 2), []string{warning}, 1},
		{"mended", declare("telecom", 2), nil, 1},
		{"wrong again", declare("unicom", 2), []string{warning}, 2},
	} {
		if err := r.ProposeWorld(t.Context(), step.m); err != nil {
			t.Fatal(err)
		}
		if got := r.Status().Warnings; !slices.Equal(got, step.status) {
			t.Errorf("%s: warnings %q, want %q", step.name, got, step.status)
		}
		if got := strings.Count(log.String(), "is declared to be on line unicom"); got != step.logged {
			t.Errorf("%s: logged %d times, want %d", step.name, got, step.logged)
		}
	}
	if err := r.offer(9, declare("unicom", 3)); err != nil || r.Status().Warnings != nil {
		t.Errorf("a map of the hub: %v, warnings %q, want none", err, r.Status().Warnings)
	}
}

func geoWithLine(t *testing.T, line gslb.Line) *plan.Geo {
	t.Helper()
	var b geodata.Builder
	if err := b.Override("operator").Add(netip.MustParsePrefix("192.0.2.0/24"), geodata.Place{Line: line}); err != nil {
		t.Fatal(err)
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return plan.NewGeo(table)
}
