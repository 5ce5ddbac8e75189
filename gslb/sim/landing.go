package sim

import (
	"math"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

// landing is where the demand that the hub knows of goes in the end, by the map before a step and by the one after it, as the
// decision itself says of every asker: requests per second, by site.
type landing struct {
	rules         *Rules
	p             *Production
	in            *loop.Input
	out           *loop.Output
	before, after []float64
}

// landing asks for every asker what a map would answer now.
func (p *Production) landing(h *head, factors []float64) []float64 {
	b := world.NewBuilder()
	b.SetPlan(h.generation, h.compiled)
	for i := range p.view.Sites {
		b.SetDown(target(i), p.hub.verdicts[i].Down)
	}
	snapshot, sim := b.Snapshot(), p.view.sim
	demand := make([]float64, len(p.view.Sites))
	for i := range sim.config.Population.Askers {
		q := steer.Query{Family: plan.IPv4, Client: sim.config.Population.Askers[i].Client, At: p.view.Time.Unix()}
		if d := steer.Decide(snapshot, q); d.Outcome == steer.Answered && d.Endpoint >= 0 {
			demand[h.siteOf[d.Endpoint]] += sim.demandOf(i, factors)
		}
	}
	return demand
}

// knownEpochs is how long the loop has to notice a demand: its dead time, in epochs.
const knownEpochs = 5

// known is the demand that the hub can know of, as factors by cell: the least of the last steps. A demand that has just
// grown is no fault of what was decided.
func (r *Rules) known(s *Sim) []float64 {
	r.factors = append(r.factors, slices.Clone(s.cells.factor))
	r.factors = r.factors[max(0, len(r.factors)-knownEpochs):]
	least := slices.Clone(s.cells.factor)
	for _, factors := range r.factors {
		for i, f := range factors {
			least[i] = min(least[i], f)
		}
	}
	return least
}

// demandOf is the demand of an asker's clients, in requests per second, with the factors of their cells.
func (s *Sim) demandOf(asker int, factors []float64) float64 {
	sum := 0.0
	for _, m := range s.config.Population.Members(asker) {
		sum += float64(s.config.Population.Clients[m].Size) * factors[s.cells.of[m]]
	}
	return sum / Whole * float64(s.config.Demand) / 1000
}

// estimate compares the demand that the hub thinks each class has with the true one. No rule says how good it must be.
func (r *Rules) estimate(p *Production, out *loop.Output) {
	if p.view.Now < r.EstimateFrom || len(out.Demand) == 0 {
		return
	}
	truth, sim := make([]float64, len(out.Demand)), p.view.sim
	classes := p.head.compiled.Services[0].All.Classes
	for i := range sim.config.Population.Askers {
		if class := classOf(classes, sim.config.Population.Askers[i].Client); class != noClass {
			truth[class] += sim.demandOf(i, sim.cells.factor)
		}
	}
	off, sum := 0.0, 0.0
	for i, demand := range truth {
		off += math.Abs(demand - float64(out.Demand[i])/1000)
		sum += demand
	}
	r.EstimateOff = (r.EstimateOff*r.estimates + off/max(sum, 1e-9)) / (r.estimates + 1)
	r.estimates++
}

// slack is by what part of the whole demand a load may be above what it should be: askers are lumps.
const slack = 0.002

func (l *landing) slack() float64 {
	sum := 0.0
	for _, demand := range l.before {
		sum += demand
	}
	return sum * slack
}

// silentAttractNobody is rule 4: missing data never attracts traffic, and while most sites are silent everything stays
// as it was.
func (l *landing) silentAttractNobody(last *head) {
	now := l.p.view.Now
	if l.p.massSilence() && l.manySilent() {
		l.rules.check(4, now, sameSplits(splitsOf(last), splitsOf(l.p.head)), "most sites are silent, and the shares change")
		return
	}
	for at, i := range l.p.hub.byName {
		if l.p.age(i) <= loop.FrozenFor || l.in.Sites[at].Drained {
			continue
		}
		l.rules.check(4, now, l.after[i] <= l.before[i]*1.05+l.slack(),
			"%s is silent for %v and gets %.1f requests/s after %.1f", l.in.Sites[at].ID, l.p.age(i), l.after[i], l.before[i])
	}
}

// manySilent says whether more than half of the sites have been silent for so long that nothing of them is believed.
func (l *landing) manySilent() bool {
	silent := 0
	for i := range l.p.view.Sites {
		if l.p.age(i) > loop.FrozenFor {
			silent++
		}
	}
	return 2*silent > len(l.p.view.Sites)
}

func splitsOf(h *head) map[plan.ClassKey][]plan.SiteShare {
	splits := map[plan.ClassKey][]plan.SiteShare{}
	for _, s := range h.compiled.Map.Services[0].Splits {
		splits[s.Class] = s.Shares
	}
	return splits
}

func sameSplits(a, b map[plan.ClassKey][]plan.SiteShare) bool {
	if len(a) != len(b) {
		return false
	}
	for key, shares := range a {
		if len(shares) != len(b[key]) {
			return false
		}
		for i, s := range shares {
			if s != b[key][i] {
				return false
			}
		}
	}
	return true
}

// noFlood is rule 5: relief for one site never pushes another one over its high mark. What a site can carry is what the
// hub knows of it; where demand as a whole is too much, that is said and shared.
func (l *landing) noFlood() {
	if l.out.Frozen || len(l.out.Notes) > 0 {
		return
	}
	high := float64(l.p.config.Watermarks.HighPercent) / 100
	for at, i := range l.p.hub.byName {
		carries := float64(l.out.Sites[at].Counted) / 1000 * l.out.Sites[at].Correction * high
		pushed := l.after[i] > l.before[i]*1.02+l.slack() && l.after[i] > carries*1.1+l.slack()
		l.rules.check(5, l.p.view.Now, !pushed, "%s gets %.1f requests/s after %.1f: its high mark is at %.1f",
			l.in.Sites[at].ID, l.after[i], l.before[i], carries)
	}
}

// mostPerEpoch is how much of a class may change over between healthy sites in one epoch: 20 points in 10 s, and what
// rounding adds.
const mostPerEpoch = 3000 + 300

// ramps is the other half of rule 5: shares move slowly between healthy sites, however sure the hub is.
func (l *landing) ramps(last *head) {
	if l.out.Frozen || !l.allHealthy() {
		return
	}
	before := splitsOf(last)
	for key, now := range splitsOf(l.p.head) {
		was, split := before[key]
		if !split {
			continue
		}
		most := gslb.Share(0)
		for _, s := range now {
			most = max(most, s.Share-shareOf(was, s.Site))
		}
		l.rules.check(5, l.p.view.Now, most <= mostPerEpoch, "class %s moves by %v in one step", key, most)
	}
}

func shareOf(shares []plan.SiteShare, site gslb.SiteID) gslb.Share {
	for _, s := range shares {
		if s.Site == site {
			return s.Share
		}
	}
	return 0
}

func (l *landing) allHealthy() bool {
	for at := range l.in.Sites {
		s := &l.in.Sites[at]
		if !s.Up || s.Drained || s.Capacity == 0 {
			return false
		}
	}
	for _, n := range l.p.servers {
		for i := range n.probes {
			if n.probes[i].Down {
				return false
			}
		}
	}
	return true
}
