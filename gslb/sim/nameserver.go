package sim

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/gslb/tally"
	"tidegate.dev/tidegate/gslb/world"
)

// nameServer is one name server: what gslb/node does with the same packages, without sockets and disk. A map and the
// verdicts of its probes survive its restart, as gslb/keep has them.
type nameServer struct {
	number   int
	builder  *world.Builder
	snapshot *world.Snapshot
	served   *head
	refused  error // why the newest map is not served; nil if it is
	refusals int   // in how many seconds it was not
	probes   []health.State
	// answers has the seconds that the answers since the hub's last look live, by demand class and site; resolvers those
	// to each resolver that sends no client subnet.
	answers   []int64
	resolvers *tally.Resolvers
}

func newNameServer(number, sites int) *nameServer {
	n := &nameServer{
		number: number, builder: world.NewBuilder(), snapshot: &world.Snapshot{}, probes: make([]health.State, sites),
		resolvers: tally.NewResolvers(uint64(number)),
	}
	n.builder.CountResolvers(n.resolvers)
	return n
}

// step is one second of a name server.
func (n *nameServer) step(p *Production) {
	state := p.view.NameServers[n.number]
	if state.Down {
		return
	}
	changed := n.probe(p.view)
	if n.reaches(p.view) {
		changed = n.follow(p) || changed
	} else if p.broken.lost != nil {
		p.broken.lost(n)
		changed = true
	}
	if changed {
		n.builder.SetTime(p.view.Time)
		n.snapshot = n.builder.Snapshot()
	}
}

// reaches says whether the bus is there.
func (n *nameServer) reaches(v *View) bool {
	return !v.BusDown && !v.NameServers[n.number].CutOff && !v.NameServers[n.number].Down
}

// probe checks every site, and says whether a verdict changed.
func (n *nameServer) probe(v *View) (changed bool) {
	for i := range n.probes {
		n.probes[i] = n.probes[i].Observe(v.Probe(n.number, i), v.Time, health.Default())
		if n.builder.SetDown(target(i), n.probes[i].Down) {
			changed = true
		}
	}
	return changed
}

// follow swaps to the map that the bus has, if it is newer and passes the guards.
func (n *nameServer) follow(p *Production) (swapped bool) {
	next := p.head
	if next == nil || next.published >= p.view.Now && n.served != nil || n.served != nil && next.generation <= n.served.generation {
		return false
	}
	var current *plan.Map
	if n.served != nil {
		current = n.served.compiled.Map
	}
	if n.refused = plan.Accept(current, next.compiled.Map, next.reasons); n.refused != nil {
		n.refusals++
		return false
	}
	n.served = next
	n.builder.SetPlan(next.generation, next.compiled)
	return true
}

// count counts an answer.
func (n *nameServer) count(to *askerInfo, answer Answer) {
	if to.class == noClass {
		return
	}
	sites := len(n.probes)
	for need := (int(to.class) + 1) * sites; len(n.answers) < need; {
		n.answers = append(n.answers, make([]int64, need-len(n.answers))...)
	}
	seconds := int64(answer.TTL / time.Second)
	n.answers[int(to.class)*sites+answer.Site] += seconds
	if to.resolver.IsValid() {
		n.snapshot.Service(0).Tally.AddResolver(int(to.class), slices.Index(n.served.siteOf, answer.Site), to.resolver, seconds)
	}
}

// reported forgets what was counted, whether a hub heard it or not.
func (n *nameServer) reported() {
	clear(n.answers)
	n.resolvers.Take(func(uint32, int, int, netip.Addr, int64) bool { return true })
}

// resolverAnswers are those to one resolver that name one site.
type resolverAnswers struct {
	class, site int
	resolver    netip.Addr
	seconds     int64
}

// heaviest takes what was counted of the resolvers that a report has room for.
func (n *nameServer) heaviest() (list []resolverAnswers) {
	type part struct {
		resolver netip.Addr
		class    int
	}
	all := map[part]int64{}
	n.resolvers.Take(func(_ uint32, class, endpoint int, resolver netip.Addr, seconds int64) bool {
		list = append(list, resolverAnswers{class, n.served.siteOf[endpoint], resolver, seconds})
		all[part{resolver, class}] += seconds
		return true
	})
	parts := slices.SortedFunc(maps.Keys(all), func(a, b part) int {
		return cmp.Or(cmp.Compare(all[b], all[a]), a.resolver.Compare(b.resolver), cmp.Compare(a.class, b.class))
	})
	for _, p := range parts[min(len(parts), signal.MaxResolvers):] {
		delete(all, p)
	}
	return slices.DeleteFunc(list, func(r resolverAnswers) bool { return all[part{r.resolver, r.class}] == 0 })
}
