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
