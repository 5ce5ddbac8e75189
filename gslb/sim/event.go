package sim

import "tidegate.dev/tidegate/gslb"

// Event is something that happens at a second of the simulation, before anything else in it.
type Event struct {
	At     int64
	Change Change
}

// Change is what an event changes.
type Change interface{ apply(s *Sim) }

// Demand changes the demand of clients to a factor of what it would be, in equal steps over some seconds.
type Demand struct {
	Of     Clients
	Factor float64
	Over   int64
}

func (d Demand) apply(s *Sim) {
	c := &s.changes[s.changeOf[d.Of]]
	*c = change{from: c.at(s.now), to: d.Factor, begin: s.now, end: s.now + d.Over}
}

// SiteDown kills a site, or revives it with the replicas that it had.
type SiteDown struct {
	Site gslb.SiteID
	Down bool
}

func (d SiteDown) apply(s *Sim) { s.site(d.Site).dead = d.Down }

// Slower changes what each replica of a site can truly carry, to a factor of what it was built for. Nobody is told.
type Slower struct {
	Site   gslb.SiteID
	Factor float64
}

func (c Slower) apply(s *Sim) { s.site(c.Site).factor = c.Factor }

// Replicas sets the number of replicas of a site: less at once, more once they are warm.
type Replicas struct {
	Site  gslb.SiteID
	Count int
}

func (r Replicas) apply(s *Sim) { s.site(r.Site).setReplicas(s.now, r.Count) }

// WarmUp changes how many seconds new replicas of a site take.
type WarmUp struct {
	Site    gslb.SiteID
	Seconds int
}

func (w WarmUp) apply(s *Sim) { s.site(w.Site).warmUp = seconds(w.Seconds) }

// Drain takes a site out as an operator does, or puts it back.
type Drain struct {
	Site    gslb.SiteID
	Drained bool
}

func (d Drain) apply(s *Sim) { s.site(d.Site).drained = d.Drained }

// Reports breaks the reports of a site, or mends them.
type Reports struct {
	Site  gslb.SiteID
	Fault Fault
}

func (r Reports) apply(s *Sim) { s.mail[s.index[r.Site]].fault = r.Fault }

// HubDown stops the hub, or starts it again.
type HubDown bool

func (d HubDown) apply(s *Sim) { s.view.HubDown = bool(d) }

// BusDown stops the bus, or starts it again.
type BusDown bool

func (d BusDown) apply(s *Sim) { s.view.BusDown = bool(d) }

// NameServer changes the state of a name server.
type NameServer struct {
	Number int
	State  NameServerView
}

func (n NameServer) apply(s *Sim) { s.view.NameServers[n.Number] = n.State }

// Block makes the probes of a name server to a site fail, or lets them through.
type Block struct {
	NameServer int
	Site       gslb.SiteID
	Blocked    bool
}

func (b Block) apply(s *Sim) { s.blocked[pair{b.NameServer, s.index[b.Site]}] = b.Blocked }

// pair is a name server and a site.
type pair struct{ nameServer, site int }

// Stretch makes a part of the resolvers that send no client subnet keep answers for at least some seconds.
type Stretch struct {
	Percent int
	Seconds int64
}

func (c Stretch) apply(s *Sim) { s.stretch = c }

// leastTTL is how long an asker keeps any answer at least.
func (s *Sim) leastTTL(resolver int32) int64 {
	if resolver == 0 || int(mix(uint64(resolver))%100) >= s.stretch.Percent {
		return 1
	}
	return s.stretch.Seconds
}
