package world

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

var noon = time.Unix(1_800_000_000, 0)

// lasting is a service with an address at each site, and a policy that remembers.
func lasting(sites ...gslb.SiteID) plan.Service {
	s := service("a.edge.example.")
	s.Steering.OnAllUnhealthy, s.Endpoints = plan.AnswerLastGood, nil
	for i, site := range sites {
		s.Endpoints = append(s.Endpoints, plan.Endpoint{Site: site, Capacity: gslb.MilliRPS(1000 * (i + 1)), Addresses: []plan.Address{address(addressOf(i), "")}})
	}
	return s
}

func addressOf(i int) string { return fmt.Sprintf("192.0.2.%d", i+1) }

// past drives a builder along a script of events, each at its second: "+0 down 1", "+3600 up 1", "+5 drain 2".
type past struct {
	t        *testing.T
	builder  *Builder
	service  plan.Service
	previous *plan.Compiled
	at       time.Time
}

func newPast(t *testing.T, sites ...gslb.SiteID) *past {
	p := &past{t: t, builder: NewBuilder(), service: lasting(sites...), at: noon}
	p.swap()
	return p
}

func (p *past) swap() {
	s := p.service
	s.Endpoints = slices.Clone(s.Endpoints)
	p.builder.SetPlan(p.builder.generation+1, compileAt(p.t, s, p.previous))
	p.previous = p.builder.plan
}

func (p *past) play(script string) {
	for _, line := range strings.Split(script, ", ") {
		var seconds, number int
		var what string
		if _, err := fmt.Sscanf(line, "+%d %s %d", &seconds, &what, &number); err != nil {
			p.t.Fatalf("%q: %v", line, err)
		}
		p.at = p.at.Add(time.Duration(seconds) * time.Second)
		p.builder.SetTime(p.at)
		endpoint := &p.service.Endpoints[number]
		switch what {
		case "down", "up":
			p.builder.SetDown(down("a.edge.example.", addressOf(number)), what == "down")
		case "drain", "open":
			endpoint.Drained = what == "drain"
			p.swap()
		case "empty":
			endpoint.Capacity = 0
			p.swap()
		case "map":
			p.swap()
		}
		p.builder.Snapshot()
	}
}

// good is who was last good, as "fra 1, iad 2" with capacities in requests/s.
func (p *past) good() string {
	then := p.builder.Snapshot().Service(0).LastGood(plan.IPv4, plan.NoResidency)
	if then == nil {
		return "nobody"
	}
	var list []string
	for i, e := range then.Endpoints {
		if e.Ready(plan.IPv4) {
			list = append(list, fmt.Sprintf("%s %v", p.service.Endpoints[i].Site, e.Capacity))
		}
	}
	return strings.Join(list, ", ")
}

func compileAt(t *testing.T, s plan.Service, previous *plan.Compiled) *plan.Compiled {
	t.Helper()
	m := &plan.Map{Zones: []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}}, Services: []plan.Service{s}}
	for _, e := range s.Endpoints {
		m.Sites = append(m.Sites, plan.Site{ID: e.Site})
	}
	return compileMap(t, m, previous)
}

// Those that went together come back together; one that went before stays dead. Operators' drains and other maps do not
// change what is remembered.
func TestLastGood(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"one is left", "+1 down 0, +1 down 1", "nobody"},
		{"all go at once", "+100 down 0, +0 down 1, +0 down 2", "fra 1, iad 2, pek 3"},
		{"all go within a minute", "+100 down 0, +20 down 1, +40 down 2", "fra 1, iad 2, pek 3"},
		{"one went a little earlier", "+100 down 0, +21 down 1, +40 down 2", "iad 2, pek 3"},
		{"one died an hour ago", "+1 down 1, +3600 down 0, +1 down 2", "fra 1, pek 3"},
		{"one came back and died with the others", "+1 down 1, +60 up 1, +3600 down 0, +1 down 2, +1 down 1", "fra 1, iad 2, pek 3"},
		{"it lasts", "+1 down 0, +1 down 1, +1 down 2, +9000 map 0", "fra 1, iad 2, pek 3"},
		{"the last one loses its capacity", "+1 down 0, +3600 down 1, +3600 empty 2", "pek 3"},
		{"one was drained before", "+1 drain 0, +10 down 1, +1 down 2", "iad 2, pek 3"},
		{"one is drained after", "+1 down 0, +1 down 1, +1 down 2, +9000 drain 2", "fra 1, iad 2"},
		{"drained and opened after", "+1 down 0, +1 down 1, +1 down 2, +9000 drain 2, +9 open 2", "fra 1, iad 2, pek 3"},
		{"the only one that was left is drained", "+1 down 0, +1 down 1, +3600 down 2, +1 drain 2", "nobody"},
		{"one is up again", "+1 down 0, +1 down 1, +1 down 2, +60 up 1", "nobody"},
		{"one was up again for a moment", "+1 down 0, +1 down 1, +1 down 2, +600 up 1, +5 down 1", "iad 2"},
		{"undone by an operator", "+1 drain 0, +0 drain 1, +0 drain 2", "nobody"},
	} {
		p := newPast(t, "fra", "iad", "pek")
		p.builder.SetTime(noon)
		p.builder.Snapshot()
		p.play(c.script)
		if got := p.good(); got != c.want {
			t.Errorf("%s: %s; %s, want %s", c.name, c.script, got, c.want)
		}
	}
}

// What is known to be down before the first snapshot was never good, and a policy that does not ask for it remembers nothing.
func TestLastGoodBeginsWithTheFirstSnapshot(t *testing.T) {
	p := newPast(t, "fra", "iad")
	for i := range 2 {
		p.builder.SetDown(down("a.edge.example.", addressOf(i)), true)
	}
	if got := p.good(); got != "nobody" {
		t.Errorf("at the start: %s", got)
	}
	for _, policy := range []plan.OnAllUnhealthy{plan.AnswerAll, plan.AnswerServfail} {
		p := newPast(t, "fra", "iad")
		p.service.Steering.OnAllUnhealthy = policy
		p.swap()
		p.builder.Snapshot()
		p.play("+1 down 0, +1 down 1")
		if got := p.good(); got != "nobody" || len(p.builder.memories) > 0 {
			t.Errorf("%s: %s", policy, got)
		}
	}
}

// A family that no address is left of goes back by itself.
func TestLastGoodByFamily(t *testing.T) {
	p := newPast(t, "fra", "iad")
	six := plan.Address{Addr: netip.MustParseAddr("2001:db8::1")}
	p.service.Endpoints[0].Addresses = append(p.service.Endpoints[0].Addresses, six)
	p.swap()
	p.builder.Snapshot()
	p.builder.SetDown(down("a.edge.example.", "2001:db8::1"), true)
	s := p.builder.Snapshot().Service(0)
	then := s.LastGood(plan.IPv6, plan.NoResidency)
	if s.LastGood(plan.IPv4, plan.NoResidency) != nil || then == nil || !then.Endpoints[0].Ready(plan.IPv6) || then.Endpoints[0].Has(plan.IPv4) || then.Endpoints[1].Up {
		t.Errorf("IPv6 goes back to %+v, IPv4 to %+v", then, s.LastGood(plan.IPv4, plan.NoResidency))
	}
}

// What left the map is forgotten, be it an address or the service.
func TestLastGoodForgetsWhatLeft(t *testing.T) {
	p := newPast(t, "fra", "iad")
	p.builder.Snapshot()
	p.play("+1 down 0, +1 down 1")
	p.service.Endpoints = p.service.Endpoints[1:]
	p.swap()
	if got := p.good(); got != "iad 2" || len(p.builder.memories["a.edge.example."]) != 1 {
		t.Errorf("%s, and %d addresses are remembered", got, len(p.builder.memories["a.edge.example."]))
	}
	p.service.Name = "b.edge.example."
	p.swap()
	if p.builder.Snapshot(); len(p.builder.memories["a.edge.example."]) > 0 {
		t.Error("a service that is gone is remembered")
	}
}

// TestLastGoodReference holds random lives against a plain record of every moment.
func TestLastGoodReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	sites := []gslb.SiteID{"fra", "iad", "pek"}
	var compiled *plan.Compiled
	for range 300 {
		p := &past{t: t, builder: NewBuilder(), service: lasting(sites...), at: noon, previous: compiled}
		p.swap()
		compiled = p.previous
		p.builder.SetTime(noon)
		p.builder.Snapshot()
		dead, until, last := [3]bool{}, [3]time.Time{noon, noon, noon}, noon
		for range 1 + rng.IntN(20) {
			next := p.at.Add(time.Duration([]int{0, 1, 30, 59, 61, 3600}[rng.IntN(6)]) * time.Second)
			for i := range dead {
				if !dead[i] {
					until[i], last = next, next
				}
			}
			i := rng.IntN(3)
			dead[i] = !dead[i]
			if !dead[i] {
				until[i], last = next, next
			}
			p.play(fmt.Sprintf("+%d %s %d", int(next.Sub(p.at).Seconds()), map[bool]string{true: "down", false: "up"}[dead[i]], i))
			var want []string
			for k := range dead {
				if last.Sub(until[k]) <= time.Minute {
					want = append(want, fmt.Sprintf("%s %d", sites[k], k+1))
				}
			}
			text := strings.Join(want, ", ")
			if slices.Contains(dead[:], false) {
				text = "nobody"
			}
			if got := p.good(); got != text {
				t.Fatalf("dead %v, until %v: %s, want %s", dead, until, got, text)
			}
		}
	}
}
