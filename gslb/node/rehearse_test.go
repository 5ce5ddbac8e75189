package node

import (
	"errors"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb/plan"
)

func TestRehearsal(t *testing.T) {
	table, err := new(geodata.Builder).Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	compiled := plan.Compile(mapOf(2, 2), "", plan.NewGeo(table), nil)
	if err := rehearse(compiled); err != nil {
		t.Fatalf("a good map: %v", err)
	}
	for i := range compiled.Services[0].Endpoints {
		compiled.Services[0].Endpoints[i].Addresses = nil
	}
	if err := rehearse(compiled); !errors.Is(err, ErrRehearsal) {
		t.Errorf("a map whose compiled endpoints lost their addresses: %v, want %v", err, ErrRehearsal)
	}
}

// Clients that no site may serve get no answer, by their service's own wish: that is no reason to refuse the map.
func TestRehearsalOfAResidency(t *testing.T) {
	var b geodata.Builder
	for _, client := range rehearsalClients {
		if err := b.Override("operator").Add(client, geodata.Place{Country: "CN"}); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	m := mapOf(2, 2)
	m.Services[0].Steering.Residency = []plan.Residency{{Clients: []plan.Region{"CN"}, Regions: []string{"cn"}}}
	if err := rehearse(plan.Compile(m, "", plan.NewGeo(table), nil)); err != nil {
		t.Error(err)
	}
}
