package baseline

import (
	"time"

	"tidegate.dev/tidegate/gslb/sim"
)

// k8gbReconcile is the seconds between two looks of k8gb at its peers (RECONCILE_REQUEUE_SECONDS).
const k8gbReconcile = 30

// Failover is k8gb's failover strategy: the primary while it has ready endpoints, else the next one. What each instance
// knows of the others is what their DNS said at its last reconciliation; load does not matter. k8gb has one primary for a
// name. Here every client has its own, the nearest site, as if there were a name for each region; that flatters it.
type Failover struct {
	TTL    time.Duration
	view   *sim.View
	orders orders
	up     [][]bool // by name server and site
}

// Step lets name servers reconcile, each at seconds of its own.
func (f *Failover) Step(v *sim.View) {
	f.view = v
	if f.up == nil {
		f.up = make([][]bool, len(v.NameServers))
	}
	for server := range f.up {
		if f.up[server] == nil || (v.Now+int64(server)*k8gbReconcile/int64(len(f.up)))%k8gbReconcile == 0 {
			f.up[server] = reconciled(v, server)
		}
	}
}

func reconciled(v *sim.View, server int) []bool {
	up := make([]bool, len(v.Sites))
	for i := range up {
		up[i] = v.Probe(server, i) && !v.Sites[i].Drained
	}
	return up
}

// Ask answers the first site in the client's order that was up.
func (f *Failover) Ask(q sim.Question) sim.Answer {
	order := f.orders.of(f.view, q)
	for _, site := range order {
		if f.up[q.NameServer][site] {
			return sim.Answer{Site: site, TTL: f.TTL}
		}
	}
	return sim.Answer{Site: order[0], TTL: f.TTL}
}
