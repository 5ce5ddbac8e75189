package loop

import (
	"math"
	"net/netip"

	"tidegate.dev/tidegate/gslb"
)

// row is a class, or one resolver's part of it. Resolvers differ by a thousand times in how many clients one of their answers
// is for, so that those that name servers report are told apart.
type row struct {
	class    int
	resolver netip.Addr // the zero Addr is all others
	// perAnswer is how many requests a second, in thousandths, a cached answer stands for, as it explains the rates of
	// this moment best. learnt is what of it the next Step begins with.
	perAnswer, learnt float64
	steps             int // in how many Steps
	inEffect          []cell
	fresh             bool // this is the first that is heard of it
	sliced            bool // its answers lived for a slot (plan.HeavySlot)
}

// recall makes rows of what was remembered.
func (e *estimate) recall(s State, in Input, sites map[gslb.SiteID]int) {
	for i, c := range in.Classes {
		e.rows = append(e.rows, s.Classes[c.Key].rowState.row(i, sites))
	}
	for i, c := range in.Classes {
		class := s.Classes[c.Key]
		for _, resolver := range class.Resolvers {
			r := resolver.rowState.row(i, sites)
			r.resolver = resolver.Resolver
			_, heavy := s.Heavy[r.resolver]
			r.sliced = heavy && len(class.Shares) > 1
			e.rows = append(e.rows, r)
		}
	}
}

func (s rowState) row(class int, sites map[gslb.SiteID]int) row {
	r := row{class: class, perAnswer: s.PerAnswer, steps: s.Steps}
	for _, effect := range s.InEffect {
		if site, ok := sites[effect.Site]; ok {
			r.inEffect = append(r.inEffect, effect.cell(site))
		}
	}
	r.fresh = len(r.inEffect) == 0
	return r
}

// count lets the answers since the last Step take effect as clients follow them.
func (e *estimate) count(p Policy, s State, in Input) {
	elapsed := in.Now.Sub(s.At)
	if s.At.IsZero() || elapsed <= 0 {
		elapsed = Epoch
	}
	e.give(in.Answers)
	for i := range e.rows {
		r := &e.rows[i]
		for k := range r.inEffect {
			c := &r.inEffect[k]
			as := s.termOf(p, in.Sites[c.site].ID)
			if r.sliced {
				as = brief
			}
			c.remember(as)
			c.settle(p, elapsed, r.fresh, c.holds(p, elapsed, as))
		}
	}
}

// give adds the answers to their rows. Weighted by how long they live, those of one Epoch are as many as resolvers hold at a
// time.
func (e *estimate) give(answers []Answer) {
	index := make(map[rowKey]int, len(e.rows))
	for i := range e.rows {
		index[rowKey{e.rows[i].class, e.rows[i].resolver}] = i
	}
	for _, a := range answers {
		key := rowKey{a.Class, a.Resolver}
		at, known := index[key]
		if !known {
			at = len(e.rows)
			index[key], e.rows = at, append(e.rows, row{class: a.Class, resolver: a.Resolver, fresh: true})
		}
		e.rows[at].inEffect = give(e.rows[at].inEffect, a.Site, a.Seconds/Epoch.Seconds())
	}
}

type rowKey struct {
	class    int
	resolver netip.Addr
}

// answers is how many are in effect at all sites.
func (r *row) answers() (sum float64) {
	for _, c := range r.inEffect {
		sum += c.answers
	}
	return sum
}

// learn takes a part of what was found into what is remembered.
func (r *row) learn() {
	if r.perAnswer > 0 {
		r.steps++
		r.learnt *= math.Pow(r.perAnswer/r.learnt, max(leastLearning, 1/float64(r.steps)))
	}
}

// remember adds the rows to a state, those of resolvers as long as an answer of theirs is in effect.
func (t *turn) remember(s *State) {
	for i := range t.estimate.rows {
		r := &t.estimate.rows[i]
		key := t.in.Classes[r.class].Key
		class, known := s.Classes[key], t.rowState(r)
		if !r.resolver.IsValid() {
			class.rowState = known
		} else if len(known.InEffect) > 0 {
			class.Resolvers = append(class.Resolvers, resolverState{Resolver: r.resolver, rowState: known})
		}
		s.Classes[key] = class
	}
}

func (t *turn) rowState(r *row) rowState {
	return rowState{PerAnswer: r.learnt, Steps: r.steps, InEffect: t.effects(r.inEffect)}
}

// effects are cells as they are remembered.
func (t *turn) effects(cells []cell) (list []effect) {
	for i := range cells {
		if c := &cells[i]; c.answers+c.held > forgotten {
			list = append(list, effect{Site: t.in.Sites[c.site].ID, Answers: c.answers, Held: c.held, Given: c.given, Calm: c.calm})
		}
	}
	return list
}

// forgotten is how few answers in effect are none.
const forgotten = 1e-6
