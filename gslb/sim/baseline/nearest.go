package baseline

import (
	"time"

	"tidegate.dev/tidegate/gslb/sim"
)

// The defaults of gdnsd's monitoring (gdnsd.config(5), "service_types"): interval, up_thresh, ok_thresh and down_thresh.
const (
	gdnsdInterval = 10
	gdnsdUp       = 20
	gdnsdOK       = 10
	gdnsdDown     = 10
)

// gdnsdNearest is how many sites gdnsd lists for a network by distance (plugin geoip, auto_dc_limit).
const gdnsdNearest = 3

// Nearest is gdnsd with the geoip plugin: the nearest of three sites that its monitors call up. Load does not matter.
// When all three are down, the nearest one is answered, as if all were up.
type Nearest struct {
	TTL    time.Duration
	view   *sim.View
	orders orders
	states [][]gdnsdState // by name server and site
}

// gdnsdState is the state of one monitored service. It is up at first.
type gdnsdState struct {
	down      bool
	successes int // in a row
	failures  int // while up: until there were gdnsdOK successes in a row
}

// observe takes one result.
func (s *gdnsdState) observe(ok bool) {
	if !ok {
		s.successes = 0
		if s.failures++; s.failures >= gdnsdDown {
			s.down = true
		}
		return
	}
	s.successes++
	switch {
	case s.down && s.successes >= gdnsdUp:
		*s = gdnsdState{}
	case !s.down && s.successes >= gdnsdOK:
		s.failures = 0
	}
}

// Step probes all sites from all name servers, once an interval.
func (n *Nearest) Step(v *sim.View) {
	n.view = v
	if n.states == nil {
		n.states = make([][]gdnsdState, len(v.NameServers))
		for i := range n.states {
			n.states[i] = make([]gdnsdState, len(v.Sites))
		}
	}
	if v.Now%gdnsdInterval != 0 {
		return
	}
	for server := range n.states {
		for site := range n.states[server] {
			n.states[server][site].observe(v.Probe(server, site))
		}
	}
}

// Ask answers the first of the three nearest sites that is up. An operator's drain is a forced down (admin_state).
func (n *Nearest) Ask(q sim.Question) sim.Answer {
	order := n.orders.of(n.view, q)
	order = order[:min(gdnsdNearest, len(order))]
	for _, site := range order {
		if !n.states[q.NameServer][site].down && !n.view.Sites[site].Drained {
			return sim.Answer{Site: site, TTL: n.TTL}
		}
	}
	return sim.Answer{Site: order[0], TTL: n.TTL}
}
