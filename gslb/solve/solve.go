package solve

import (
	"math/big"
	"math/bits"

	"tidegate.dev/tidegate/gslb"
)

// Solver solves one problem after the other. It keeps its memory and the sites' prices of the last solution, from which
// the next one starts: a small change takes few steps. The cost of a solution does not depend on what came before; which
// of several equally good ones it is may. The zero Solver is ready.
type Solver struct {
	network network
	price   []int64 // by site, of the last solution; none at first
}

// Solve returns a solution of least cost. It is an error if the problem is not one, and says where.
func (s *Solver) Solve(p Problem) (*Solution, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	n := &s.network
	n.build(&p)
	n.start(s.hints(&p))
	pivots := n.simplex()
	s.price = append(s.price[:0], n.y[n.classes:n.root]...)
	out := &Solution{Pivots: pivots}
	out.Objective, out.Bound = n.objective(), n.bound()
	n.serveIdle()
	n.loads(&p, out)
	n.shares(&p, out)
	out.MovedShare = moved(&p, out.Shares)
	return out, nil
}

// hints are what a site's room may be worth: as in the last solution, and at first as much as its last step.
func (s *Solver) hints(p *Problem) []int64 {
	if len(s.price) == len(p.Sites) {
		return s.price
	}
	s.price = s.price[:0]
	for _, site := range p.Sites {
		hint := int64(0)
		if last := len(site.Steps) - 1; last >= 0 {
			hint = int64(site.Steps[last].Cost)
		}
		s.price = append(s.price, hint)
	}
	return s.price
}

// loads tells what the sites get.
func (n *network) loads(p *Problem, out *Solution) {
	out.Load = make([]gslb.MilliRPS, len(p.Sites))
	out.Overload = make([]gslb.MilliRPS, len(p.Sites))
	for i := range p.Sites {
		load, over := int64(0), int64(0)
		for a := n.stepsOf[i]; a < n.stepsOf[i+1]; a++ {
			load += n.flow[a]
			if a >= n.pastLimit[i] {
				over += n.flow[a]
			}
		}
		out.Load[i], out.Overload[i] = gslb.MilliRPS(load/n.unit), gslb.MilliRPS(over/n.unit)
		out.Overloaded += out.Overload[i]
	}
}

// moved is the part of all demand that sites get above their last shares.
func moved(p *Problem, shares [][]gslb.Share) gslb.Share {
	var total uint64
	var sum sum128
	for k := range p.Classes {
		class := &p.Classes[k]
		total += uint64(class.Demand)
		if class.isNew() {
			continue
		}
		for i, e := range class.Edges {
			sum.add(int64(class.Demand), int64(max(shares[k][i]-e.Previous, 0)))
		}
	}
	if total == 0 {
		return 0
	}
	part, _ := bits.Div64(sum.high, sum.low, total)
	return gslb.Share(part)
}

// sum128 adds up products: a rate times a cost does not fit into 64 bits.
type sum128 struct{ high, low uint64 }

// add adds a times b; neither is negative.
func (s *sum128) add(a, b int64) {
	high, low := bits.Mul64(uint64(a), uint64(b))
	var carry uint64
	s.low, carry = bits.Add64(s.low, low, 0)
	s.high += high + carry
}

func (s *sum128) big() *big.Int {
	n := new(big.Int).SetUint64(s.high)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(s.low))
}
