package solve

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidegate.dev/tidegate/gslb"
)

// dumb is a flow network for successive shortest paths: always along the cheapest way that is left. Flows are in
// ten-thousandths of a milli-RPS.
type dumb struct {
	to         []int
	room, cost []int64 // arc i's reverse is i^1
	of         [][]int // the arcs of a node
}

func (d *dumb) add(from, to int, room, cost int64) int {
	for range max(from, to) + 1 - len(d.of) {
		d.of = append(d.of, nil)
	}
	d.of[from] = append(d.of[from], len(d.to))
	d.of[to] = append(d.of[to], len(d.to)+1)
	d.to, d.room, d.cost = append(d.to, to, from), append(d.room, room, 0), append(d.cost, cost, -cost)
	return len(d.to) - 2
}

// run sends all it can from node 0 to node 1.
func (d *dumb) run() {
	for {
		distance, by := make([]int64, len(d.of)), make([]int, len(d.of))
		for v := range by {
			distance[v], by[v] = 1<<60, -1
		}
		distance[0] = 0
		for changed := true; changed; {
			changed = false
			for v := range d.of {
				for _, a := range d.of[v] {
					if d.room[a] > 0 && distance[v] < 1<<60 && distance[v]+d.cost[a] < distance[d.to[a]] {
						distance[d.to[a]], by[d.to[a]], changed = distance[v]+d.cost[a], a, true
					}
				}
			}
		}
		if by[1] < 0 {
			return
		}
		amount := int64(1 << 60)
		for v := 1; v != 0; v = d.to[by[v]^1] {
			amount = min(amount, d.room[by[v]])
		}
		for v := 1; v != 0; v = d.to[by[v]^1] {
			d.room[by[v]] -= amount
			d.room[by[v]^1] += amount
		}
	}
}

// dumbPrice is what the first level of overload costs; the next ones cost twice, three times, ... as much.
const dumbPrice = 1_000_000

// dumbOverload are the levels of overload above a limit, and the last without an end.
func dumbOverload(limit int64) (rooms []int64) {
	last := int64(0)
	for _, percent := range []int64{2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000} {
		rooms = append(rooms, limit*percent/100-last)
		last = limit * percent / 100
	}
	return append(rooms, 1<<50)
}

// dumbSolve is the least cost beside overload, and the price of the overload in dumbPrice, both in ten-thousandths.
func dumbSolve(p Problem) (cost, overload int64) {
	d := &dumb{}
	site := func(i int) int { return 2 + len(p.Classes) + i }
	for k, class := range p.Classes {
		demand := int64(class.Demand)
		d.add(0, 2+k, demand*10_000, 0)
		most, previous := int64(class.MaxShare), gslb.Share(0)
		if most == 0 {
			most = 10_000
		}
		for most*int64(len(class.Edges)) < 10_000 {
			most++
		}
		for _, e := range class.Edges {
			previous += e.Previous
		}
		for _, e := range class.Edges {
			kept := min(int64(e.Previous), most)
			penalty := int64(p.MovePenalty)
			if previous == 0 {
				penalty = 0
			}
			d.add(2+k, site(e.Site), kept*demand, int64(e.Cost))
			d.add(2+k, site(e.Site), (most-kept)*demand, int64(e.Cost)+penalty)
		}
	}
	for i, s := range p.Sites {
		limit := int64(0)
		for _, step := range s.Steps {
			d.add(site(i), 1, (int64(step.UpTo)-limit)*10_000, int64(step.Cost))
			limit = int64(step.UpTo)
		}
		for level, room := range dumbOverload(limit * 10_000) {
			d.add(site(i), 1, room, dumbPrice*int64(level+1))
		}
	}
	d.run()
	for a := 0; a < len(d.to); a += 2 {
		flow := d.room[a+1]
		overload += d.cost[a] / dumbPrice * flow
		cost += d.cost[a] % dumbPrice * flow
	}
	return cost, overload
}

// priced is the price of the sites' overload as dumbSolve counts it, from the flows.
func (n *network) priced() (overload int64) {
	price := n.cost[n.stepsOf[1]-1] / int64(len(overloadPercent)+1)
	for i, first := range n.pastLimit {
		for a := first; a < n.stepsOf[i+1]; a++ {
			overload += n.cost[a] / price * n.flow[a]
		}
	}
	return overload
}

// Small problems cost what the dumb solver says; the bound is as high; a solver that has solved others finds the same.
func TestSolveAgainstSuccessiveShortestPaths(t *testing.T) {
	var warm Solver
	overloaded, pivoted := 0, 0
	for seed := range uint64(2000) {
		p := random(rand.New(rand.NewPCG(seed, 7)))
		var cold Solver
		s := mustSolve(t, &cold, p)
		cost, overload := dumbSolve(p)
		got := fmt.Sprint(s.Objective, " ", cold.network.priced())
		if want := fmt.Sprint(cost/10_000, " ", overload); got != want {
			t.Fatalf("seed %d: cost and overload %s, want %s: %+v", seed, got, want, p)
		}
		if s.Bound.Cmp(s.Objective) != 0 || s.Gap() != 0 {
			t.Fatalf("seed %d: bound %v, cost %v", seed, s.Bound, s.Objective)
		}
		cold.network.checkTree(t)
		again := mustSolve(t, &warm, p)
		if again.Objective.Cmp(s.Objective) != 0 || warm.network.priced() != overload {
			t.Fatalf("seed %d: the solver that has solved others found cost %v, want %v", seed, again.Objective, s.Objective)
		}
		checkSolution(t, p, s)
		checkSolution(t, p, again)
		if s.Overloaded > 0 {
			overloaded++
		}
		if s.Pivots > 0 {
			pivoted++
		}
	}
	t.Logf("of 2,000 problems %d were overloaded, %d took pivots", overloaded, pivoted)
	if overloaded < 200 || pivoted < 500 {
		t.Errorf("only %d problems were overloaded, and %d took pivots", overloaded, pivoted)
	}
}

// checkTree checks that the tree is a solution, and strongly feasible: from every node more could flow to the root.
func (n *network) checkTree(t *testing.T) {
	t.Helper()
	for v := range int32(n.root) {
		a := n.pred[v]
		if n.roomUp(v) <= 0 {
			t.Errorf("node %d: no room on the way up", v)
		}
		if n.y[n.from[a]]-n.y[n.to[a]] != n.cost[a] {
			t.Errorf("node %d: potentials %d and %d at an arc of cost %d", v, n.y[n.from[a]], n.y[n.to[a]], n.cost[a])
		}
	}
}

// checkSolution checks what holds for every solution.
func checkSolution(t testing.TB, p Problem, s *Solution) {
	t.Helper()
	var demand, load, overload gslb.MilliRPS
	for k, class := range p.Classes {
		demand += class.Demand
		sum := gslb.Share(0)
		for _, share := range s.Shares[k] {
			if share < 0 || share > class.maxShare() {
				t.Errorf("classes[%d]: share %d of at most %d", k, share, class.maxShare())
			}
			sum += share
		}
		if sum != gslb.WholeShare || len(s.Shares[k]) != len(class.Edges) {
			t.Errorf("classes[%d]: shares %v add up to %d", k, s.Shares[k], sum)
		}
	}
	for i, site := range p.Sites {
		limit := gslb.MilliRPS(0)
		if len(site.Steps) > 0 {
			limit = site.Steps[len(site.Steps)-1].UpTo
		}
		if over := max(s.Load[i]-limit, 0); over != s.Overload[i] {
			t.Errorf("sites[%d]: overload %d, but load %d of %d", i, s.Overload[i], s.Load[i], limit)
		}
		load += s.Load[i]
		overload += s.Overload[i]
	}
	if lost := demand - load; lost < 0 || lost > gslb.MilliRPS(len(p.Sites)) || overload != s.Overloaded {
		t.Errorf("load %d of demand %d; overload %d, in all %d", load, demand, overload, s.Overloaded)
	}
	if s.MovedShare < 0 || s.MovedShare > gslb.WholeShare {
		t.Errorf("moved share %d", s.MovedShare)
	}
}
