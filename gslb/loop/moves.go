package loop

import "math"

// Bounds of what moves teach.
const (
	// moveNoise is the part of a site's rate that changes from one Step to the next for no reason that answers tell of.
	moveNoise = 0.03
	// mostPerMove is by how much one Step's moves may change what an answer stands for.
	mostPerMove = 4.0
)

// learnMoves finds out how many requests are behind an answer from what happens when it goes from one site to another: a
// change of what a site carries is put down to the answers that came and went, to each by how far it came or went and how
// little is known of it (the normalised least mean squares of Widrow and Hoff, 1960). Without it a resolver with half of a
// city behind it is known from one with a village only by the sums at sites, from which it cannot be told.
func (e *estimate) learnMoves(s State, in Input, before [][]cell) {
	off, power := changes(s, in)
	e.eachMove(before, func(i, site int, change float64) {
		off[site] -= e.rows[i].perAnswer * change
		power[site] += e.rows[i].doubt() * change * change
	})
	learnt := make([]float64, len(e.rows))
	e.eachMove(before, func(i, site int, change float64) {
		if power[site] > 0 {
			learnt[i] += e.rows[i].doubt() * change * off[site] / power[site]
		}
	})
	for i := range e.rows {
		r := &e.rows[i]
		r.perAnswer = min(max(r.perAnswer+learnt[i]/2, r.perAnswer/mostPerMove), r.perAnswer*mostPerMove)
		r.learnt = r.perAnswer
	}
}

// changes is by how much the rate of each site changed since the last Step, and the variance of that without any move: both
// zero where it is not known.
func changes(s State, in Input) (off, noise []float64) {
	off, noise = make([]float64, len(in.Sites)), make([]float64, len(in.Sites))
	for i := range in.Sites {
		was := s.Sites[in.Sites[i].ID]
		if rate, ok := in.Sites[i].rate(in.Now); ok && was.Heard {
			off[i] = rate - float64(was.Carried)
			noise[i] = math.Pow(moveNoise*max(rate, float64(was.Carried)), 2) + negligible
		}
	}
	return off, noise
}

// doubt is the variance of what one answer stands for: that of a resolver may be anything, that of many clients' is about
// what it was.
func (r *row) doubt() float64 {
	variance := r.perAnswer * r.perAnswer
	if !r.resolver.IsValid() {
		return variance / max(r.answers(), 1)
	}
	return variance
}

// eachMove calls for every change of the answers in effect at a site, with the position of their row.
func (e *estimate) eachMove(before [][]cell, yield func(row, site int, change float64)) {
	for i, was := range before {
		if e.rows[i].fresh {
			continue
		}
		for k, now := range e.rows[i].inEffect {
			change := now.answers
			if k < len(was) { // cells are only added
				change -= was[k].answers
			}
			yield(i, now.site, change)
		}
	}
}
