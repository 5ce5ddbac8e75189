package loop

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/solve"
)

// turn is one Step under way.
type turn struct {
	policy   Policy
	was      State
	in       Input
	elapsed  time.Duration
	index    map[gslb.SiteID]int
	estimate *estimate
	capacity []capacity
	usable   []bool // sites that may have shares
	// before and after are the shares that were published and those to publish, by class, parallel to its candidates.
	before, after [][]gslb.Share
	// unshifted are the shares as they would be without operators' moves: at first those to publish last time.
	unshifted [][]gslb.Share
	split     []bool // by class: the map had a split of it
	// effective are the shares as clients follow them now, parallel to before, and follows the cells that say so; drift is by
	// how much more arrives at a site than they bring, in thousandths of a request a second.
	effective [][]float64
	follows   [][]cell
	drift     []float64
	stray     []float64                // what comes to each site of classes without a usable candidate
	heavy     map[netip.Addr]time.Time // resolvers, and when each last carried as much as makes one heavy
	lump      []float64                // by class: what its heaviest resolver carries
	out       Output
}

// Step thinks once about one service.
func Step(p Policy, was State, in Input) (State, Output) {
	t := newTurn(p, was, in)
	if t.massSilence() {
		return t.freeze()
	}
	t.look()
	target := t.solve()
	t.unshifted = cloneAll(target)
	t.shift(target)
	t.guard(target)
	t.report()
	next := t.next()
	return next, t.out
}

func newTurn(p Policy, was State, in Input) *turn {
	if !was.At.IsZero() && !was.At.Before(in.Now) {
		was.At = in.Now.Add(-Epoch) // the clock was set back
	}
	t := &turn{policy: p.withDefaults(), was: was, in: in, index: map[gslb.SiteID]int{}}
	for i, site := range in.Sites {
		t.index[site.ID] = i
	}
	return t
}

// look finds what there is: demand, capacity, and the shares as they are served.
func (t *turn) look() {
	t.elapsed = Epoch
	if !t.was.At.IsZero() {
		t.elapsed = t.in.Now.Sub(t.was.At)
	}
	t.estimate = newEstimate(t.policy, t.was, t.in, t.index)
	t.measure()
	t.strays()
	t.recall()
	t.follow()
	t.drifts()
	t.findHeavy()
	t.recallUnshifted()
}

// massSilence says whether more than half of the sites are silent: then it is rather we who are deaf.
func (t *turn) massSilence() bool {
	silent := 0
	for i := range t.in.Sites {
		if t.in.Sites[i].silent(t.in.Now) {
			silent++
		}
	}
	return 2*silent > len(t.in.Sites)
}

// freeze leaves everything as it was.
func (t *turn) freeze() (State, Output) {
	t.out.Frozen, t.out.Heavy = true, sorted(t.was.Heavy)
	t.out.Notes = append(t.out.Notes, "more than half of the sites are silent: everything stays as it was")
	for i, site := range t.in.Sites {
		t.brief(i, t.was.Sites[site.ID].Tide)
	}
	for _, c := range t.in.Classes {
		if shares := t.was.Classes[c.Key].Shares; shares != nil {
			t.publish(c.Key, shares)
		}
	}
	was := t.was
	was.Sites = maps.Clone(was.Sites)
	for _, site := range t.in.Sites {
		if s, known := was.Sites[site.ID]; known {
			s.Drained, s.CalmSince = site.Drained, time.Time{} // who is deaf does not know of any calm
			was.Sites[site.ID] = s
		}
	}
	was.At, was.Heavy = t.in.Now, map[netip.Addr]time.Time{} // the answers until now are lost
	for _, resolver := range t.out.Heavy {
		was.Heavy[resolver] = t.in.Now
	}
	return was, t.out
}

func (t *turn) brief(site int, tide load.Tide) {
	if s := &t.in.Sites[site]; tide.Shedding || s.Drained {
		t.out.Brief = append(t.out.Brief, s.ID)
	}
}

// measure finds what every site counts for.
func (t *turn) measure() {
	expected := t.estimate.load(len(t.in.Sites))
	t.capacity, t.usable = make([]capacity, len(t.in.Sites)), make([]bool, len(t.in.Sites))
	for i := range t.in.Sites {
		site := &t.in.Sites[i]
		was, known := t.was.Sites[site.ID]
		first := t.was.fresh() || !known && site.silent(t.in.Now)
		t.capacity[i] = capacityOf(t.policy, site, was, first, t.elapsed, expected[i], t.in.Now)
		t.usable[i] = site.Up && !site.Drained && t.capacity[i].counted > 0
	}
}

// reserve is the part of the way from Low to High that is not planned with: what is planned exactly to the brim is over it
// half of the time.
const reserve = 10

// fillCost is what a request costs beyond its way at a site that is between its marks, rising to this at High: so much
// farther may its clients go instead. Ten milliseconds are 500 km.
const fillCost solve.Cost = 10_000

// fillSteps is in how many steps it rises.
const fillSteps = 4

// moveCost is how much better a site must be for a request to change over to it.
const moveCost solve.Cost = 3_000

// steps are what a site may carry: freely up to Low, at a rising cost up to High, and no more.
func (t *turn) steps(site int) []solve.Step {
	if !t.usable[site] {
		return nil
	}
	marks, limit := t.policy.Marks, math.Inf(1)
	if t.in.Sites[site].Cordoned || t.capacity[site].unheard {
		limit = t.load(t.before)[site]
	}
	at := func(level load.Level) gslb.MilliRPS {
		return gslb.MilliRPS(max(min(t.upTo(site, level), limit), 0))
	}
	list := []solve.Step{{UpTo: at(marks.Low)}}
	brim := marks.High - (marks.High-marks.Low)/reserve
	for i := load.Level(1); i <= fillSteps; i++ {
		list = append(list, solve.Step{UpTo: at(marks.Low + (brim-marks.Low)*i/fillSteps), Cost: fillCost * solve.Cost(i) / fillSteps})
	}
	return list
}

// solve assigns the demand to the capacity, as if every change took effect at once.
func (t *turn) solve() [][]gslb.Share {
	problem := solve.Problem{MovePenalty: moveCost}
	for i := range t.in.Sites {
		problem.Sites = append(problem.Sites, solve.Site{Steps: t.steps(i)})
	}
	target := make([][]gslb.Share, len(t.in.Classes))
	rates := t.estimate.rates()
	var classes []int
	for i, c := range t.in.Classes {
		if rates[i] == 0 && t.policy.MinSites <= 1 {
			target[i] = t.idle(i)
			continue
		}
		class := solve.Class{Demand: rates[i], MaxShare: t.maxShare()}
		for k, candidate := range c.Candidates {
			if t.usable[candidate.Site] {
				class.Edges = append(class.Edges, solve.Edge{Site: candidate.Site, Cost: candidate.Cost + t.grain(i, candidate.Site), Previous: t.unshifted[i][k]})
			}
		}
		if len(class.Edges) > 0 {
			problem.Classes, classes = append(problem.Classes, class), append(classes, i)
		}
	}
	solution, err := new(solve.Solver).Solve(problem)
	if err != nil {
		t.out.Notes = append(t.out.Notes, fmt.Sprintf("no assignment: %v: the shares stay as they were", err))
		return slices.Clone(t.before)
	}
	t.overloadNote(solution)
	for at, i := range classes {
		target[i] = tidy(t.spread(i, solution.Shares[at]))
	}
	return target
}

// idle is the target of a class without demand: what name servers do by themselves, once it is known that there is none and
// that all are heard where it would go.
func (t *turn) idle(class int) []gslb.Share {
	own := t.ownRule(t.in.Classes[class], t.usable)
	for k, share := range own {
		if share > t.before[class][k] && t.capacity[t.in.Classes[class].Candidates[k].Site].silent {
			return slices.Clone(t.before[class])
		}
	}
	if t.was.fresh() {
		return slices.Clone(t.before[class])
	}
	return own
}

func (t *turn) maxShare() gslb.Share {
	if t.policy.MinSites <= 1 {
		return 0
	}
	return gslb.WholeShare / gslb.Share(t.policy.MinSites)
}

// spread puts the shares of the usable candidates in the places of all.
func (t *turn) spread(class int, shares []gslb.Share) []gslb.Share {
	candidates := t.in.Classes[class].Candidates
	full, at := make([]gslb.Share, len(candidates)), 0
	for k, candidate := range candidates {
		if t.usable[candidate.Site] {
			full[k] = shares[at]
			at++
		}
	}
	return full
}

func (t *turn) overloadNote(solution *solve.Solution) {
	for i, over := range solution.Overload {
		if over > 0 {
			t.out.Overloaded = append(t.out.Overloaded, t.in.Sites[i].ID)
			t.out.Notes = append(t.out.Notes, fmt.Sprintf("%s must take %v requests/s more than its high mark allows: nobody near has room", t.in.Sites[i].ID, over))
		}
	}
}
