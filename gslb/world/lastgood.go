package world

import (
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// together is how far apart endpoints may fail that count as having failed at once. One cause does not show everywhere at the
// same moment: probes find it out one by one, and the hub later than they.
const together = time.Minute

// memory is when each address of a service was last ready. It is kept for services whose policy is plan.AnswerLastGood,
// and lives as long as the builder: over maps, and not over a restart.
type memory map[goodKey]good

type goodKey struct {
	site gslb.SiteID
	addr netip.Addr
}

// good is what is remembered of one address.
type good struct {
	ready    bool // it was, when it was last looked at
	until    time.Time
	capacity gslb.MilliRPS // of the endpoint, when the address was last ready
}

// remember looks at a service that is about to be served, and gives it what was last good of it.
func (b *Builder) remember(index int, live *Service) {
	compiled := &b.plan.Services[index]
	name := compiled.Spec.Name
	if compiled.Spec.Steering.OnAllUnhealthy != plan.AnswerLastGood {
		delete(b.memories, name)
		return
	}
	m := b.look(compiled, b.memories[name])
	b.memories[name] = m
	for family := range plan.Families {
		if compiled.ByFamily[family] == nil {
			continue
		}
		live.lastGood[family] = make([]*Service, 1+compiled.Rules())
		for rule := range live.lastGood[family] {
			clients := clients{compiled, family, uint16(rule)}
			if !clients.anyReady(live) {
				live.lastGood[family][rule] = m.recall(clients)
			}
		}
	}
}

// clients are those of one family that a residency rule holds for.
type clients struct {
	compiled *plan.CompiledService
	family   plan.Family
	rule     uint16
}

// look brings a memory up to now. What was ready at the last look was so until now, since every change is looked at. An address
// that left the service is forgotten.
func (b *Builder) look(compiled *plan.CompiledService, before memory) memory {
	now := memory{}
	for i, e := range compiled.Endpoints {
		spec := &compiled.Spec.Endpoints[i]
		for _, a := range e.Addresses {
			key := goodKey{e.Site, a.Addr}
			g, known := before[key]
			if g.ready {
				g.until = b.now
			}
			if g.ready = spec.Capacity > 0 && !spec.Drained && !b.down[Target{compiled.Spec.Name, a.Addr}]; g.ready {
				g.until, g.capacity = b.now, spec.Capacity
			}
			if known || g.ready {
				now[key] = g
			}
		}
	}
	return now
}

func (c clients) anyReady(live *Service) bool {
	for i := range live.Endpoints {
		if live.Endpoints[i].Ready(c.family) && c.compiled.Allows(c.rule, i) {
			return true
		}
	}
	return false
}

// recall is the service as it was when an address was last ready for the clients, with what failed shortly before. An endpoint
// that is drained now stays so. It is nil if that leaves nobody.
func (m memory) recall(c clients) *Service {
	then, found := &Service{Endpoints: make([]Endpoint, len(c.compiled.Endpoints))}, false
	since := m.last(c).Add(-together)
	for i, e := range c.compiled.Endpoints {
		if c.compiled.Spec.Endpoints[i].Drained || !c.compiled.Allows(c.rule, i) {
			continue
		}
		var addresses []plan.Address
		for _, a := range e.Addresses {
			g, known := m[goodKey{e.Site, a.Addr}]
			if known && plan.FamilyOf(a.Addr) == c.family && !g.until.Before(since) {
				addresses = append(addresses, a)
				then.Endpoints[i].Capacity = max(then.Endpoints[i].Capacity, g.capacity)
			}
		}
		if len(addresses) > 0 {
			groups := groupByTag(addresses, c.family, c.compiled.ByFamily[c.family].Classes.Tags)
			then.Endpoints[i].Up, then.Endpoints[i].alive[c.family], then.Endpoints[i].all[c.family] = true, groups, groups
			found = true
		}
	}
	if !found {
		return nil
	}
	then.seal()
	return then
}

// last is when an address was last ready for the clients.
func (m memory) last(c clients) (last time.Time) {
	for i, e := range c.compiled.Endpoints {
		if !c.compiled.Allows(c.rule, i) {
			continue
		}
		for _, a := range e.Addresses {
			if g := m[goodKey{e.Site, a.Addr}]; plan.FamilyOf(a.Addr) == c.family && g.until.After(last) {
				last = g.until
			}
		}
	}
	return last
}
