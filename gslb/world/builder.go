package world

import (
	"net/netip"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/tally"
)

// Target is what a probe checks: one address of one service.
type Target struct {
	Service gslb.Name
	Addr    netip.Addr
}

// Builder makes snapshots. It belongs to one goroutine.
type Builder struct {
	generation uint64
	plan       *plan.Compiled
	down       map[Target]bool
	services   []*Service
	dirty      map[gslb.Name]bool
	resolvers  *tally.Resolvers
	fresh      bool // no snapshot has been made of the plan yet
	now        time.Time
	memories   map[gslb.Name]memory
}

// NewBuilder starts without a map.
func NewBuilder() *Builder {
	return &Builder{down: map[Target]bool{}, dirty: map[gslb.Name]bool{}, memories: map[gslb.Name]memory{}}
}

// CountResolvers has the answers to single resolvers counted too, from the next map on.
func (b *Builder) CountResolvers(r *tally.Resolvers) { b.resolvers = r }

// SetTime says what time it is at the next Snapshot. Only which endpoints were last good depends on it.
func (b *Builder) SetTime(now time.Time) { b.now = now }

// SetPlan replaces the map. What is known of addresses that are still in it stays.
func (b *Builder) SetPlan(generation uint64, compiled *plan.Compiled) {
	before, beforePlan := b.services, b.plan
	b.generation, b.plan = generation, compiled
	b.forget()
	b.services = make([]*Service, len(compiled.Services))
	for i := range compiled.Services {
		b.services[i] = b.build(i)
		b.services[i].Tally = b.tallyOf(&compiled.Services[i], before, beforePlan)
	}
	clear(b.dirty)
	b.fresh = true
}

// tallyOf goes on with the tally of the plan before, as long as classes and endpoints have the same numbers in both.
func (b *Builder) tallyOf(s *plan.CompiledService, before []*Service, beforePlan *plan.Compiled) *tally.Service {
	if s.Demand == nil {
		return nil
	}
	if beforePlan != nil {
		if i, ok := beforePlan.Service(s.Spec.Name); ok && sameNumbers(&beforePlan.Services[i], s) {
			return before[i].Tally
		}
	}
	return tally.New(len(s.Demand.List), len(s.Endpoints)).Counting(b.resolvers)
}

func sameNumbers(a, b *plan.CompiledService) bool {
	return a.Demand == b.Demand && slices.EqualFunc(a.Endpoints, b.Endpoints, func(x, y plan.CompiledEndpoint) bool { return x.Site == y.Site })
}

// forget drops the state of targets that no map names any more.
func (b *Builder) forget() {
	present := map[Target]bool{}
	for _, target := range Targets(b.plan.Map) {
		present[target.Target] = true
	}
	for target := range b.down {
		if !present[target] {
			delete(b.down, target)
		}
	}
	for name := range b.memories {
		if _, served := b.plan.Service(name); !served {
			delete(b.memories, name)
		}
	}
}

// SetDown records what the probes say of a target. It returns whether that is news.
func (b *Builder) SetDown(target Target, down bool) bool {
	if b.down[target] == down {
		return false
	}
	if down {
		b.down[target] = true
	} else {
		delete(b.down, target)
	}
	b.dirty[target.Service] = true
	return true
}

// Snapshot returns the state as of now. Services without news are shared with the snapshots before.
func (b *Builder) Snapshot() *Snapshot {
	if b.plan == nil {
		return &Snapshot{}
	}
	services := append([]*Service(nil), b.services...)
	for name := range b.dirty {
		if i, ok := b.plan.Service(name); ok {
			next := b.build(i)
			next.Tally, services[i] = services[i].Tally, next
			b.remember(i, next)
		}
	}
	clear(b.dirty)
	b.services = services
	b.rememberAll()
	return &Snapshot{Generation: b.generation, Plan: b.plan, services: services}
}

// rememberAll looks at every service of a new plan. It waits for the first snapshot, since what is known of addresses may come
// after the plan: nobody was ever led to what is down already then.
func (b *Builder) rememberAll() {
	if !b.fresh {
		return
	}
	b.fresh = false
	for i, service := range b.services {
		b.remember(i, service)
	}
}

func (b *Builder) build(index int) *Service {
	compiled := &b.plan.Services[index]
	service := &Service{Endpoints: make([]Endpoint, len(compiled.Endpoints))}
	for i := range compiled.Endpoints {
		e, spec := &service.Endpoints[i], &compiled.Spec.Endpoints[i]
		*e = b.endpoint(compiled, compiled.Endpoints[i].Addresses, spec.ForcedUp)
		e.Capacity, e.Drained, e.Brief, e.Calm = spec.Capacity, spec.Drained, spec.Brief, spec.Calm
	}
	service.seal()
	return service
}

func (b *Builder) endpoint(s *plan.CompiledService, addresses []plan.Address, forcedUp bool) Endpoint {
	var alive []plan.Address
	for _, a := range addresses {
		if !b.down[Target{s.Spec.Name, a.Addr}] {
			alive = append(alive, a)
		}
	}
	e := Endpoint{Up: len(alive) > 0, ForcedUp: forcedUp}
	if forcedUp {
		alive = addresses
	}
	for family, choice := range s.ByFamily {
		if choice == nil {
			continue // no endpoint of the service has it
		}
		e.alive[family] = groupByTag(alive, plan.Family(family), choice.Classes.Tags)
		e.all[family] = groupByTag(addresses, plan.Family(family), choice.Classes.Tags)
	}
	return e
}

// groupByTag makes one group per tag of the set and a last one with everything; nil if there is nothing.
func groupByTag(addresses []plan.Address, family plan.Family, tags *plan.TagSet) []group {
	var groups []group
	var every []netip.Addr
	for _, a := range addresses {
		if plan.FamilyOf(a.Addr) != family {
			continue
		}
		every = append(every, a.Addr)
		if tag := tags.ID(a.Tag()); tag != plan.NoTag {
			groups = addTo(groups, tag, a.Addr)
		}
	}
	if every == nil {
		return nil
	}
	return append(groups, group{tag: plan.NoTag, addrs: every})
}

func addTo(groups []group, tag plan.TagID, addr netip.Addr) []group {
	for i := range groups {
		if groups[i].tag == tag {
			groups[i].addrs = append(groups[i].addrs, addr)
			return groups
		}
	}
	return append(groups, group{tag: tag, addrs: []netip.Addr{addr}})
}

// ProbeTarget is a target and how to probe it.
type ProbeTarget struct {
	Target
	Site   gslb.SiteID
	Health plan.Health
}

// Targets lists what the probes of a map have to check, in the order of the map. An endpoint without capacity has nothing
// ready that could answer; it is probed from the moment it has, and counts as up until then.
func Targets(m *plan.Map) []ProbeTarget {
	var targets []ProbeTarget
	for _, s := range m.Services {
		if s.Health == nil {
			continue
		}
		for _, e := range s.Endpoints {
			if e.Capacity == 0 {
				continue
			}
			for _, a := range e.Addresses {
				targets = append(targets, ProbeTarget{Target{s.Name, a.Addr}, e.Site, *s.Health})
			}
		}
	}
	return targets
}
