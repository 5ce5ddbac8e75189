package baseline

import "tidegate.dev/tidegate/gslb/sim"

// kept is how many near sites a rule chooses among that needs no farther ones, as many as Tidegate does.
const kept = 8

// orders are the near sites of each asker, nearest first, found when it first asks. Sites do not move.
type orders struct {
	list [][]int
}

// of is the order of an asker.
func (o *orders) of(v *sim.View, q sim.Question) []int {
	for q.Asker >= len(o.list) {
		o.list = append(o.list, nil)
	}
	if o.list[q.Asker] == nil {
		order := v.Sorted(q.Direction)
		o.list[q.Asker] = append([]int(nil), order[:min(kept, len(order))]...)
	}
	return o.list[q.Asker]
}

// use is how full a site is: the connections that its load balancer has, in parts of those that it can have. ok is false
// without a report.
func use(s *sim.SiteView) (part float64, ok bool) {
	r := s.Report
	if r == nil || r.Sample.InFlight == nil || r.Sample.InFlightLimit == nil || *r.Sample.InFlightLimit == 0 {
		return 0, false
	}
	return float64(*r.Sample.InFlight) / float64(*r.Sample.InFlightLimit), true
}

// feed is what a monitor knows of the use of each site: it looks once an interval.
type feed struct {
	every int64
	use   []float64 // missing where nothing is known
}

const missing = -1

func (f *feed) step(v *sim.View) {
	if f.use != nil && v.Now%f.every != 0 {
		return
	}
	f.use = make([]float64, len(v.Sites))
	for i := range v.Sites {
		part, ok := use(&v.Sites[i])
		if f.use[i] = part; !ok {
			f.use[i] = missing
		}
	}
}

// monitor is a plain health check: a site is down after two failures in a row and up after two successes, one every
// interval, from each name server.
type monitor struct {
	every  int64
	states [][]verdict // by name server and site
}

// verdict is the state of one site, and how many results in a row contradict it.
type verdict struct {
	down    bool
	against int
}

func (s *verdict) observe(ok bool) {
	if ok != s.down {
		s.against = 0
		return
	}
	if s.against++; s.against == 2 {
		*s = verdict{down: !s.down}
	}
}

func (m *monitor) step(v *sim.View) {
	if m.states == nil {
		m.states = make([][]verdict, len(v.NameServers))
		for i := range m.states {
			m.states[i] = make([]verdict, len(v.Sites))
		}
	}
	if v.Now%m.every != 0 {
		return
	}
	for server, states := range m.states {
		for site := range states {
			states[site].observe(v.Probe(server, site))
		}
	}
}

func (m *monitor) up(nameServer, site int) bool { return !m.states[nameServer][site].down }
