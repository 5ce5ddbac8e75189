package main

import (
	"testing"

	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
)

// Every kind asks what its name says: of 1,000 sites, by a split or by tiers, with slots of time or without.
func TestDecideKinds(t *testing.T) {
	table, err := embedded.Open()
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := decideKinds(plan.NewGeo(table))
	if err != nil {
		t.Fatal(err)
	}
	wanted := []struct {
		name              string
		split, heavy, ecs bool
		bits              int // of the client's address
	}{
		{"client subnets without a split", false, false, true, 32}, {"client subnets of IPv6 without a split", false, false, true, 128},
		{"client subnets", true, false, true, 32}, {"client subnets of IPv6", true, false, true, 128},
		{"resolvers", true, false, false, 32}, {"heavy resolvers", true, true, false, 32},
	}
	if len(kinds) != len(wanted) {
		t.Fatalf("%d kinds, want %d", len(kinds), len(wanted))
	}
	for i, want := range wanted {
		kind := kinds[i]
		if kind.name != want.name || len(kind.queries) != manyClients || len(kind.snapshot.Service(0).Endpoints) != decideSites {
			t.Fatalf("%q asks %d questions of %d sites, want those of %q", kind.name, len(kind.queries), len(kind.snapshot.Service(0).Endpoints), want.name)
		}
		for _, q := range kind.queries {
			addr := q.Client.Prefix.Addr()
			split, heavy := steer.Decide(kind.snapshot, q).Reason == steer.Split, kind.snapshot.Plan.Heavy(addr)
			if split != want.split || heavy != want.heavy || q.Client.FromECS != want.ecs || addr.BitLen() != want.bits {
				t.Fatalf("%s, %v: split %v, heavy %v", kind.name, q.Client, split, heavy)
			}
		}
	}
}
