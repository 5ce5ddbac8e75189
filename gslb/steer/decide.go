package steer

import (
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// Query is a question for a steered name.
type Query struct {
	// Service is the index of the service in the snapshot's plan.
	Service int
	Family  plan.Family
	Client  gslb.ClientSubnet
	// At is the time in Unix seconds. Only the slots of heavy resolvers depend on it.
	At int64
}

// Outcome says what a decision answers.
type Outcome uint8

// The outcomes. Answered has addresses, of an endpoint or of the fallback. NoFamily is NODATA: no endpoint of the service has
// the family, or none that may serve the client. Unavailable is SERVFAIL, by the service's own wish (onAllUnhealthy, residency).
const (
	Answered Outcome = iota
	NoFamily
	Unavailable
)

// Decision is the answer for one client.
type Decision struct {
	Outcome Outcome
	// Endpoint is an index into the service's endpoints; -1 if there is none, or the fallback answers.
	Endpoint int
	// Addresses belong to the snapshot and must not be changed.
	Addresses []netip.Addr
	// Tag is by whom the addresses were picked among the endpoint's; plan.NoTag says that they are all there are.
	Tag plan.TagID
	TTL time.Duration
	// ScopeBits is the prefix length around the client's address in which every client gets this decision: every client
	// subnet, or every resolver without one that is not among the known ones.
	ScopeBits int
	Reason    Reason
	// Demand is the client's demand class, an index into the service's; -1 if it has none.
	Demand int
}

// Reason says which rule of the decision chose the endpoint.
type Reason uint8

// The reasons, from the best case down.
const (
	// Nearest: the only eligible endpoint of the first tier.
	Nearest Reason = iota
	// Shared: one of several eligible endpoints of the first tier, by capacity.
	Shared
	// Overflow: no endpoint of the first tier was eligible.
	Overflow
	// Split: by the shares that the hub planned for the client's demand class.
	Split
	// LastGood: no endpoint was eligible, so those count as up that were in the last moment when one was.
	LastGood
	// Fallback: no endpoint was eligible, so the addresses answer that the policy has for that.
	Fallback
	// AllUnhealthy: no endpoint was eligible, so all count as if they were up.
	AllUnhealthy
	// Residency: the service has no endpoint that may serve the client.
	Residency
	// NoEndpoint: there was nothing to choose from.
	NoEndpoint
)

var reasonNames = [...]string{"nearest", "shared", "overflow", "split", "last-good", "fallback", "all-unhealthy", "residency", "no-endpoint"}

func (r Reason) String() string { return reasonNames[r] }

// eligibility is how much a candidate may lack. Each level gives up one demand more, so that a live name is never
// without an answer.
type eligibility int

const (
	healthy    eligibility = iota // up, not drained, with capacity
	anyHealth                     // not drained, with capacity
	anyLoad                       // not drained
	everything                    // all there is
)

// Decide chooses the endpoint for a query. The snapshot must hold a plan with the query's service.
func Decide(snapshot *world.Snapshot, q Query) (out Decision) {
	decide(snapshot, &q, nil, &out)
	return out
}

// decide fills in a decision that is still zero.
func decide(snapshot *world.Snapshot, q *Query, trace *Trace, out *Decision) {
	compiled := &snapshot.Plan.Services[q.Service]
	out.Endpoint, out.Tag, out.TTL, out.Reason, out.Demand = -1, plan.NoTag, compiled.Spec.TTL, NoEndpoint, -1
	var d decider // set field by field: the compiler makes a literal of this size elsewhere and copies it
	d.compiled, d.live, d.choice = compiled, snapshot.Service(q.Service), compiled.ByFamily[q.Family]
	d.family, d.unit, d.trace = q.Family, q.Client.Unit(), trace
	if d.choice == nil {
		d.lookupWithoutFamily(q)
		d.answerWithoutFamily(out)
		return
	}
	d.lookup(snapshot.Plan, q)
	out.Demand = d.demand
	if trace != nil {
		trace.begin(&d)
	}
	if d.class.Residency != plan.NoResidency && !d.anyAllowed() {
		d.answerNobody(out)
		return
	}
	d.answer(out)
}

// decider is the state of one decision. It lives on the stack.
type decider struct {
	compiled  *plan.CompiledService
	live      *world.Service
	recalled  bool // live is the service as it was when an endpoint was last eligible
	choice    *plan.Choice
	family    plan.Family
	unit      netip.Prefix
	key       unitKey    // of the unit
	class     plan.Class // by which addresses are picked
	demand    int        // the demand class, -1 for none
	split     splitChoice
	scopeBits int // of the network that is all of these classes
	trace     *Trace
}

func (d *decider) answer(out *Decision) {
	if !d.answerHealthy(out) {
		d.answerUnhealthy(out)
	}
}

// answerHealthy goes by the client's split, then by tier and capacity. It says whether any endpoint was eligible.
func (d *decider) answerHealthy(out *Decision) bool {
	if d.split.list != nil {
		endpoint := d.chooseSplit()
		if d.trace != nil {
			d.trace.shared(d)
		}
		if endpoint >= 0 {
			out.Reason = Split
			d.finish(out, endpoint, d.split.holders > 1, d.split.unit.Bits())
			return true
		}
	}
	d.key = keyOf(d.unit.Addr())
	endpoint, tier, split := d.choose(healthy)
	switch {
	case endpoint < 0:
		return false
	case tier > 0:
		out.Reason = Overflow
	case split:
		out.Reason = Shared
	default:
		out.Reason = Nearest
	}
	d.finish(out, endpoint, split, d.unit.Bits())
	return true
}

// briefTTL bounds how long answers live that should soon be asked for again.
const briefTTL = 10 * time.Second

// finish fills in what follows from the endpoint. Split says that the unit decided, and not the class alone.
func (d *decider) finish(out *Decision, endpoint int, split bool, unitBits int) {
	out.ScopeBits = d.scopeBits
	if split {
		out.ScopeBits = max(d.scopeBits, unitBits)
	}
	out.Endpoint = endpoint
	chosen := &d.live.Endpoints[endpoint]
	out.TTL = d.ttl(out.Reason, chosen, out.Reason == Split && split && d.split.slot != 0)
	if d.recalled {
		out.Reason = LastGood
	}
	out.Addresses, out.Tag = chosen.Addresses(d.family, d.class.Tags, !chosen.Has(d.family))
	if d.trace != nil {
		d.trace.picked(d, *out)
	}
}

// ttl is how long an answer with the endpoint lives: longer where its site is calm and nothing makes it shorter.
func (d *decider) ttl(reason Reason, chosen *world.Endpoint, slot bool) time.Duration {
	spec := d.compiled.Spec
	switch {
	case slot:
		return min(spec.TTL, plan.HeavySlot)
	case reason == AllUnhealthy || d.recalled || chosen.Drained || chosen.Brief:
		return min(spec.TTL, briefTTL)
	case chosen.Calm:
		return max(spec.TTL, spec.Steering.CalmTTL)
	}
	return spec.TTL
}

// choose walks the tiers and takes the first that has an eligible endpoint. Split says that capacity decided, per unit.
func (d *decider) choose(level eligibility) (endpoint, tier int, split bool) {
	if len(d.class.Candidates) == 0 {
		return d.chooseWithoutPlace(level)
	}
	last := int(d.class.Candidates[len(d.class.Candidates)-1].Tier)
	for tier = 0; tier <= last; tier++ {
		p := d.newPick(level, d.key)
		for _, c := range d.class.Candidates {
			if int(c.Tier) == tier {
				p.consider(int(d.choice.BySite[c.Site]))
			}
		}
		if p.best >= 0 {
			return p.best, tier, p.eligible > 1
		}
	}
	endpoint, split = d.chooseBeyond(level)
	return endpoint, last + 1, split
}

// chooseBeyond picks among the endpoints that are too far for the class's list: reached when all near ones are gone.
func (d *decider) chooseBeyond(level eligibility) (endpoint int, split bool) {
	p := d.newPick(level, d.key)
	for site, e := range d.choice.BySite {
		if !d.listed(uint16(site)) {
			p.consider(int(e))
		}
	}
	return p.best, p.eligible > 1
}

func (d *decider) listed(site uint16) bool {
	for _, c := range d.class.Candidates {
		if c.Site == site {
			return true
		}
	}
	return false
}

// chooseWithoutPlace is the choice of methods that do not ask where the client is, and of clients of unknown place.
func (d *decider) chooseWithoutPlace(level eligibility) (endpoint, tier int, split bool) {
	if d.compiled.Spec.Steering.Method == plan.Failover {
		for tier, e := range d.choice.Endpoints {
			if p := d.newPick(level, d.key); p.consider(int(e)) {
				return int(e), tier, false
			}
		}
		return -1, 0, false
	}
	p := d.newPick(level, d.key)
	for _, e := range d.choice.Endpoints {
		p.consider(int(e))
	}
	return p.best, 0, p.eligible > 1
}

func (d *decider) eligible(endpoint int, level eligibility) bool {
	if !d.compiled.Allows(d.class.Residency, endpoint) {
		return false
	}
	e := &d.live.Endpoints[endpoint]
	switch level {
	case healthy:
		return d.live.Ready(d.family, endpoint)
	case anyHealth:
		return !e.Drained && e.Capacity > 0
	case anyLoad:
		return !e.Drained
	}
	return true
}
