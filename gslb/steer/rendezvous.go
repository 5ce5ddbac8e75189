package steer

import "math/bits"

// pick takes one of several endpoints by weighted rendezvous: each endpoint draws -log2(u)/weight, with u in (0, 1)
// from the hash of client unit and endpoint, and the smallest draw wins. A client unit keeps its endpoint as long as
// that is eligible, and a change of one weight moves only the difference (Schindelhauer and Schomaker, "Weighted
// distributed hash tables", 2005; Thaler and Ravishankar, 1998).
type pick struct {
	d        *decider
	level    eligibility
	key      unitKey
	eligible int
	best     int // endpoint, -1 if none
	// The best draw, as the fraction cost/weight; before the first it is worse than any.
	cost, weight uint64
}

func (d *decider) newPick(level eligibility, key unitKey) pick {
	return pick{d: d, level: level, key: key, best: -1, cost: worstCost, weight: 1}
}

// worstCost is above every draw.
const worstCost uint64 = 1<<64 - 1

// consider draws for an endpoint by its capacity, and says whether it is eligible.
func (p *pick) consider(endpoint int) bool {
	if !p.admits(endpoint) {
		return false
	}
	p.draw(endpoint, p.d.compiled.Endpoints[endpoint].Seed, uint64(max(p.d.live.Endpoints[endpoint].Capacity, 1)))
	return true
}

// admits says whether an endpoint is eligible.
func (p *pick) admits(endpoint int) bool {
	ok := p.d.eligible(endpoint, p.level)
	if p.d.trace != nil {
		p.d.trace.consider(p.d, endpoint, p.level, ok)
	}
	return ok
}

// draw lets an endpoint take part.
func (p *pick) draw(endpoint int, seed, weight uint64) {
	p.eligible++
	cost := p.key.cost(seed)
	better := less(cost, weight, p.cost, p.weight)
	p.best ^= (p.best ^ endpoint) & int(better)
	p.cost ^= (p.cost ^ cost) & better
	p.weight ^= (p.weight ^ weight) & better
}

// less compares the fractions a/b and c/d in 128 bits: all bits are set if the first is smaller, else none. No processor
// could guess which draw wins, so there is no branch.
func less(a, b, c, d uint64) uint64 {
	leftHigh, leftLow := bits.Mul64(a, d)
	rightHigh, rightLow := bits.Mul64(c, b)
	_, borrow := bits.Sub64(leftLow, rightLow, 0)
	_, borrow = bits.Sub64(leftHigh, rightHigh, borrow)
	return -borrow
}
