package loop

import (
	"math"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// estimate is the demand of every class, and how it is spread over the sites now.
type estimate struct {
	rows   []row     // those of the classes first, in their order, then those of resolvers
	demand []float64 // requests a second in thousandths, by class
	// comes is what new connections bring to each site, in thousandths of a request a second, and whether that is known.
	comes []float64
	known []bool
}

// rounds of estimate.fit in one Step. A class that is all at one site fits after the first.
const rounds = 8

// leastLearning is how much of what a Step found is remembered at least, as a part of the logarithm; of the first Step all
// is, of the second half, and so on. One moment's answers are a poor sample: which sites the resolvers of a class hold is
// chance.
const leastLearning = 0.1

// newEstimate takes the answers of the last Step into what was known before.
func newEstimate(p Policy, s State, in Input, sites map[gslb.SiteID]int) *estimate {
	e := &estimate{}
	e.recall(s, in, sites)
	before := make([][]cell, len(e.rows))
	for i := range e.rows {
		before[i] = slices.Clone(e.rows[i].inEffect)
	}
	e.count(p, s, in)
	e.begin(in)
	e.learnMoves(s, in, before)
	e.look(p, s, in)
	for range rounds {
		e.fit()
	}
	e.demand = make([]float64, len(in.Classes))
	for i := range e.rows {
		r := &e.rows[i]
		e.demand[r.class] += r.perAnswer * r.answers()
		r.learn()
	}
	return e
}

// begin gives what is not known yet a value: an answer stands for as many requests as others do in the mean, those to
// resolvers and those to client subnets apart.
func (e *estimate) begin(in Input) {
	subnets, resolvers := e.means(in)
	for i := range e.rows {
		r := &e.rows[i]
		if r.perAnswer == 0 && r.resolver.IsValid() {
			r.perAnswer = resolvers
		}
		if r.perAnswer == 0 {
			r.perAnswer = subnets
		}
		r.learnt = r.perAnswer
	}
}

// means are those over what is known; where that is nothing, all answers are alike.
func (e *estimate) means(in Input) (subnets, resolvers float64) {
	var requests, answers [2]float64
	all := 0.0
	for i := range e.rows {
		r, kind := &e.rows[i], 0
		if r.resolver.IsValid() {
			kind = 1
		}
		all += r.answers()
		if r.perAnswer > 0 {
			requests[kind] += r.perAnswer * r.answers()
			answers[kind] += r.answers()
		}
	}
	rates := 0.0
	for i := range in.Sites {
		rate, _ := in.Sites[i].rate(in.Now)
		rates += rate
	}
	alike := rates / max(all, 1e-9)
	if answers[0] > 0 {
		subnets = requests[0] / answers[0]
	} else {
		subnets = alike
	}
	if answers[1] > 0 {
		resolvers = requests[1] / answers[1]
	} else {
		resolvers = max(alike, subnets)
	}
	return subnets, resolvers
}

// rate is what the site's load balancer measured, if that can be believed.
func (s *Site) rate(now time.Time) (milliRPS float64, ok bool) {
	if s.silent(now) || s.Sample.Rate == nil {
		return 0, false
	}
	return float64(*s.Sample.Rate), true
}

func (s *Site) silent(now time.Time) bool {
	return s.Sample == nil || now.Sub(s.Sample.At) > FrozenFor
}

// negligible is a load of which no ratio is taken: a request in a quarter of an hour.
const negligible = 1.0

// look finds what new connections bring to each site. What a site measures follows that as old ones end, so that a part of it
// is what was measured before.
func (e *estimate) look(p Policy, s State, in Input) {
	e.comes, e.known = make([]float64, len(in.Sites)), make([]bool, len(in.Sites))
	for i := range in.Sites {
		rate, ok := in.Sites[i].rate(in.Now)
		if e.comes[i], e.known[i] = rate, ok; !ok {
			continue
		}
		if was := s.Sites[in.Sites[i].ID]; was.Heard {
			stay := math.Exp(-in.Now.Sub(s.At).Seconds() / p.ConnectionLife.Seconds())
			e.comes[i] = max((rate-float64(was.Carried)*stay)/(1-stay), 0)
		}
	}
}

// fit brings the requests per answer of the rows closer to those that best explain what comes to the sites: each row is
// scaled by how much more comes to its sites than was thought, in the mean over its answers (Richardson, 1972, and Lucy, 1974:
// towards the maximum likelihood of counts). What no site measures stays as it was.
func (e *estimate) fit() {
	ratio := make([]float64, len(e.comes))
	for i, expected := range e.brings() {
		ratio[i] = 1
		if e.known[i] && expected > negligible {
			ratio[i] = e.comes[i] / expected
		}
	}
	for i := range e.rows {
		r := &e.rows[i]
		answers, explained := 0.0, 0.0
		for _, c := range r.inEffect {
			answers += c.mean
			explained += c.mean * ratio[c.site]
		}
		if answers > 0 {
			r.perAnswer *= explained / answers
		}
	}
}

// brings is what new connections should bring to each site.
func (e *estimate) brings() []float64 {
	brings := make([]float64, len(e.comes))
	for i := range e.rows {
		for _, c := range e.rows[i].inEffect {
			brings[c.site] += e.rows[i].perAnswer * c.mean
		}
	}
	return brings
}

// load is what the answers in effect bring to each site.
func (e *estimate) load(sites int) []float64 {
	load := make([]float64, sites)
	for i := range e.rows {
		for _, c := range e.rows[i].inEffect {
			load[c.site] += e.rows[i].perAnswer * c.answers
		}
	}
	return load
}

// rates is the demand in whole thousandths of a request a second.
func (e *estimate) rates() []gslb.MilliRPS {
	list := make([]gslb.MilliRPS, len(e.demand))
	for i, d := range e.demand {
		list[i] = gslb.MilliRPS(min(d, float64(gslb.MaxRate)))
	}
	return list
}
