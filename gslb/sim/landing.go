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

// landing is where the demand that the hub knows of goes in the end, by the map before a step and by the one after it:
// requests per second, by site. That is as the shares say, of the sites that are up, or where a class has no split by capacity
// among the nearest of them: which of its resolvers fall to which site is chance. Who has no class, or no site that is up, is
// where the decision itself says.
type landing struct {
	rules         *Rules
	p             *Production
	in            *loop.Input
	out           *loop.Output
	before, after []float64
}

// landing is that by one map, and by the sites that the hub's step counted as up. A site that is drained now takes nobody by the
// map before either: its clients have to go, and only where to was decided.
func (p *Production) landing(h *head, known *demands, in *loop.Input) []float64 {
	b := world.NewBuilder()
	b.SetPlan(h.generation, h.compiled)
	for at, i := range p.hub.byName {
		b.SetDown(target(i), !in.Sites[at].Up || in.Sites[at].Drained)
	}
	snapshot, askers := b.Snapshot(), p.view.sim.config.Population.Askers
	lands, spread := make([]float64, len(p.view.Sites)), make([]bool, len(known.classes))
	for class, demand := range known.classes {
		spread[class] = spreadBySplit(lands, h, snapshot, class, demand) || spreadByTier(lands, h, snapshot, class, demand) || spreadBeyond(lands, h, snapshot, class, demand)
	}
	for i := range askers {
		if class := known.classOf[i]; class != noClass && spread[class] {
			continue
		}
		q := steer.Query{Family: plan.IPv4, Client: askers[i].Client, At: p.view.Time.Unix()}
		if d := steer.Decide(snapshot, q); d.Outcome == steer.Answered && d.Endpoint >= 0 {
			lands[h.siteOf[d.Endpoint]] += known.askers[i]
		}
	}
	return lands
}

// spreadBySplit adds the demand of a class to the sites of its split. It says whether the class has one, and a site of it is
// up.
func spreadBySplit(lands []float64, h *head, snapshot *world.Snapshot, class int, demand float64) bool {
	shares, _ := h.compiled.Services[0].Splits.Of(class, plan.IPv4)
	whole, endpoints := gslb.Share(0), snapshot.Service(0).Endpoints
	for _, s := range shares {
		if endpoints[s.Endpoint].Ready(plan.IPv4) {
			whole += s.Share
		}
	}
	for _, s := range shares {
		if endpoints[s.Endpoint].Ready(plan.IPv4) {
			lands[h.siteOf[s.Endpoint]] += demand * float64(s.Share) / float64(whole)
		}
	}
	return whole > 0
}

// spreadByTier adds the demand of a class without a split to the sites of its first tier in which one is up, by capacity. It says
// whether there is one.
func spreadByTier(lands []float64, h *head, snapshot *world.Snapshot, class int, demand float64) bool {
	service := &h.compiled.Services[0]
	tier, whole, weights := -1, 0.0, map[int32]float64{}
	for _, c := range service.Demand.List[class].Candidates {
		e := service.All.BySite[c.Site]
		if live := &snapshot.Service(0).Endpoints[e]; live.Ready(plan.IPv4) && (tier < 0 || tier == int(c.Tier)) {
			tier = int(c.Tier)
			weights[e] = float64(live.Capacity)
			whole += weights[e]
		}
	}
	for e, weight := range weights {
		lands[h.siteOf[e]] += demand * weight / whole
	}
	return whole > 0
}

// spreadBeyond adds the demand of a class that has lost its candidates to all other sites that are up, by capacity. It says
// whether there is one.
func spreadBeyond(lands []float64, h *head, snapshot *world.Snapshot, class int, demand float64) bool {
	endpoints, whole := snapshot.Service(0).Endpoints, 0.0
	for e := range endpoints { // those of the candidates are not ready
		if endpoints[e].Ready(plan.IPv4) {
			whole += float64(endpoints[e].Capacity)
		}
	}
	for e := range endpoints {
		if endpoints[e].Ready(plan.IPv4) {
			lands[h.siteOf[e]] += demand * float64(endpoints[e].Capacity) / whole
		}
	}
	return whole > 0
}

// demands are those of the askers and of their demand classes, in requests per second.
type demands struct {
	askers, classes []float64
	classOf         []int32 // by asker
}

// demands are the true ones of this second.
func (p *Production) demands() *demands {
	sim, compiled := p.view.sim, p.head.compiled
	d := &demands{
		askers: make([]float64, len(sim.config.Population.Askers)), classOf: make([]int32, len(sim.config.Population.Askers)),
		classes: make([]float64, len(compiled.Services[0].All.Classes.Demand().List)),
	}
	for i := range d.askers {
		d.askers[i] = sim.demandOf(i)
		d.classOf[i] = p.asker(Question{Asker: i, Client: sim.config.Population.Askers[i].Client}, compiled).class
		if class := d.classOf[i]; class != noClass {
			d.classes[class] += d.askers[i]
		}
	}
	return d
}

// believe replaces the demand of the classes by what the hub believes it to be: a step is judged by what could be known.
// How wrong it is, Rules.EstimateOff says.
func (d *demands) believe(estimate []gslb.MilliRPS) {
	factor := make([]float64, len(d.classes))
	for class, demand := range d.classes {
		if class >= len(estimate) {
			continue
		}
		d.classes[class] = float64(estimate[class]) / 1000
		if demand > 0 {
			factor[class] = d.classes[class] / demand
		}
	}
	for i, class := range d.classOf {
		if class != noClass {
			d.askers[i] *= factor[class]
		}
	}
}

// Demand is the true demand of every class at this second, in the order of loop.Input.Classes.
func (p *Production) Demand() []gslb.MilliRPS {
	truth := p.demands().classes
	list := make([]gslb.MilliRPS, len(truth))
	for i, demand := range truth {
		list[i] = gslb.MilliRPS(math.Round(demand * 1000))
	}
	return list
}

// demandOf is the demand of an asker's clients, in requests per second.
func (s *Sim) demandOf(asker int) float64 {
	sum := 0.0
	for _, m := range s.config.Population.Members(asker) {
		sum += float64(s.config.Population.Clients[m].Size) * s.cells.factor[s.cells.of[m]]
	}
	return sum / Whole * float64(s.config.Demand) / 1000
}

// estimate compares the demand that the hub thinks each class has with the true one. No rule says how good it must be.
func (r *Rules) estimate(p *Production, truth *demands, out *loop.Output) {
	if p.view.Now < r.EstimateFrom || len(out.Demand) == 0 {
		return
	}
	off, sum := 0.0, 0.0
	for i, demand := range truth.classes {
		off += math.Abs(demand - float64(out.Demand[i])/1000)
		sum += demand
	}
	r.EstimateOff = (r.EstimateOff*r.estimates + off/max(sum, 1e-9)) / (r.estimates + 1)
	r.estimates++
}

// slack is by how much a load may be above what it should be, in requests per second: askers without a class are lumps, and
// shares are rounded.
func slack(load float64) float64 { return 1 + 0.02*load }

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
		allowed := max(l.before[i], l.carried(at))
		l.rules.check(4, now, l.after[i] <= allowed+slack(allowed),
			"%s is silent for %v and gets %.1f requests/s after %.1f, more than the %.1f that it carried",
			l.in.Sites[at].ID, l.p.age(i), l.after[i], l.before[i], l.carried(at))
	}
}

// carried is what a site carried when it was last heard, in requests per second: so much a silent site may have again.
func (l *landing) carried(at int) float64 {
	s := l.in.Sites[at].Sample
	if s == nil || s.Rate == nil {
		return 0
	}
	return float64(*s.Rate) / 1000
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
// hub knows of it; where demand as a whole is too much, that is said and shared; and where all are dead, all are answered.
func (l *landing) noFlood() {
	alive := func(s loop.SiteFigures) bool { return s.Counted > 0 }
	if l.out.Frozen || !slices.ContainsFunc(l.out.Sites, alive) {
		return
	}
	high := float64(l.p.config.Watermarks.HighPercent) / 100
	for at, i := range l.p.hub.byName {
		carries := float64(l.out.Sites[at].Counted) / 1000 * l.out.Sites[at].Correction * high
		if slices.Contains(l.out.Overloaded, l.in.Sites[at].ID) {
			continue
		}
		pushed := l.after[i] > l.before[i]+slack(l.before[i]) && l.after[i] > carries+slack(carries)
		l.rules.check(5, l.p.view.Now, !pushed, "%s gets %.1f requests/s after %.1f: its high mark is at %.1f",
			l.in.Sites[at].ID, l.after[i], l.before[i], carries)
	}
}
