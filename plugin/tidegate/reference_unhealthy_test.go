package tidegate

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// moment is what was down from a time on.
type moment struct {
	at   time.Time
	down map[world.Target]bool
}

// unhealthy is the answer of a service of which no endpoint is healthy, where its policy has one of its own.
func (r *reference) unhealthy(s *plan.Service, f plan.Family, q query) (v verdict, ok bool) {
	switch s.Steering.OnAllUnhealthy {
	case plan.AnswerServfail:
		return verdict{servfail: true}, !s.Asleep
	case plan.AnswerFallback:
		v.fallback = fallbackOf(s, f)
		return v, v.fallback != nil
	case plan.AnswerLastGood:
		if !s.Asleep {
			return r.lastGood(s, f, q)
		}
	}
	return v, false
}

// withoutFamily is the answer for a family that no endpoint has.
func (r *reference) withoutFamily(s *plan.Service, f plan.Family) verdict {
	if list := fallbackOf(s, f); list != nil && !r.healthyAtAll(s) {
		r.failed["fallback without a site of the family"]++
		return verdict{fallback: list}
	}
	return verdict{nodata: true}
}

func fallbackOf(s *plan.Service, f plan.Family) (list []netip.Addr) {
	for _, addr := range s.Steering.Fallback {
		if addr.Is4() == (f == plan.IPv4) {
			list = append(list, addr)
		}
	}
	return list
}

func (r *reference) healthyAtAll(s *plan.Service) bool {
	for i := range s.Endpoints {
		if levels[0](r, s, &s.Endpoints[i], plan.Families) {
			return true
		}
	}
	return false
}

// lastGood decides as if those were up that were ready within a minute of the last moment when any was, and nobody else.
func (r *reference) lastGood(s *plan.Service, f plan.Family, q query) (v verdict, ok bool) {
	until, last := map[world.Target]time.Time{}, time.Time{}
	for _, e := range s.Endpoints {
		for _, a := range ofFamily(e.Addresses, f) {
			target := world.Target{Service: s.Name, Addr: a.Addr}
			for i := range len(r.moments) - 1 {
				if !e.Drained && e.Capacity > 0 && !r.moments[i].down[target] {
					until[target] = r.moments[i+1].at
				}
			}
			if until[target].After(last) {
				last = until[target]
			}
		}
	}
	if last.IsZero() {
		return v, false
	}
	then := map[world.Target]bool{}
	for _, e := range s.Endpoints {
		for _, a := range e.Addresses {
			target := world.Target{Service: s.Name, Addr: a.Addr}
			then[target] = until[target].IsZero() || last.Sub(until[target]) > time.Minute
		}
	}
	now := r.down
	r.down = then
	v = r.decide(s, f, q)
	r.down = now
	for site := range v.ttl {
		v.ttl[site] = min(v.ttl[site], 10)
	}
	return v, true
}

// randomPast makes up what was down before: some of what is down now, shortly before or long ago, and some that is up again.
// Most services that have an answer of their own for it are down altogether in the end.
func randomPast(rng *rand.Rand, m *plan.Map, down map[world.Target]bool) []moment {
	moments := []moment{{at: time.Unix(1_800_000_000, 0), down: map[world.Target]bool{}}}
	for range rng.IntN(3) {
		before := moments[len(moments)-1]
		next := moment{before.at.Add([]time.Duration{5 * time.Second, 3 * time.Hour}[rng.IntN(2)]), map[world.Target]bool{}}
		for _, s := range m.Services {
			sick := rng.IntN(5) * 25
			for _, e := range s.Endpoints {
				for _, a := range e.Addresses {
					if target := (world.Target{Service: s.Name, Addr: a.Addr}); rng.IntN(100) < sick {
						next.down[target] = true
					}
				}
			}
		}
		moments = append(moments, next)
	}
	for _, s := range m.Services {
		if p := s.Steering.OnAllUnhealthy; p != plan.AnswerLastGood && p != plan.AnswerFallback || rng.IntN(3) == 0 {
			continue
		}
		for _, e := range s.Endpoints {
			for _, a := range e.Addresses {
				down[world.Target{Service: s.Name, Addr: a.Addr}] = true
			}
		}
	}
	last := moments[len(moments)-1].at.Add([]time.Duration{5 * time.Second, 3 * time.Hour}[rng.IntN(2)])
	moments = append(moments, moment{last, down})
	return moments[rng.IntN(len(moments)):] // a name server that began later remembers less
}

// servedAfter is the snapshot of a name server that has seen all of these moments.
func servedAfter(t testing.TB, m *plan.Map, geo *plan.Geo, moments []moment) *world.Snapshot {
	t.Helper()
	m.Canonical()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	b := world.NewBuilder()
	b.SetPlan(7, plan.Compile(m, "sha256:none", geo, nil))
	var snapshot *world.Snapshot
	for _, now := range moments {
		b.SetTime(now.at)
		for _, s := range m.Services {
			for _, e := range s.Endpoints {
				for _, a := range e.Addresses {
					target := world.Target{Service: s.Name, Addr: a.Addr}
					b.SetDown(target, now.down[target])
				}
			}
		}
		snapshot = b.Snapshot()
	}
	return snapshot
}

// randomFallback is one to three addresses of either family.
func randomFallback(rng *rand.Rand) (list []netip.Addr) {
	for i := range 1 + rng.IntN(3) {
		addr := netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)})
		if rng.IntN(2) == 0 {
			addr = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0xff, 15: byte(i + 1)})
		}
		list = append(list, addr)
	}
	return list
}
