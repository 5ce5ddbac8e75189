package main

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/sim"
	"tidegate.dev/tidegate/gslb/sim/baseline"
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

// targets are the shares that the sites are to have, in percent.
var targets = []int{30, 20, 15, 12, 10, 7, 4, 2}

// For so long shares are measured once the world has settled, averaged over windows of ten TTLs.
const (
	shareSettles = 10 * time.Minute
	shareLength  = time.Hour
	shareWindow  = 10 * ttl
)

// shareErrors are the largest distances of a site's share of the clients from its target, in points.
type shareErrors struct{ ours, random float64 }

func (e shareErrors) print() {
	fmt.Printf("result steering.share_error_points %.2f points\n", e.ours)
	fmt.Printf("result steering.share_error_random %.2f points\n", e.random)
}

// measureShares sends every class of clients to eight sites by the same shares, through caching resolvers of Zipf's sizes,
// and looks where the clients are. Beside it each answer is drawn at random by the same weights.
func measureShares(geo *plan.Geo, population *sim.Population, seed uint64) (e shareErrors, err error) {
	spec := sim.SitesSpec{Count: len(targets), Demand: demand, Use: use, Model: sim.DefaultSite}
	c := sim.Config{
		Seed: seed, Population: population, Sites: sim.DrawSites(population, spec, seed), Demand: demand, Begin: time.Unix(1_790_000_000, 0).UTC(),
		Length: shareSettles + shareLength, NameServers: 3,
	}
	for i := range c.Sites {
		c.Sites[i].Replicas = targets[i]
	}
	ours, err := newFixed(geo, c.Sites, population)
	if err != nil {
		return e, err
	}
	if e.ours, err = shareError(c, ours); err != nil {
		return e, err
	}
	e.random, err = shareError(c, &baseline.Random{TTL: ttl, Draws: sim.NewStream(seed, "draws")})
	fmt.Fprintf(os.Stderr, "shares of %v percent through %d cache entries, over 10 TTLs: at most %.2f points off; random weighted %.2f\n",
		targets, len(population.Askers), e.ours, e.random)
	return e, err
}

// shareError is the largest error of a site in a window.
func shareError(c sim.Config, steerer sim.Steerer) (worst float64, err error) {
	sum, all := make([]float64, len(c.Sites)), 0.0
	c.Observe = func(s sim.Second) {
		if s.Now < int64(shareSettles/time.Second) {
			return
		}
		for i, site := range s.Sites {
			sum[i] += site.Arrivals
			all += site.Arrivals
		}
		if (s.Now+1)%int64(shareWindow/time.Second) > 0 {
			return
		}
		for i := range sum {
			worst = max(worst, math.Abs(100*sum[i]/all-float64(targets[i])))
			sum[i] = 0
		}
		all = 0
	}
	_, err = sim.Run(c, steerer)
	return worst, err
}

// fixed answers from one map that never changes.
type fixed struct {
	snapshot *world.Snapshot
	siteOf   []int // by endpoint
	at       int64
}

func newFixed(geo *plan.Geo, sites []sim.SiteSpec, population *sim.Population) (*fixed, error) {
	m, index := mapOf(sites)
	bare := plan.Compile(m, "sha256:bare", geo, nil)
	for _, class := range bare.Services[0].Demand.List {
		split := plan.Split{Class: class.Key}
		for i, s := range sites {
			split.Shares = append(split.Shares, plan.SiteShare{Site: s.ID, Share: gslb.WholeShare * gslb.Share(targets[i]) / 100})
		}
		m.Services[0].Splits = append(m.Services[0].Splits, split)
	}
	m.HeavyResolvers = heavyOf(bare.Services[0].All.Classes, population)
	m.Canonical()
	if err := m.Validate(); err != nil {
		return nil, err
	}
	builder, f := world.NewBuilder(), &fixed{}
	compiled := plan.Compile(m, "sha256:split", geo, bare)
	builder.SetPlan(1, compiled)
	f.snapshot = builder.Snapshot()
	for _, e := range compiled.Services[0].Endpoints {
		f.siteOf = append(f.siteOf, index[e.Site])
	}
	return f, nil
}

// mapOf is a map of one service at sites that carry as much as is declared.
func mapOf(sites []sim.SiteSpec) (*plan.Map, map[gslb.SiteID]int) {
	m := &plan.Map{Schema: plan.Schema, Zones: []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}}}
	service := plan.Service{
		Name: "chat.edge.example.", TTL: ttl, Steering: plan.Steering{Method: plan.Proximity, Watermarks: marks, OnAllUnhealthy: plan.AnswerAll},
	}
	index := map[gslb.SiteID]int{}
	for i, s := range sites {
		index[s.ID] = i
		m.Sites = append(m.Sites, plan.Site{ID: s.ID, Location: s.Location})
		addr := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}) // of the range for benchmarks (RFC 2544)
		service.Endpoints = append(service.Endpoints, plan.Endpoint{
			Site: s.ID, Capacity: s.DeclaredRate().Times(s.Replicas), Addresses: []plan.Address{{Addr: addr, Line: gslb.DefaultLine}},
		})
	}
	m.Services = []plan.Service{service}
	return m, index
}

// heavyOf are the resolvers that hold more than 1/32 of the answers to a class, as the hub finds them.
func heavyOf(classes *plan.Classes, population *sim.Population) (list []netip.Addr) {
	type inClass struct {
		addr  netip.Addr
		class int
	}
	sum, entries := map[int]int{}, map[inClass]int{}
	for i := range population.Askers {
		client := population.Askers[i].Client
		found, _ := classes.Lookup(client.Unit())
		class, ok := classes.Demand().Of(found)
		if !ok {
			continue
		}
		sum[class]++
		if !client.FromECS {
			entries[inClass{client.Prefix.Addr(), class}]++
		}
	}
	for key, n := range entries {
		if n*32 > sum[key.class] {
			list = append(list, key.addr)
		}
	}
	return list
}

// Step takes the time.
func (f *fixed) Step(v *sim.View) { f.at = v.Time.Unix() }

// Ask decides.
func (f *fixed) Ask(q sim.Question) sim.Answer {
	d := steer.Decide(f.snapshot, steer.Query{Family: plan.IPv4, Client: q.Client, At: f.at})
	if d.Outcome != steer.Answered {
		return sim.Answer{Site: sim.NoSite}
	}
	return sim.Answer{Site: f.siteOf[d.Endpoint], TTL: d.TTL}
}
