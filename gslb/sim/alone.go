package sim

import (
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

// alone is rule 1 for one name server: while hub or bus are lost, it answers from the map that it had, and takes away
// what its own probes call dead. That is built here a second time.
type alone struct {
	last    *head // that it had when it was last not alone
	lost    bool
	builder *world.Builder // nil while it is not alone
}

// step is called once a second, when the name server has stepped.
func (a *alone) step(p *Production, n *nameServer) {
	a.lost = p.view.HubDown || !n.reaches(p.view)
	if !a.lost {
		a.last, a.builder = n.served, nil
		return
	}
	if n.reaches(p.view) && (a.last == nil || p.head != nil && p.head.generation > a.last.generation) && n.refused == nil {
		a.last, a.builder = p.head, nil // what the hub published last arrives without it
		if n.served != p.head {
			a.last = n.served
		}
	}
	if a.last == nil {
		return
	}
	if a.builder == nil {
		a.builder = world.NewBuilder()
		a.builder.SetPlan(a.last.generation, a.last.compiled)
	}
	for i := range n.probes {
		a.builder.SetDown(target(i), n.probes[i].Down)
	}
}

// compare looks at one answer.
func (a *alone) compare(r *Rules, p *Production, n *nameServer, asked Question, q steer.Query, d steer.Decision) {
	if !a.lost || a.builder == nil {
		return
	}
	want := steer.Decide(a.builder.Snapshot(), q)
	r.check(1, asked.Now, want.Endpoint == d.Endpoint && want.TTL == d.TTL && want.ScopeBits == d.ScopeBits,
		"name server %d is alone and answers endpoint %d, from its last map it would be %d", n.number, d.Endpoint, want.Endpoint)
}
