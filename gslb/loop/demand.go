package loop

import (
	"math"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// estimate is the demand of every class, and how it is spread over the sites now.
type estimate struct {
	// perAnswer is how many requests a second, in thousandths, a cached answer stands for, by class: as it explains the
	// rates of this moment best. learnt is what of it the next Step begins with.
	perAnswer, learnt []float64
	steps             []int     // in how many Steps, by class
	inEffect          [][]cell  // by class
	demand            []float64 // requests a second in thousandths, by class
}

// cell is how many cached answers send a class to a site.
type cell struct {
	site    int
	answers float64
}

// rounds of estimate.fit in one Step. A class that is all at one site fits after the first.
const rounds = 8

// leastLearning is how much of what a Step found is remembered at least, as a part of the logarithm; of the first Step all
// is, of the second half, and so on. One moment's answers are a poor sample: which sites the few large resolvers of a class
// hold is chance.
const leastLearning = 0.1

// newEstimate takes the answers of the last Step into what was known before.
func newEstimate(p Policy, s State, in Input, sites map[gslb.SiteID]int) *estimate {
	e := &estimate{perAnswer: make([]float64, len(in.Classes)), steps: make([]int, len(in.Classes)), inEffect: make([][]cell, len(in.Classes))}
	for i, c := range in.Classes {
		known := s.Classes[c.Key]
		e.perAnswer[i], e.steps[i] = known.PerAnswer, known.Steps
		for _, effect := range known.InEffect {
			if site, ok := sites[effect.Site]; ok {
				e.inEffect[i] = append(e.inEffect[i], cell{site, effect.Answers})
			}
		}
	}
	e.count(p, s, in)
	e.begin(in)
	e.learnt = slices.Clone(e.perAnswer)
	for range rounds {
		e.fit(in)
	}
	e.learn()
	e.demand = make([]float64, len(e.perAnswer))
	for class, row := range e.inEffect {
		e.demand[class] = e.perAnswer[class] * total(row)
	}
	return e
}

// learn takes a part of what was found into what is remembered.
func (e *estimate) learn() {
	for class, found := range e.perAnswer {
		if found > 0 {
			e.steps[class]++
			e.learnt[class] *= math.Pow(found/e.learnt[class], max(leastLearning, 1/float64(e.steps[class])))
		}
	}
}

// count lets the answers take effect as clients follow them: half a TTL later in the mean, and as connections end. The
// answers of one Step, weighted by how long they live, are as many as resolvers hold at a time.
func (e *estimate) count(p Policy, s State, in Input) {
	elapsed := in.Now.Sub(s.At)
	if s.At.IsZero() || elapsed <= 0 {
		elapsed = Epoch
	}
	stay := p.stay(elapsed)
	fresh := make([]bool, len(e.inEffect)) // the first that is heard of it
	for class, row := range e.inEffect {
		fresh[class] = total(row) == 0
		for i := range row {
			row[i].answers *= stay
		}
	}
	for _, a := range in.Answers {
		part := 1 - stay
		if fresh[a.Class] {
			part = 1
		}
		e.add(a.Class, a.Site, part*a.Seconds/elapsed.Seconds())
	}
}

func (e *estimate) add(class, site int, answers float64) {
	for i := range e.inEffect[class] {
		if e.inEffect[class][i].site == site {
			e.inEffect[class][i].answers += answers
			return
		}
	}
	e.inEffect[class] = append(e.inEffect[class], cell{site, answers})
}

// begin gives what is not known yet a value: an answer stands for as many requests as those of all classes do in the mean.
func (e *estimate) begin(in Input) {
	requests, answers := 0.0, 0.0
	for i := range in.Sites {
		rate, _ := in.Sites[i].rate(in.Now)
		requests += rate
	}
	for _, row := range e.inEffect {
		answers += total(row)
	}
	for class := range e.perAnswer {
		if e.perAnswer[class] == 0 && answers > 0 {
			e.perAnswer[class] = requests / answers
		}
	}
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

// fit brings the requests per answer of the classes closer to those that best explain the rates of the sites: each class is
// scaled by how much more its sites carry than was thought, in the mean over its answers (Richardson, 1972, and Lucy, 1974:
// towards the maximum likelihood of counts). What no site measures stays as it was.
func (e *estimate) fit(in Input) {
	ratio, expected := make([]float64, len(in.Sites)), e.load(len(in.Sites))
	for i := range in.Sites {
		ratio[i] = 1
		if rate, ok := in.Sites[i].rate(in.Now); ok && expected[i] > negligible {
			ratio[i] = rate / expected[i]
		}
	}
	for class, row := range e.inEffect {
		answers, explained := total(row), 0.0
		for _, c := range row {
			explained += c.answers * ratio[c.site]
		}
		if answers > 0 {
			e.perAnswer[class] *= explained / answers
		}
	}
}

// load is what the answers in effect bring to each site.
func (e *estimate) load(sites int) []float64 {
	load := make([]float64, sites)
	for class, row := range e.inEffect {
		for _, c := range row {
			load[c.site] += e.perAnswer[class] * c.answers
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

func total(row []cell) (answers float64) {
	for _, c := range row {
		answers += c.answers
	}
	return answers
}
