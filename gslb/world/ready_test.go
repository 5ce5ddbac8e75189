package world

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// mixedService has more endpoints than a word has bits: of one family or both, some drained, forced up or without capacity.
func mixedService(rng *rand.Rand) plan.Service {
	s := lasting()
	for i := range 150 {
		e := plan.Endpoint{
			Site: gslb.SiteID(fmt.Sprintf("s%03d", i)), Capacity: gslb.MilliRPS(1000 * rng.IntN(4)),
			Drained: rng.IntN(8) == 0, ForcedUp: rng.IntN(8) == 0, Brief: rng.IntN(2) == 0, Calm: rng.IntN(2) == 0,
		}
		family := rng.IntN(3)
		if family != 1 {
			e.Addresses = append(e.Addresses, address(addressOf(i), ""))
		}
		if family != 0 {
			e.Addresses = append(e.Addresses, address(fmt.Sprintf("2001:db8::%d", i+1), ""))
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	return s
}

// What a service says of an endpoint is what the endpoint itself says, as addresses go down and come back.
func TestServiceKnowsWhoIsReady(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	s, b := mixedService(rng), NewBuilder()
	compiled := compileAt(t, s, nil)
	b.SetPlan(1, compiled)
	targets, down := Targets(compiled.Map), map[Target]bool{}
	ready := 0
	for range 40 {
		for range 20 {
			target := targets[rng.IntN(len(targets))].Target
			down[target] = !down[target]
			b.SetDown(target, down[target])
		}
		live := b.Snapshot().Service(0)
		ready += sameReady(t, live)
		for i, e := range live.Endpoints {
			if spec := s.Endpoints[i]; e.Brief != spec.Brief || e.Calm != spec.Calm || e.Drained != spec.Drained || e.Capacity != spec.Capacity {
				t.Fatalf("endpoint %d is %+v, of %+v", i, e, spec)
			}
		}
	}
	if all := 40 * len(s.Endpoints) * int(plan.Families); ready < all/10 || ready > all*9/10 {
		t.Errorf("%d of %d were ready: too few or too many to tell", ready, all)
	}
}

// sameReady counts who is ready.
func sameReady(t *testing.T, live *Service) (ready int) {
	t.Helper()
	for i := range live.Endpoints {
		for family := range plan.Families {
			want := live.Endpoints[i].Ready(family)
			if live.Ready(family, i) != want {
				t.Fatalf("endpoint %d is ready for family %d: %v, want %v", i, family, !want, want)
			}
			if want {
				ready++
			}
		}
	}
	return ready
}

func TestLastGoodKnowsWhoIsReady(t *testing.T) {
	p := newPast(t, "ams", "fra", "iad")
	p.play("+0 map 0, +1 down 0, +10 down 1, +10 down 2")
	then := p.builder.Snapshot().Service(0).LastGood(plan.IPv4, plan.NoResidency)
	if then == nil || sameReady(t, then) != 3 {
		t.Error("the last good moment does not know its three sites")
	}
}
