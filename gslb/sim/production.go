package sim

import (
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

// Production is the Steerer that runs what Tidegate runs: a hub that turns reports, probes and answers into a map every
// epoch, and name servers that follow it, probe by themselves, and decide. What is not simulated is the transport: a map
// arrives whole, a second after it was published, wherever the bus reaches; and all name servers share one compilation
// of it.
type Production struct {
	config  ProductionConfig
	view    *View
	hub     hub
	servers []*nameServer
	head    *head // on the bus; nil before the first
	askers  []askerInfo
	broken  faults
}

// ProductionConfig is what operator and owner chose.
type ProductionConfig struct {
	Geo *plan.Geo
	// TTL, Watermarks and MinSites are the service's; zero is the default of gslb/loop.
	TTL            time.Duration
	Watermarks     plan.Watermarks
	ConnectionLife time.Duration
	// CalmTTL is that of the service; zero is off.
	CalmTTL        time.Duration
	MinSites       int
	Method         plan.Method
	OnAllUnhealthy plan.OnAllUnhealthy
	// Rules, if not nil, look at every answer and every step.
	Rules *Rules
	// Trace, if not nil, is called after every step of the hub's loop.
	Trace func(loop.Input, loop.Output)
}

// head is a published map.
type head struct {
	generation uint64
	published  int64 // second
	reasons    []plan.Reason
	compiled   *plan.Compiled
	siteOf     []int // by endpoint: an index into View.Sites
}

// faults break production on purpose: the tests of the rules set them.
type faults struct {
	decide  func(*world.Snapshot, steer.Query) steer.Decision
	input   func(*loop.Input)
	output  func(*loop.Output)
	publish func(*plan.Map)
	explain func(*world.Snapshot, steer.Query) steer.Trace
	lost    func(*nameServer) // what a name server does in a second in which it does not reach the bus
}

// NewProduction starts with a hub and name servers that know nothing.
func NewProduction(config ProductionConfig) *Production {
	if config.TTL == 0 {
		config.TTL = loop.DefaultTTL
	}
	if config.Watermarks == (plan.Watermarks{}) {
		config.Watermarks = plan.Watermarks{LowPercent: 70, HighPercent: 90}
	}
	if config.Method == "" {
		config.Method = plan.Proximity
	}
	if config.OnAllUnhealthy == "" {
		config.OnAllUnhealthy = plan.AnswerAll
	}
	return &Production{config: config}
}

// The one service that is simulated.
const (
	serviceName gslb.Name = "chat.edge.example."
	zoneName    gslb.Name = "edge.example."
)

// addressOf is the address of a site, out of the range for benchmarks (RFC 2544).
func addressOf(site int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(site >> 8), byte(site)})
}

func target(site int) world.Target { return world.Target{Service: serviceName, Addr: addressOf(site)} }

// Step lets the hub think when it is time, and every name server probe and follow.
func (p *Production) Step(v *View) {
	p.view = v
	for len(p.servers) < len(v.NameServers) {
		p.servers = append(p.servers, newNameServer(len(p.servers), len(v.Sites)))
	}
	if v.Now%int64(loop.Epoch/time.Second) == 0 {
		if !v.HubDown && !v.BusDown {
			p.think()
		}
		for _, n := range p.servers {
			n.reported()
		}
	}
	p.hub.wasDown = p.hub.wasDown || v.HubDown
	for _, n := range p.servers {
		n.step(p)
	}
	p.config.Rules.second(p)
}

// Ask decides on the snapshot of the name server.
func (p *Production) Ask(q Question) Answer {
	n := p.servers[q.NameServer]
	if n.served == nil {
		return Answer{Site: NoSite}
	}
	query := steer.Query{Family: plan.IPv4, Client: q.Client, At: p.view.Time.Unix()}
	decision := p.decide(n.snapshot, query)
	answer := Answer{Site: NoSite, TTL: decision.TTL}
	if decision.Outcome == steer.Answered && decision.Endpoint >= 0 {
		answer.Site = n.served.siteOf[decision.Endpoint]
		n.count(p.asker(q, n.served.compiled), answer)
	}
	p.config.Rules.answer(p, n, q, query, decision)
	return answer
}

func (p *Production) decide(s *world.Snapshot, q steer.Query) steer.Decision {
	if p.broken.decide != nil {
		return p.broken.decide(s, q)
	}
	return steer.Decide(s, q)
}

// askerInfo is what name servers count answers to an asker under. It is looked up once for each compilation of classes.
type askerInfo struct {
	classes  *plan.Classes
	class    int32 // demand class, noClass if it has none
	resolver netip.Addr
}

const noClass = -1

func (p *Production) asker(q Question, compiled *plan.Compiled) *askerInfo {
	for q.Asker >= len(p.askers) {
		p.askers = append(p.askers, askerInfo{})
	}
	info, classes := &p.askers[q.Asker], compiled.Services[0].All.Classes
	if info.classes != classes {
		*info = askerInfo{classes: classes, class: classOf(classes, q.Client)}
		if !q.Client.FromECS {
			info.resolver = q.Client.Prefix.Addr()
		}
	}
	return info
}

func classOf(classes *plan.Classes, client gslb.ClientSubnet) int32 {
	class, _ := classes.Lookup(client.Unit())
	if !client.FromECS {
		if known, ok := classes.LookupResolver(client.Prefix.Addr()); ok {
			class = known
		}
	}
	if index, ok := classes.Demand().Of(class); ok {
		return int32(index)
	}
	return noClass
}

// Splits are those of the newest map, none before the first.
func (p *Production) Splits() []plan.Split {
	if p.head == nil {
		return nil
	}
	return p.head.compiled.Map.Services[0].Splits
}
