package baseline

import (
	"time"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/sim"
)

// What NS1 is given: the use of the sites is fed to it once a minute, and its monitors look every 10 s. Its documents
// leave both to the operator.
const (
	ns1Feed    = 60
	ns1Monitor = 10
)

// Shed is NS1's filter chain up, shed_load, and then the nearest. shed_load keeps an answer whose metric is at or below
// the low watermark, removes it at or above the high one, and in between removes it with a probability that grows in
// proportion, drawn for each query. An answer without a metric is kept. There is no memory, and nobody asks where the
// load goes. When nothing is left, the nearest site that is up is answered.
type Shed struct {
	TTL     time.Duration
	Marks   plan.Watermarks
	Draws   *sim.Stream
	view    *sim.View
	orders  orders
	feed    feed
	monitor monitor
}

// Step takes the feed and the monitors' results.
func (s *Shed) Step(v *sim.View) {
	s.view, s.feed.every, s.monitor.every = v, ns1Feed, ns1Monitor
	s.feed.step(v)
	s.monitor.step(v)
}

// Ask answers the nearest site that is kept.
func (s *Shed) Ask(q sim.Question) sim.Answer {
	order := s.orders.of(s.view, q)
	last := -1 // the nearest that is up
	for _, site := range order {
		if !s.monitor.up(q.NameServer, site) || s.view.Sites[site].Drained {
			continue
		}
		if s.keeps(s.feed.use[site]) {
			return sim.Answer{Site: site, TTL: s.TTL}
		}
		if last < 0 {
			last = site
		}
	}
	if last < 0 {
		last = order[0]
	}
	return sim.Answer{Site: last, TTL: s.TTL}
}

func (s *Shed) keeps(use float64) bool {
	low, high := float64(s.Marks.LowPercent)/100, float64(s.Marks.HighPercent)/100
	switch {
	case use == missing || use <= low:
		return true
	case use >= high:
		return false
	}
	return s.Draws.Float() >= (use-low)/(high-low)
}
