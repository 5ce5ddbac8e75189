package loop

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

// world is a small fluid world around Step: what it publishes, clients follow as their answers run out and their connections
// end, and what arrives is what sites report at the next Step.
type world struct {
	t       *testing.T
	policy  Policy
	state   State
	now     time.Time
	sites   []worldSite
	classes []worldClass
	out     Output
	shifts  []Shift
	splits  map[plan.ClassKey][]plan.SiteShare
}

type worldSite struct {
	id                gslb.SiteID
	claimed, capacity float64 // requests/s
	down, silent      bool
	drained           bool
	arrives           float64
	waiting           float64
	// sampled is the last sample that came through.
	sampled *load.Sample
}

func (s *worldSite) serves() bool { return !s.down && !s.drained }

type worldClass struct {
	key     plan.ClassKey
	demand  float64 // requests/s
	answers float64 // that resolvers hold
	costs   map[int]solve.Cost
	// cohorts are the sites that the answers name, in parts of one: one for each second in which they run out.
	cohorts [DefaultTTL / time.Second][]float64
	given   []float64 // answer-seconds since the last Step, by site
	arrives []float64 // requests/s, by site
}

func newWorld(t *testing.T, sites []worldSite, classes []worldClass) *world {
	w := &world{t: t, now: time.Unix(1_800_000_000, 0), sites: sites, classes: classes, splits: map[plan.ClassKey][]plan.SiteShare{}}
	for i := range w.sites {
		if s := &w.sites[i]; s.capacity == 0 {
			s.capacity = s.claimed
		}
	}
	for i := range w.classes {
		c := &w.classes[i]
		c.given, c.arrives = make([]float64, len(sites)), make([]float64, len(sites))
		for k := range c.cohorts {
			w.ask(i, k)
		}
		for site, share := range w.shares(i) {
			c.arrives[site] = c.demand * share
		}
		clear(c.given)
	}
	w.arrive()
	return w
}

// input is what the hub sees.
func (w *world) input() Input {
	in := Input{Now: w.now, Shifts: w.shifts}
	for i := range w.sites {
		s := &w.sites[i]
		if !s.silent {
			waiting, replicas := int64(s.waiting), int64(max(s.capacity/10, 1))
			rate, served := rps(s.arrives), rps(min(s.arrives, s.capacity))
			if s.waiting > 0 {
				served = rps(s.capacity)
			}
			s.sampled = &load.Sample{At: w.now, Rate: &rate, Served: &served, Waiting: &waiting, Replicas: replicas}
		}
		in.Sites = append(in.Sites, Site{ID: s.id, Capacity: rps(s.claimed), Up: !s.down, Drained: s.drained, Sample: s.sampled})
	}
	for i := range w.classes {
		in.Classes = append(in.Classes, w.class(i))
		for site, seconds := range w.classes[i].given {
			if seconds > 0 {
				in.Answers = append(in.Answers, Answer{Class: i, Site: site, Seconds: seconds})
			}
		}
		clear(w.classes[i].given)
	}
	return in
}

func rps(v float64) gslb.MilliRPS { return gslb.MilliRPS(math.Round(v * 1000)) }

func (w *world) class(i int) Class {
	c := Class{Key: w.classes[i].key}
	for site := range w.sites {
		if cost, ok := w.classes[i].costs[site]; ok {
			c.Candidates = append(c.Candidates, Candidate{Site: site, Tier: uint8(w.tier(i, cost)), Cost: cost})
		}
	}
	slices.SortStableFunc(c.Candidates, func(a, b Candidate) int { return int(a.Tier) - int(b.Tier) })
	return c
}

func (w *world) tier(class int, cost solve.Cost) (tier int) {
	for _, other := range w.classes[class].costs {
		if other < cost {
			tier++
		}
	}
	return tier
}

// shares is what name servers answer now, by site.
func (w *world) shares(class int) []float64 {
	shares, all := make([]float64, len(w.sites)), 0.0
	for i := range w.sites {
		if share := shareAt(w.splits[w.classes[class].key], w.sites[i].id); w.sites[i].serves() {
			shares[i] = float64(share)
			all += shares[i]
		}
	}
	for i := range shares { // without a split, the nearest tier by capacity
		if cost, ok := w.classes[class].costs[i]; all == 0 && ok && w.sites[i].serves() && cost == w.nearest(class) {
			shares[i] = w.sites[i].claimed
		}
	}
	if all == 0 {
		all = sum(shares)
	}
	for i := range shares { // without a candidate, all others by capacity
		if _, ok := w.classes[class].costs[i]; all == 0 && !ok && w.sites[i].serves() {
			shares[i] = w.sites[i].claimed
		}
	}
	if all == 0 {
		all = sum(shares)
	}
	for i := range shares {
		shares[i] /= all
	}
	return shares
}

func sum(shares []float64) (all float64) {
	for _, share := range shares {
		all += share
	}
	return all
}

// nearest is the least cost of a site that is up.
func (w *world) nearest(class int) (best solve.Cost) {
	best = math.MaxInt64
	for i := range w.sites {
		if cost, ok := w.classes[class].costs[i]; ok && w.sites[i].serves() {
			best = min(best, cost)
		}
	}
	return best
}

// pass lets an epoch go by, a second at a time, and steps at its end.
func (w *world) pass() {
	for range int(Epoch / time.Second) {
		w.now = w.now.Add(time.Second)
		for i := range w.classes {
			w.ask(i, int(w.now.Unix()%int64(len(w.classes[i].cohorts))))
			w.follow(i)
		}
		w.arrive()
	}
	w.state, w.out = Step(w.policy, w.state, w.input())
	w.splits = map[plan.ClassKey][]plan.SiteShare{}
	for _, split := range w.out.Splits {
		w.splits[split.Class] = split.Shares
	}
}

// ask renews the answers that run out in a second of a TTL.
func (w *world) ask(class, second int) {
	c := &w.classes[class]
	c.cohorts[second] = w.shares(class)
	for site, share := range c.cohorts[second] {
		c.given[site] += c.answers * share // a thirtieth of the answers, for 30 seconds
	}
}

// follow lets a second's connections end and others come to where answers say.
func (w *world) follow(class int) {
	c := &w.classes[class]
	for site := range c.arrives {
		held := 0.0
		for _, shares := range c.cohorts {
			held += shares[site] / float64(len(c.cohorts))
		}
		c.arrives[site] += (c.demand*held - c.arrives[site]) * (1 - math.Exp(-1/DefaultConnectionLife.Seconds()))
	}
}

func (w *world) arrive() {
	for i := range w.sites {
		w.sites[i].arrives = 0
	}
	for _, c := range w.classes {
		for site, requests := range c.arrives {
			w.sites[site].arrives += requests
		}
	}
	for i := range w.sites {
		s := &w.sites[i]
		s.waiting = min(max(s.waiting+s.arrives-s.capacity, 0), 20*s.capacity)
	}
}

// fill is the load of a site against what it can really carry.
func (w *world) fill(site int) float64 { return w.sites[site].arrives / w.sites[site].capacity }

func (w *world) text() (s string) {
	for i := range w.sites {
		s += fmt.Sprintf(" %s %.2f", w.sites[i].id, w.fill(i))
	}
	return s
}

// settle lets epochs pass.
func (w *world) settle(epochs int) {
	for range epochs {
		w.pass()
	}
}

// trio is three sites in a row and a class at each, with the demand in requests/s; each site can carry 100.
func trio(t *testing.T, demand ...float64) *world {
	w := []worldClass{}
	for i, d := range demand {
		c := worldClass{key: plan.ClassKey(fmt.Sprintf("%016x", i)), demand: d, answers: 50 + 10*float64(i), costs: map[int]solve.Cost{}}
		for site := range 3 {
			c.costs[site] = solve.Cost(1000 + 20_000*abs(i%3-site))
		}
		w = append(w, c)
	}
	return newWorld(t, []worldSite{{id: "ams", claimed: 100}, {id: "fra", claimed: 100}, {id: "iad", claimed: 100}}, w)
}

func abs(v int) int { return max(v, -v) }
