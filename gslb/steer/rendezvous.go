package steer

import (
	"math/bits"
	"net/netip"
)

// pick takes one of several endpoints by weighted rendezvous: each endpoint draws -log2(u)/weight, with u in (0, 1)
// from the hash of client unit and endpoint, and the smallest draw wins. A client unit keeps its endpoint as long as
// that is eligible, and a change of one weight moves only the difference (Schindelhauer and Schomaker, "Weighted
// distributed hash tables", 2005; Thaler and Ravishankar, 1998).
type pick struct {
	d        *decider
	level    eligibility
	eligible int
	best     int // endpoint, -1 if none
	// The best draw, as the fraction cost/weight.
	cost, weight uint64
}

func (d *decider) newPick(level eligibility) pick {
	return pick{d: d, level: level, best: -1}
}

// consider draws for an endpoint and says whether it is eligible.
func (p *pick) consider(endpoint int) bool {
	ok := p.d.eligible(endpoint, p.level)
	p.d.trace.consider(p.d, endpoint, p.level, ok)
	if !ok {
		return false
	}
	p.eligible++
	weight := uint64(max(p.d.live.Endpoints[endpoint].Capacity, 1))
	cost := negLog2(hash(p.d.unit, p.d.compiled.Endpoints[endpoint].Seed))
	if p.best < 0 || less(cost, weight, p.cost, p.weight) {
		p.best, p.cost, p.weight = endpoint, cost, weight
	}
	return true
}

// less compares the fractions a/b and c/d in 128 bits.
func less(a, b, c, d uint64) bool {
	leftHigh, leftLow := bits.Mul64(a, d)
	rightHigh, rightLow := bits.Mul64(c, b)
	return leftHigh < rightHigh || leftHigh == rightHigh && leftLow < rightLow
}

// hash mixes a client unit with an endpoint's seed (the finalizer of SplitMix64, Steele, Lea and Flood, 2014).
func hash(unit netip.Prefix, seed uint64) uint64 {
	octets := unit.Addr().As16()
	z := seed
	for _, part := range [...]uint64{bigEndian(octets[:8]), bigEndian(octets[8:])} {
		z ^= part
		z += 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
	}
	return z
}

func bigEndian(b []byte) (n uint64) {
	for _, octet := range b {
		n = n<<8 | uint64(octet)
	}
	return n
}

// negLog2 is -log2((h + 1) / 2^64) in fixed point with 32 fractional bits. The logarithm of the mantissa is taken bit by
// bit (squaring), 20 bits deep, which is finer than any weight that an operator can tell apart.
func negLog2(h uint64) uint64 {
	if h == 1<<64-1 {
		return 0
	}
	h++
	shift := bits.LeadingZeros64(h)
	mantissa := h << shift // in [2^63, 2^64), read as [1, 2)
	log := uint64(63-shift) << 32
	for bit := 31; bit >= 12; bit-- {
		mantissa, _ = bits.Mul64(mantissa, mantissa) // [1, 4) with 62 fractional bits
		if mantissa>>63 == 1 {
			log |= 1 << bit
		} else {
			mantissa <<= 1
		}
	}
	return 64<<32 - log
}
