package sim

import (
	"fmt"
	"net/netip"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

// Rules looks at every answer and every step of Production for breaches of the design's eight rules that never bend. It
// decides nothing. What costs much is looked at for one answer of so many.
type Rules struct {
	// Every is that number.
	Every int64
	// Allocs measures how many allocations a function makes (testing.AllocsPerRun); nil leaves rule 8 at half.
	Allocs func(run func()) float64
	// Breaches are the first ones of each rule, Looks how often each was looked at; both by number, from 1 on.
	Breaches []Breach
	Looks    [9]int64

	// EstimateOff is by what part of the demand the hub's estimates were wrong, class by class, in the mean over all steps
	// from EstimateFrom on.
	EstimateOff  float64
	EstimateFrom int64

	estimates float64
	broken    [9]int
	answers   int64
	random    *Stream
	alone     []alone // by name server
}

// Breach is one answer or step that broke a rule.
type Breach struct {
	Rule int
	At   int64
	What string
}

func (b Breach) String() string { return fmt.Sprintf("rule %d at %d s: %s", b.Rule, b.At, b.What) }

// mostBreaches of one rule are kept.
const mostBreaches = 20

// NewRules looks at one of every answers closely.
func NewRules(every int64) *Rules { return &Rules{Every: every, random: NewStream(1, "rules")} }

// Broken is how many breaches there were, of all rules.
func (r *Rules) Broken() (n int) {
	for _, broken := range r.broken {
		n += broken
	}
	return n
}

// check counts a look at a rule, and keeps a breach.
func (r *Rules) check(rule int, at int64, ok bool, what string, args ...any) {
	r.Looks[rule]++
	if ok {
		return
	}
	if r.broken[rule]++; r.broken[rule] <= mostBreaches {
		r.Breaches = append(r.Breaches, Breach{rule, at, fmt.Sprintf(what, args...)})
	}
}

// answer looks at one answer.
func (r *Rules) answer(p *Production, n *nameServer, asked Question, q steer.Query, d steer.Decision) {
	if r == nil {
		return
	}
	r.neverEmpty(p, asked, d)
	if r.answers++; r.answers%r.Every != 0 {
		return
	}
	r.alone[n.number].compare(r, p, n, asked, q, d)
	r.scopeIsExact(p, n, asked, q, d)
	r.addressesAreEnrolled(n, asked, d)
	r.isExplained(p, n, asked, q, d)
	r.isCheap(p, n, asked, q, d)
}

// neverEmpty is rule 2: no answer is ever empty because everything is unhealthy.
func (r *Rules) neverEmpty(p *Production, asked Question, d steer.Decision) {
	wished := p.config.OnAllUnhealthy == plan.AnswerServfail && d.Outcome == steer.Unavailable && d.Reason == steer.AllUnhealthy
	r.check(2, asked.Now, wished || d.Outcome == steer.Answered && len(d.Addresses) > 0,
		"asker %d got outcome %d with %d addresses", asked.Asker, d.Outcome, len(d.Addresses))
}

// scopeIsExact is rule 3: every address inside the returned scope gets the same answer from the same snapshot. It asks
// for one more address, any of them.
func (r *Rules) scopeIsExact(p *Production, n *nameServer, asked Question, q steer.Query, d steer.Decision) {
	if !q.Client.FromECS {
		return
	}
	other := q
	other.Client = gslb.Client(netip.PrefixFrom(r.within(q.Client.Prefix.Addr(), d.ScopeBits), gslb.MaxBits4), true)
	same := p.decide(n.snapshot, other)
	r.check(3, asked.Now, same.Endpoint == d.Endpoint && same.TTL == d.TTL && slices.Equal(same.Addresses, d.Addresses),
		"%v gets endpoint %d with scope /%d, %v endpoint %d", q.Client.Prefix, d.Endpoint, d.ScopeBits, other.Client.Prefix, same.Endpoint)
}

// within is any address that has bits in common with an IPv4 one.
func (r *Rules) within(addr netip.Addr, bits int) netip.Addr {
	octets := addr.As4()
	value := uint32(octets[0])<<24 | uint32(octets[1])<<16 | uint32(octets[2])<<8 | uint32(octets[3])
	value ^= uint32(r.random.Uint64()) & uint32(uint64(1)<<(32-bits)-1)
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)})
}

// addressesAreEnrolled is the half of rule 6 that answers show: they name the service's own sites.
func (r *Rules) addressesAreEnrolled(n *nameServer, asked Question, d steer.Decision) {
	ok := d.Endpoint < 0 || slices.Equal(d.Addresses, []netip.Addr{addressOf(n.served.siteOf[d.Endpoint])})
	r.check(6, asked.Now, ok, "endpoint %d has the addresses %v", d.Endpoint, d.Addresses)
}

// isExplained is rule 7: explain gives the same decision, with the numbers that made it.
func (r *Rules) isExplained(p *Production, n *nameServer, asked Question, q steer.Query, d steer.Decision) {
	explain := func(s *world.Snapshot, q steer.Query) steer.Trace { return steer.Explain(s, serviceName, q) }
	if p.broken.explain != nil {
		explain = p.broken.explain
	}
	t := explain(n.snapshot, q)
	split := n.snapshot.Plan.Services[0].Splits != nil
	ok := t.Generation == n.snapshot.Generation && t.TTLSeconds == int(d.TTL.Seconds()) && slices.Equal(t.Addresses, d.Addresses) &&
		t.Reason == d.Reason.String() && len(t.Candidates)+len(t.Steps) > 0 && (t.Split != nil) == split
	r.check(7, asked.Now, ok, "asker %d got %v by %v, explain says %v by %v", asked.Asker, d.Addresses, d.Reason, t.Addresses, t.Reason)
}

// allocsEvery is the part of the close looks that measure allocations: each takes as long as a hundred answers.
const allocsEvery = 64

// isCheap is rule 8: the query path allocates nothing, and keeps nothing, so that the same question has the same answer.
func (r *Rules) isCheap(p *Production, n *nameServer, asked Question, q steer.Query, d steer.Decision) {
	again := p.decide(n.snapshot, q)
	r.check(8, asked.Now, again.Endpoint == d.Endpoint && again.ScopeBits == d.ScopeBits && again.TTL == d.TTL,
		"asker %d got endpoint %d, and then %d", asked.Asker, d.Endpoint, again.Endpoint)
	if r.Allocs != nil && r.Looks[8]%allocsEvery == 0 {
		n := r.Allocs(func() { p.decide(n.snapshot, q) })
		r.check(8, asked.Now, n == 0, "a decision makes %v allocations", n)
	}
}

// second looks at the world once a second.
func (r *Rules) second(p *Production) {
	if r == nil {
		return
	}
	for len(r.alone) < len(p.servers) {
		r.alone = append(r.alone, alone{})
	}
	for i, n := range p.servers {
		r.alone[i].step(p, n)
	}
}

// step looks at one step of the hub's loop; last is the head before it.
func (r *Rules) step(p *Production, last *head, in *loop.Input, out *loop.Output) {
	if r == nil {
		return
	}
	known := p.demands()
	r.estimate(p, known, out)
	known.believe(out.Demand)
	l := landing{rules: r, p: p, in: in, out: out, before: p.landing(last, known, in), after: p.landing(p.head, known, in)}
	l.silentAttractNobody(last)
	l.noFlood()
	l.ramps(last)
	r.claims(p, in)
	r.check(7, p.view.Now, len(out.Sites) == len(in.Sites) || out.Frozen, "a step without its numbers")
}

// claims is rule 6: a site counts for no more than it was enrolled with.
func (r *Rules) claims(p *Production, in *loop.Input) {
	for at, i := range p.hub.byName {
		spec := p.view.Sites[i].Spec
		published := p.head.compiled.Map.Services[0].Endpoints[at]
		r.check(6, p.view.Now, in.Sites[at].Capacity <= spec.MostRate() && published.Capacity <= spec.MostRate(),
			"%s counts for %v, was enrolled with %v", spec.ID, max(in.Sites[at].Capacity, published.Capacity), spec.MostRate())
	}
}
