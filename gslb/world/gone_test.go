package world

import (
	"slices"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// What a map takes away is told by name: steered names, and names of static records that nothing stands in for.
func TestGone(t *testing.T) {
	table, err := new(geodata.Builder).Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	geo := plan.NewGeo(table)
	compiled := func(names []gslb.Name, records ...string) *plan.Compiled {
		m := &plan.Map{Zones: []plan.Zone{{Name: "edge.example.", Records: records}}}
		for _, name := range names {
			m.Services = append(m.Services, plan.Service{Name: name, Aliases: []gslb.Name{"also-" + name}})
		}
		return plan.Compile(m, "x", geo, nil)
	}
	b := NewBuilder()
	b.SetPlan(1, compiled([]gslb.Name{"chat.edge.example.", "talk.edge.example."},
		"www.edge.example.\t300\tIN\tA\t192.0.2.1", "WWW.edge.example. 300 IN TXT \"x\"", "mail 300 IN A 192.0.2.2", "new.edge.example. 300 IN A 192.0.2.3"))
	next := compiled([]gslb.Name{"chat.edge.example.", "new.edge.example."}, "mail.edge.example. 300 IN A 192.0.2.9")
	want := []gslb.Name{"talk.edge.example.", "also-talk.edge.example.", "www.edge.example."}
	if got := b.Snapshot().Gone(next); !slices.Equal(got, want) {
		t.Errorf("gone %v, want %v", got, want)
	}
	if got := new(Snapshot).Gone(next); got != nil {
		t.Errorf("gone %v from nothing", got)
	}
}
