package baseline

import (
	"time"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/sim"
)

// What F5 is given: it collects the statistics that its limits are about, and probes, every 30 s, its default interval.
const (
	f5Statistics = 30
	f5Monitor    = 30
)

// Cliff is F5 BIG-IP DNS with a limit on connections and topology as its method: a site above its limit is unavailable,
// one below it is available, from one collection to the next. Of those that are available the nearest is answered; if
// none is, the nearest of all (the fallback method).
type Cliff struct {
	TTL     time.Duration
	Marks   plan.Watermarks // the limit is the high one
	view    *sim.View
	orders  orders
	feed    feed
	monitor monitor
}

// Step collects.
func (c *Cliff) Step(v *sim.View) {
	c.view, c.feed.every, c.monitor.every = v, f5Statistics, f5Monitor
	c.feed.step(v)
	c.monitor.step(v)
}

// Ask answers the nearest available site.
func (c *Cliff) Ask(q sim.Question) sim.Answer {
	order := c.orders.of(c.view, q)
	limit := float64(c.Marks.HighPercent) / 100
	for _, site := range order {
		if c.feed.use[site] <= limit && c.monitor.up(q.NameServer, site) && !c.view.Sites[site].Drained {
			return sim.Answer{Site: site, TTL: c.TTL}
		}
	}
	return sim.Answer{Site: order[0], TTL: c.TTL}
}
