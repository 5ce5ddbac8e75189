package solve

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb"
)

// upTo is a site of one step that costs nothing.
func upTo(limit gslb.MilliRPS) Site { return Site{[]Step{{limit, 0}}} }

// class has its edges as site, cost, previous share.
func class(demand gslb.MilliRPS, maxShare gslb.Share, edges ...[3]int) Class {
	c := Class{Demand: demand, MaxShare: maxShare}
	for _, e := range edges {
		c.Edges = append(c.Edges, Edge{e[0], Cost(e[1]), gslb.Share(e[2])})
	}
	return c
}

func TestSolve(t *testing.T) {
	for _, c := range []struct {
		name      string
		penalty   Cost
		sites     []Site
		classes   []Class
		shares    string
		load      string
		overload  string
		objective int64
		moved     gslb.Share
	}{
		{"nothing at all", 0, nil, nil, "[]", "[]", "[]", 0, 0},
		{"the nearest, while it has room", 0, []Site{upTo(100), upTo(100)},
			[]Class{class(60, 0, [3]int{0, 10}, [3]int{1, 20}), class(60, 0, [3]int{0, 30}, [3]int{1, 5})},
			"[[10000 0] [0 10000]]", "[60 60]", "[0 0]", 900, 0},
		{"what does not fit goes on", 0, []Site{upTo(75), upTo(100)}, []Class{class(100, 0, [3]int{0, 10}, [3]int{1, 20})},
			"[[7500 2500]]", "[75 25]", "[0 0]", 1250, 0},
		{"who has the shorter detour gives way", 0, []Site{upTo(100), upTo(200)},
			[]Class{class(100, 0, [3]int{0, 10}, [3]int{1, 90}), class(100, 0, [3]int{0, 5}, [3]int{1, 20})},
			"[[10000 0] [0 10000]]", "[100 100]", "[0 0]", 3000, 0},
		{"a chain of three gives way", 0, []Site{upTo(100), upTo(100), upTo(100)},
			[]Class{class(100, 0, [3]int{0, 1}), class(100, 0, [3]int{0, 1}, [3]int{1, 9}), class(100, 0, [3]int{1, 1}, [3]int{2, 9})},
			"[[10000] [0 10000] [0 10000]]", "[100 100 100]", "[0 0 0]", 1900, 0},
		{"a step is worth a detour that costs less", 0, []Site{{[]Step{{50, 0}, {100, 15}}}, upTo(100)},
			[]Class{class(80, 0, [3]int{0, 10}, [3]int{1, 20})}, "[[6250 3750]]", "[50 30]", "[0 0]", 1100, 0},
		{"and not one that costs more", 0, []Site{{[]Step{{50, 0}, {100, 15}}}, upTo(100)},
			[]Class{class(80, 0, [3]int{0, 10}, [3]int{1, 30})}, "[[10000 0]]", "[80 0]", "[0 0]", 1250, 0},
		{"a site without an edge is never used", 0, []Site{upTo(10), upTo(1000)}, []Class{class(100, 0, [3]int{0, 10})},
			"[[10000]]", "[100 0]", "[90 0]", 1000, 0},
		{"at most half at one site", 0, []Site{upTo(100), upTo(100), upTo(100)},
			[]Class{class(100, 5000, [3]int{0, 10}, [3]int{1, 20}, [3]int{2, 30})}, "[[5000 5000 0]]", "[50 50 0]", "[0 0 0]", 1500, 0},
		{"as far as the edges allow", 0, []Site{upTo(100), upTo(100), upTo(100)},
			[]Class{class(90, 1000, [3]int{0, 10}, [3]int{1, 20}, [3]int{2, 30})}, "[[3334 3334 3332]]", "[30 30 29]", "[0 0 0]", 1799, 0},
		{"a small gain moves nobody", 20, []Site{upTo(100), upTo(100)}, []Class{class(50, 0, [3]int{0, 10}, [3]int{1, 29, 10000})},
			"[[0 10000]]", "[0 50]", "[0 0]", 1450, 0},
		{"a larger one does", 20, []Site{upTo(100), upTo(100)}, []Class{class(50, 0, [3]int{0, 10}, [3]int{1, 31, 10000})},
			"[[10000 0]]", "[50 0]", "[0 0]", 1500, 10000},
		{"only what has to moves", 20, []Site{upTo(40), upTo(100)},
			[]Class{class(50, 0, [3]int{0, 10, 10000}, [3]int{1, 10}), class(50, 0, [3]int{1, 10, 10000}, [3]int{0, 10})},
			"[[8000 2000] [10000 0]]", "[40 60]", "[0 0]", 1200, 1000},
		{"a new class pays no penalty", 20, []Site{upTo(100), upTo(100)}, []Class{class(50, 0, [3]int{0, 10}, [3]int{1, 31})},
			"[[10000 0]]", "[50 0]", "[0 0]", 500, 0},
		{"part of a class whose site has gone", 20, []Site{upTo(100), upTo(100)}, []Class{class(50, 0, [3]int{0, 10, 2000}, [3]int{1, 20, 5000})},
			"[[5000 5000]]", "[25 25]", "[0 0]", 1050, 3000},
		{"overload is shared by limit", 0, []Site{upTo(1000), upTo(3000)}, []Class{class(4800, 0, [3]int{0, 10}, [3]int{1, 900})},
			"[[2500 7500]]", "[1200 3600]", "[200 600]", 3252000, 0},
		{"with those that others make room for", 0, []Site{upTo(1000), upTo(1000), upTo(1000)},
			[]Class{class(2200, 0, [3]int{0, 10}, [3]int{1, 900}), class(1100, 0, [3]int{1, 10}, [3]int{2, 900})},
			"[[5000 5000] [0 10000]]", "[1100 1100 1100]", "[100 100 100]", 1991000, 0},
		{"not with those that would relieve nobody", 0, []Site{upTo(1000), upTo(1000)},
			[]Class{class(1100, 0, [3]int{0, 10}), class(900, 0, [3]int{1, 10})}, "[[10000] [10000]]", "[1100 900]", "[100 0]", 20000, 0},
		{"a closed site takes no overload", 0, []Site{{}, upTo(100)}, []Class{class(500, 0, [3]int{0, 1}, [3]int{1, 99})},
			"[[0 10000]]", "[0 500]", "[0 400]", 49500, 0},
		{"unless there is no other", 0, []Site{{}, upTo(100)}, []Class{class(500, 0, [3]int{0, 1})},
			"[[10000]]", "[500 0]", "[500 0]", 500, 0},
		{"thirds", 0, []Site{upTo(1), upTo(1), upTo(1)}, []Class{class(3, 0, [3]int{0, 1}, [3]int{1, 1}, [3]int{2, 1})},
			"[[3334 3333 3333]]", "[1 1 1]", "[0 0 0]", 3, 0},
		{"rounded to where there is room", 0, []Site{upTo(160), upTo(2_000_000)}, []Class{class(1_000_000, 0, [3]int{0, 1}, [3]int{1, 2})},
			"[[1 9999]]", "[160 999840]", "[0 0]", 1999840, 0},
		{"rounded to where it hurts least", 0, []Site{upTo(160), upTo(999_880)}, []Class{class(1_000_000, 0, [3]int{0, 1}, [3]int{1, 2})},
			"[[1 9999]]", "[160 999840]", "[0 0]", 1999840, 0},
		{"rounded by remainder where all have room", 0, []Site{{[]Step{{160, 0}, {1000, 5}}}, upTo(2_000_000)},
			[]Class{class(1_000_000, 0, [3]int{0, 1}, [3]int{1, 2})}, "[[2 9998]]", "[160 999840]", "[0 0]", 1999840, 0},
		{"idle: the nearest", 0, []Site{upTo(1), upTo(1)}, []Class{class(0, 0, [3]int{0, 9}, [3]int{1, 1})},
			"[[0 10000]]", "[0 0]", "[0 0]", 0, 0},
		{"idle: not a full site", 0, []Site{upTo(1), upTo(2)}, []Class{class(0, 0, [3]int{0, 1}, [3]int{1, 9}), class(1, 0, [3]int{0, 1})},
			"[[0 10000] [10000]]", "[1 0]", "[0 0]", 1, 0},
		{"idle: its last site for a small gain", 10, []Site{upTo(1), upTo(1)}, []Class{class(0, 0, [3]int{0, 1}, [3]int{1, 9, 10000})},
			"[[0 10000]]", "[0 0]", "[0 0]", 0, 0},
		{"idle: its last shares for a small gain", 10, []Site{upTo(1), upTo(1), upTo(1)},
			[]Class{class(0, 0, [3]int{0, 1, 1234}, [3]int{1, 9, 5000}, [3]int{2, 20, 3766})}, "[[5000 5000 0]]", "[0 0 0]", "[0 0 0]", 0, 0},
		{"idle: at most half at one site", 0, []Site{upTo(1), upTo(1)}, []Class{class(0, 5000, [3]int{0, 1}, [3]int{1, 9})},
			"[[5000 5000]]", "[0 0]", "[0 0]", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Problem{Sites: c.sites, Classes: c.classes, MovePenalty: c.penalty}
			s := mustSolve(t, new(Solver), p)
			got := fmt.Sprintf("%d %d %d %v moved %d", s.Shares, s.Load, s.Overload, s.Objective, s.MovedShare)
			if want := fmt.Sprintf("%s %s %s %d moved %d", c.shares, c.load, c.overload, c.objective, c.moved); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if s.Gap() != 0 {
				t.Errorf("bound %v", s.Bound)
			}
			checkSolution(t, p, s)
		})
	}
}

func TestSolveRefuses(t *testing.T) {
	fine := func() Problem {
		return Problem{Sites: []Site{upTo(1), upTo(1)}, Classes: []Class{class(1, 0, [3]int{0, 1}), class(1, 0, [3]int{0, 1}, [3]int{1, 2})}}
	}
	for want, change := range map[string]func(*Problem){
		"":                                                  func(*Problem) {},
		"classes[1]: no edge":                               func(p *Problem) { p.Classes[1].Edges = nil },
		"classes[1]: demand -1":                             func(p *Problem) { p.Classes[1].Demand = -1 },
		"classes[0]: demand 1000000000001":                  func(p *Problem) { p.Classes[0].Demand = gslb.MaxRate + 1 },
		"classes[0]: max share 10001":                       func(p *Problem) { p.Classes[0].MaxShare = 10_001 },
		"classes[0]: max share -1":                          func(p *Problem) { p.Classes[0].MaxShare = -1 },
		"classes[1]: edges[1]: site 2 of 2":                 func(p *Problem) { p.Classes[1].Edges[1].Site = 2 },
		"classes[1]: edges[1]: site -1 of 2":                func(p *Problem) { p.Classes[1].Edges[1].Site = -1 },
		"classes[1]: edges[1]: site 0 again":                func(p *Problem) { p.Classes[1].Edges[1].Site = 0 },
		"classes[1]: edges[0]: cost -1":                     func(p *Problem) { p.Classes[1].Edges[0].Cost = -1 },
		"classes[1]: edges[0]: cost 1000000001":             func(p *Problem) { p.Classes[1].Edges[0].Cost = MaxCost + 1 },
		"classes[1]: edges[0]: previous share -1":           func(p *Problem) { p.Classes[1].Edges[0].Previous = -1 },
		"classes[1]: previous shares add up to 10001":       func(p *Problem) { p.Classes[1].Edges[0].Previous, p.Classes[1].Edges[1].Previous = 1, 10_000 },
		"sites[1].steps[0]: -1 at cost 0 after 0 at cost 0": func(p *Problem) { p.Sites[1].Steps[0].UpTo = -1 },
		"sites[1].steps[1]: 1 at cost 2 after 1 at cost 3":  func(p *Problem) { p.Sites[1].Steps = []Step{{1, 3}, {1, 2}} },
		"sites[1].steps[1]: 1 at cost 3 after 2 at cost 3":  func(p *Problem) { p.Sites[1].Steps = []Step{{2, 3}, {1, 3}} },
		"sites[0].steps[0]: cost 1000000001, want at most":  func(p *Problem) { p.Sites[0].Steps[0].Cost = MaxCost + 1 },
		"move penalty: -1":                                  func(p *Problem) { p.MovePenalty = -1 },
		"move penalty: 1000000001":                          func(p *Problem) { p.MovePenalty = MaxCost + 1 },
		"65537 sites, 2 classes: at most 65536 of each":     func(p *Problem) { p.Sites = make([]Site, 65537) },
		"2 sites, 65537 classes: at most 65536 of each":     func(p *Problem) { p.Classes = make([]Class, 65537) },
	} {
		p := fine()
		change(&p)
		_, err := new(Solver).Solve(p)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Overload is shared within 2 % of the limits while it is at most 20 % of them, by all that clients can be sent to.
func TestOverloadIsProportional(t *testing.T) {
	for percent := gslb.MilliRPS(1); percent <= 20; percent++ {
		p := world(5, 8, 60) // eight sites, and eight edges: each class reaches all
		var limit, demand gslb.MilliRPS
		for _, s := range p.Sites {
			limit += s.Steps[1].UpTo
		}
		for _, c := range p.Classes {
			demand += c.Demand
		}
		for k := range p.Classes {
			p.Classes[k].Demand = p.Classes[k].Demand * (limit * (100 + percent) / 1000) / (demand / 10)
		}
		s := mustSolve(t, new(Solver), p)
		for i, site := range p.Sites {
			got := float64(s.Overload[i]) / float64(site.Steps[1].UpTo) * 100
			if got < float64(percent)-2.01 || got > float64(percent)+2.01 {
				t.Errorf("%d %% too much: sites[%d] has %.3f %% of its limit", percent, i, got)
			}
		}
	}
}

// The bound holds for whatever prices there are, and reaches the cost with the right ones.
func TestBoundNeverAboveTheOptimum(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		p := world(seed, 12, 80)
		if seed%2 == 0 {
			p = random(rng)
		}
		var solver Solver
		s := mustSolve(t, &solver, p)
		if s.Bound.Cmp(s.Objective) != 0 {
			t.Fatalf("seed %d: bound %v, cost %v", seed, s.Bound, s.Objective)
		}
		n := &solver.network
		n.build(&p)
		n.start(solver.hints(&p))
		n.simplex()
		for range 20 {
			for v := n.classes; v < n.root; v++ {
				n.y[v] += rng.Int64N(2001) - 1000
			}
			if bound := n.bound(); bound.Cmp(s.Objective) > 0 {
				t.Fatalf("seed %d: bound %v is above the cost %v", seed, bound, s.Objective)
			}
		}
	}
}

// The same input gives the same bits.
func TestSolveIsDeterministic(t *testing.T) {
	p := world(3, 30, 300)
	if a, b := mustSolve(t, new(Solver), p), mustSolve(t, new(Solver), p); !reflect.DeepEqual(a, b) {
		t.Error("two solvers differ")
	}
}

// A solver that has solved others finds the same cost, whatever changes.
func TestWarmIsAsGoodAsCold(t *testing.T) {
	var warm Solver
	p := world(4, 40, 400)
	for round := range uint64(30) {
		p = drift(p, round, 10)
		if round%5 == 4 {
			p.Sites = append([]Site(nil), p.Sites...)
			p.Sites[round].Steps = nil
		}
		a, b := mustSolve(t, &warm, p), mustSolve(t, new(Solver), p)
		if a.Objective.Cmp(b.Objective) != 0 || a.Overloaded != b.Overloaded || a.Gap() != 0 {
			t.Fatalf("round %d: warm %v and %v over, cold %v and %v over", round, a.Objective, a.Overloaded, b.Objective, b.Overloaded)
		}
		checkSolution(t, p, a)
		p = follow(p, a)
	}
}

// Solved again with its own shares as the last ones, a problem moves nobody and keeps its shares.
func TestNothingChangesNothing(t *testing.T) {
	for seed := range uint64(20) {
		var solver Solver
		p := world(seed, 20, 200)
		first := mustSolve(t, &solver, p)
		again := mustSolve(t, new(Solver), follow(p, first))
		if again.MovedShare > 1 { // rounding leaves a site over its limit by less than a ten-thousandth
			t.Errorf("seed %d: %d of 10,000 moved", seed, again.MovedShare)
		}
	}
}

// classOf has one edge to each of the first sites.
func classOf(edges int, maxShare gslb.Share) *Class {
	c := &Class{MaxShare: maxShare}
	for i := range edges {
		c.Edges = append(c.Edges, Edge{Site: i})
	}
	return c
}

// Each share is within one ten-thousandth of its flow.
func TestRound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		flow, shares := make([]int64, 1+rng.IntN(9)), make([]gslb.Share, 9)
		demand := int64(0)
		for i := range flow {
			flow[i] = rng.Int64N(1 << rng.IntN(50))
			demand += flow[i]
		}
		if demand == 0 {
			continue
		}
		shares = shares[:len(flow)]
		exact := append([]int64(nil), flow...)
		r := rounding{flow: flow, room: make([]int64, len(flow)), limit: make([]int64, len(flow))}
		r.round(shares, classOf(len(flow), 0), demand, false)
		sum := gslb.Share(0)
		for i, share := range shares {
			sum += share
			if off := float64(share) - float64(exact[i])/float64(demand)*10_000; off <= -1.0001 || off >= 1.0001 {
				t.Fatalf("%v: %v", exact, shares)
			}
		}
		if sum != gslb.WholeShare {
			t.Fatalf("%v: %v add up to %d", exact, shares, sum)
		}
	}
}

// No share is above the limit, however little there is to share out.
func TestRoundKeepsTheLimit(t *testing.T) {
	for _, c := range []struct {
		flow  []int64
		limit gslb.Share
		want  string
	}{
		{[]int64{1, 0}, 5000, "[5000 5000]"},
		{[]int64{334, 333, 333}, 3334, "[3334 3333 3333]"},
		{[]int64{334, 334, 332}, 3334, "[3334 3334 3332]"},
		{[]int64{5, 2, 0}, 4000, "[4000 4000 2000]"},
		{[]int64{2, 2, 3}, 10_000, "[2857 2857 4286]"},
	} {
		shares, demand := make([]gslb.Share, len(c.flow)), int64(0)
		for _, f := range c.flow {
			demand += f
		}
		text := fmt.Sprint(c.flow)
		r := rounding{flow: c.flow, room: make([]int64, len(shares)), limit: make([]int64, len(shares))}
		if r.round(shares, classOf(len(shares), c.limit), demand, true); fmt.Sprintf("%d", shares) != c.want {
			t.Errorf("%s, at most %d: %d, want %s", text, c.limit, shares, c.want)
		}
	}
}

// The largest numbers there are do not overflow: the bound would not meet the cost.
func TestLargestNumbers(t *testing.T) {
	p := Problem{Sites: []Site{upTo(1<<63 - 1)}, MovePenalty: MaxCost}
	for range 999 {
		p.Sites = append(p.Sites, Site{[]Step{{gslb.MaxRate, MaxCost}, {1<<63 - 1, MaxCost}}}, upTo(1))
	}
	for i := range 300 {
		p.Sites[1+i].Steps = nil
	}
	for k := range 2000 {
		c := Class{Demand: gslb.MaxRate, MaxShare: 3334}
		for i := range 8 {
			c.Edges = append(c.Edges, Edge{Site: 1 + (k*7+i*i)%1998, Cost: MaxCost - Cost(k%3), Previous: 1250})
		}
		p.Classes = append(p.Classes, c)
	}
	check := func() *Solution {
		s := mustSolve(t, new(Solver), p)
		if s.Gap() != 0 || s.Objective.Cmp(s.Bound) != 0 {
			t.Errorf("cost %d, bound %d", s.Objective, s.Bound)
		}
		checkSolution(t, p, s)
		return s
	}
	check()
	for k := range p.Classes {
		p.Classes[k].Edges = []Edge{{Cost: MaxCost}}
	}
	one := check()
	if want := 2000 * gslb.MaxRate; one.Load[0] != want {
		t.Errorf("load %d, want %d", one.Load[0], want)
	}
}
