package solve

import (
	"math/bits"

	"tidegate.dev/tidegate/gslb"
)

// rounding turns flows into shares. A ten-thousandth of a large class may be much for a small site, so it keeps account
// of the room that is left below the limits, in units.
type rounding struct {
	room, limit []int64 // by site
	// Of the edges of one class:
	flow, rest []int64
	open       []bool
}

// shares rounds the flows of all classes.
func (n *network) shares(p *Problem, out *Solution) {
	out.Shares = make([][]gslb.Share, len(p.Classes))
	edges := 0
	for k := range p.Classes {
		edges += len(p.Classes[k].Edges)
	}
	all, r := make([]gslb.Share, edges), n.newRounding()
	for k := range p.Classes {
		class := &p.Classes[k]
		r.flow = append(r.flow[:0], make([]int64, len(class.Edges))...)
		for a := n.arcsOf[k]; a < n.arcsOf[k+1]; a++ {
			r.flow[n.edge[a]] += n.flow[a]
		}
		out.Shares[k], all = all[:len(r.flow):len(r.flow)], all[len(r.flow):]
		r.round(out.Shares[k], class, n.demand(k), n.supply[k] == 0)
	}
}

func (n *network) newRounding() rounding {
	r := rounding{room: make([]int64, len(n.pastLimit)), limit: make([]int64, len(n.pastLimit))}
	for i, end := range n.pastLimit {
		for a := n.stepsOf[i]; a < end; a++ {
			r.limit[i] += n.cap[a]
			r.room[i] += n.cap[a] - n.flow[a]
		}
	}
	return r
}

// round gives each edge the ten-thousandths that its flow fills, and the rest by largest remainder among the sites that
// have room for it; where none has, to the one that it puts least above its limit, in proportion. So each share is within one ten-thousandth of its flow; and none is
// above what the class allows.
func (r *rounding) round(shares []gslb.Share, class *Class, demand int64, idle bool) {
	limit, left := class.maxShare(), gslb.WholeShare
	r.rest, r.open = r.rest[:0], r.open[:0]
	for i, f := range r.flow {
		high, low := bits.Mul64(uint64(f), uint64(gslb.WholeShare))
		whole, rest := bits.Div64(high, low, uint64(demand))
		shares[i] = min(gslb.Share(whole), limit)
		left -= shares[i]
		r.rest, r.open = append(r.rest, int64(rest)), append(r.open, shares[i] < limit)
		if !idle {
			r.room[class.Edges[i].Site] += f - part(demand, shares[i])
		}
	}
	one := partUp(demand, 1)
	if idle {
		one = 0
	}
	for ; left > 0; left-- {
		best := r.next(class, one)
		shares[best]++
		r.rest[best] -= demand
		r.open[best] = shares[best] < limit
		r.room[class.Edges[best].Site] -= one
	}
}

// next is the edge that gets one ten-thousandth more.
func (r *rounding) next(class *Class, one int64) int {
	best := -1
	for i, e := range class.Edges {
		if r.open[i] && (best < 0 || r.before(i, e.Site, best, class.Edges[best].Site, one)) {
			best = i
		}
	}
	return best
}

// before orders edges: those with a remainder, then those of sites with room by remainder, then the others.
func (r *rounding) before(i, site, j, other int, one int64) bool {
	if has := r.rest[i] > 0; has != (r.rest[j] > 0) {
		return has
	}
	fits := r.room[site] >= one
	if fits != (r.room[other] >= one) {
		return fits
	}
	if fits {
		return r.rest[i] > r.rest[j]
	}
	// (one - room) / limit is less, with fractions multiplied out.
	high, low := bits.Mul64(uint64(one-r.room[site]), uint64(r.limit[other]))
	otherHigh, otherLow := bits.Mul64(uint64(one-r.room[other]), uint64(r.limit[site]))
	return high < otherHigh || high == otherHigh && low < otherLow
}
