package solve

import (
	"testing"

	"tidegate.dev/tidegate/gslb"
)

// reader makes numbers of bytes: small ones, large ones, wrong ones.
type reader []byte

func (r *reader) next() int64 {
	if len(*r) == 0 {
		return 0
	}
	b := (*r)[0]
	*r = (*r)[1:]
	switch {
	case b < 200:
		return int64(b)
	case b < 240:
		return int64(b-199) << (b - 200)
	}
	return int64(b) - 243
}

// FuzzSolve solves two problems of one stream with one solver: none makes it panic, and what it solves is optimal.
func FuzzSolve(f *testing.F) {
	f.Add([]byte("\x02\x03\x02\x10\x00\x20\x05\x01\x30\x01\x05\x40\x00\x02\x00\x01\x10\x01\x02\x20\xf0"))
	f.Add([]byte{3, 5, 0, 1, 9, 9, 2, 230, 0, 235, 40, 5, 220, 0, 3, 0, 1, 1, 1, 1, 1, 2, 2, 2, 239, 0, 1, 2, 239, 220})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := reader(data)
		var solver Solver
		for range 2 {
			p := r.problem()
			s, err := solver.Solve(p)
			if err != nil {
				continue
			}
			checkSolution(t, p, s)
			if s.Bound.Cmp(s.Objective) != 0 {
				t.Errorf("cost %v, bound %v: %+v", s.Objective, s.Bound, p)
			}
		}
	})
}

func (r *reader) problem() Problem {
	p := Problem{Sites: make([]Site, r.next()&7), Classes: make([]Class, r.next()&7), MovePenalty: Cost(r.next())}
	for i := range p.Sites {
		var last Step
		for range r.next() & 3 {
			last.UpTo += gslb.MilliRPS(r.next())
			last.Cost += Cost(r.next())
			p.Sites[i].Steps = append(p.Sites[i].Steps, last)
		}
	}
	for k := range p.Classes {
		c := &p.Classes[k]
		c.Demand, c.MaxShare = gslb.MilliRPS(r.next()), gslb.Share(r.next()*50)
		first := r.next()
		for i := range r.next() & 7 {
			e := Edge{Cost: Cost(r.next()), Previous: gslb.Share(r.next() * 12)}
			if len(p.Sites) > 0 {
				e.Site = int((first + i) % int64(len(p.Sites)))
			}
			c.Edges = append(c.Edges, e)
		}
	}
	return p
}
