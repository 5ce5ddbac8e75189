package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
)

// hub is the leader of the control loop, without Kubernetes.
type hub struct {
	state    loop.State
	verdicts []health.Verdict // by site
	wasDown  bool
	output   loop.Output
	compiled *plan.Compiled // the previous map
	byName   []int          // the sites in the order of their names
}

// think is one step of the loop: from what is known to a map.
func (p *Production) think() {
	h := &p.hub
	if h.compiled == nil {
		p.publish(nil) // the first map has no splits: nobody has asked
		return
	}
	if h.wasDown {
		h.state, h.wasDown = restarted(h.state), false
	}
	in := p.input()
	if p.broken.input != nil {
		p.broken.input(&in)
	}
	steering := plan.Steering{Watermarks: p.config.Watermarks, ConnectionLife: p.config.ConnectionLife, MinSites: p.config.MinSites, CalmTTL: p.config.CalmTTL}
	policy := loop.PolicyOf(&steering, p.config.TTL)
	h.state, h.output = loop.Step(policy, h.state, in)
	if p.broken.output != nil {
		p.broken.output(&h.output)
	}
	if p.config.Trace != nil {
		p.config.Trace(in, h.output)
	}
	last := p.head
	p.publish(&h.output)
	p.config.Rules.step(p, last, &in, &h.output)
}

// restarted is the state as a new leader finds it: what its encoding keeps.
func restarted(s loop.State) (next loop.State) {
	data, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(data, &next)
	}
	if err != nil {
		panic(fmt.Sprintf("sim: the loop's state does not survive its encoding: %v", err))
	}
	return next
}

// input is what the hub knows now.
func (p *Production) input() loop.Input {
	in := loop.Input{Now: p.view.Time, Answers: p.answers(), Classes: loop.ClassesOf(&p.hub.compiled.Services[0])}
	silent := p.massSilence()
	for _, i := range p.hub.byName {
		in.Sites = append(in.Sites, p.siteInput(i, silent))
	}
	p.panicked(&in)
	return in
}

// panicked counts sites as up again that are down without proof, where too few are left.
func (p *Production) panicked(in *loop.Input) {
	members := make([]health.Member, len(in.Sites))
	for at, i := range p.hub.byName {
		members[at].Verdict = p.hub.verdicts[i]
		if !in.Sites[at].Drained {
			members[at].Capacity = in.Sites[at].Capacity
		}
	}
	for at, up := range health.Panic(members).Include {
		in.Sites[at].Up = up
	}
}

func (p *Production) siteInput(i int, massSilence bool) loop.Site {
	site := &p.view.Sites[i]
	p.hub.verdicts[i] = health.Judge(p.evidence(i, massSilence), p.hub.verdicts[i], p.view.Time)
	s := loop.Site{ID: site.Spec.ID, Capacity: claimed(site), Drained: site.Drained}
	if site.Report != nil {
		s.Sample = &site.Report.Sample
	}
	return s
}

// claimed is the capacity that the site says it has, never more than it was enrolled with. Before it says anything it is
// what was planned.
func claimed(s *SiteView) gslb.MilliRPS {
	replicas := s.Spec.Replicas
	if s.Report != nil {
		replicas = s.Report.Ready
	}
	return min(s.Spec.DeclaredRate().Times(replicas), s.Spec.MostRate())
}

// evidence is what the hub knows of a site's health.
func (p *Production) evidence(i int, massSilence bool) health.Evidence {
	e := health.Evidence{ReportAge: p.age(i), MassSilence: massSilence}
	for _, n := range p.servers {
		says := health.Up
		if n.probes[i].Down {
			says = health.Down
		}
		if n.reaches(p.view) {
			e.Votes = append(e.Votes, health.Vote{Server: fmt.Sprint("ns", n.number), Says: says})
		}
	}
	if r := p.view.Sites[i].Report; r != nil {
		e.Readiness = health.Readiness{Known: true, Ready: r.Ready, Desired: r.Ready}
		e.Passive = passive(r)
	}
	return e
}

// passive is what the load balancer saw in an epoch, as its newest report has it.
func passive(r *Report) health.Passive {
	if r.Sample.Rate == nil || r.Sample.ErrorShare == nil {
		return health.Passive{}
	}
	requests := int64(float64(*r.Sample.Rate) / 1000 * loop.Epoch.Seconds())
	return health.Passive{Requests: requests, Errors5xx: requests * int64(*r.Sample.ErrorShare) / int64(load.Full)}
}

// age is how old the newest report of a site is.
func (p *Production) age(i int) time.Duration {
	if r := p.view.Sites[i].Report; r != nil {
		return p.view.Time.Sub(r.Sample.At)
	}
	return time.Duration(p.view.Now) * time.Second
}

func (p *Production) massSilence() bool {
	ages := make([]time.Duration, len(p.view.Sites))
	for i := range ages {
		ages[i] = p.age(i)
	}
	return health.MassSilence(ages)
}

// answers takes what the name servers that reach the bus have counted.
func (p *Production) answers() (list []loop.Answer) {
	sites := len(p.view.Sites)
	rank := make([]int, sites) // by site: its place in loop.Input
	for at, i := range p.hub.byName {
		rank[i] = at
	}
	for _, n := range p.servers {
		if !n.reaches(p.view) {
			continue
		}
		for _, r := range n.heaviest() {
			n.answers[r.class*sites+r.site] -= r.seconds // they are a part of the class'
			list = append(list, loop.Answer{Class: r.class, Site: rank[r.site], Resolver: r.resolver, Seconds: float64(r.seconds)})
		}
		for at, seconds := range n.answers {
			if seconds > 0 {
				list = append(list, loop.Answer{Class: at / sites, Site: rank[at%sites], Seconds: float64(seconds)})
			}
		}
	}
	return list
}

// publish makes a map of an output; without one, a map without splits.
func (p *Production) publish(out *loop.Output) {
	m := p.world(out)
	m.Canonical()
	if p.broken.publish != nil {
		p.broken.publish(m)
	}
	if err := m.Validate(); err != nil {
		panic(fmt.Sprintf("sim: the hub made a map that is not valid: %v", err))
	}
	next := &head{generation: 1, published: p.view.Now, reasons: reasons(m)}
	if p.head != nil {
		next.generation = p.head.generation + 1
	}
	next.compiled = plan.Compile(m, plan.Digest(fmt.Sprint("sim:", next.generation)), p.config.Geo, p.hub.compiled)
	index := map[gslb.SiteID]int{}
	for i := range p.view.Sites {
		index[p.view.Sites[i].Spec.ID] = i
	}
	for _, e := range next.compiled.Services[0].Endpoints {
		next.siteOf = append(next.siteOf, index[e.Site])
	}
	p.head, p.hub.compiled = next, next.compiled
}

// reasons explain drains, as the hub does: as long as they last, for name servers that come back.
func reasons(m *plan.Map) (list []plan.Reason) {
	for _, e := range m.Services[0].Endpoints {
		if e.Drained {
			list = append(list, plan.Reason{Kind: plan.ReasonSiteDrained, Subject: string(e.Site)})
		}
	}
	return list
}

// world describes the simulated world.
func (p *Production) world(out *loop.Output) *plan.Map {
	h, m := &p.hub, &plan.Map{Schema: plan.Schema, Zones: []plan.Zone{{Name: zoneName, Nameservers: []gslb.Name{"ns1." + zoneName}}}}
	if h.byName == nil {
		h.byName, h.verdicts = sortedByName(p.view.Sites), make([]health.Verdict, len(p.view.Sites))
	}
	service := plan.Service{
		Name: serviceName, TTL: p.config.TTL,
		Steering: plan.Steering{Method: p.config.Method, Watermarks: p.config.Watermarks, OnAllUnhealthy: p.config.OnAllUnhealthy, CalmTTL: p.config.CalmTTL},
		Health:   &plan.Health{Type: plan.ProbeTCP, Port: 80, Interval: time.Second},
	}
	for _, i := range h.byName {
		site := &p.view.Sites[i]
		m.Sites = append(m.Sites, plan.Site{ID: site.Spec.ID, Location: site.Spec.Location})
		service.Endpoints = append(service.Endpoints, plan.Endpoint{
			Site: site.Spec.ID, Capacity: claimed(site), Drained: site.Drained,
			Brief: out != nil && out.IsBrief(site.Spec.ID), Calm: out != nil && out.IsCalm(site.Spec.ID),
			Addresses: []plan.Address{{Addr: addressOf(i), Line: gslb.DefaultLine}},
		})
	}
	if out != nil {
		service.Splits = out.Splits
		m.HeavyResolvers = slices.Clone(out.Heavy)
	}
	m.Services = []plan.Service{service}
	return m
}

func sortedByName(sites []SiteView) []int {
	order := make([]int, len(sites))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(sites[a].Spec.ID, sites[b].Spec.ID) })
	return order
}
