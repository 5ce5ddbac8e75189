package steer

import (
	"tidegate.dev/tidegate/gslb/plan"
)

// answerUnhealthy is the answer when no endpoint is eligible: what the policy says, and where that has nothing, all endpoints.
// A workload that its owner put to sleep is not ill: a SERVFAIL would keep it asleep, and what was up last is of no interest.
func (d *decider) answerUnhealthy(out *Decision) {
	asleep := d.compiled.Spec.Asleep
	switch d.compiled.Spec.Steering.OnAllUnhealthy {
	case plan.AnswerServfail:
		if !asleep {
			out.Outcome, out.Reason, out.ScopeBits = Unavailable, AllUnhealthy, d.alikeBits()
			return
		}
	case plan.AnswerFallback:
		if d.answerFallback(out) {
			return
		}
	case plan.AnswerLastGood:
		if !asleep && d.recall() && d.answerHealthy(out) {
			return
		}
	}
	endpoint, split := d.chooseAnyway()
	out.Reason = AllUnhealthy
	d.finish(out, endpoint, split, d.unit.Bits())
}

// answerFallback answers with the fallback's addresses of the question's family, if it has any.
func (d *decider) answerFallback(out *Decision) bool {
	addresses := d.compiled.Fallback[d.family]
	if d.trace != nil {
		d.trace.fallback(len(addresses) > 0)
	}
	if len(addresses) == 0 {
		return false
	}
	out.Outcome, out.Reason, out.Addresses, out.ScopeBits = Answered, Fallback, addresses, d.alikeBits()
	out.TTL = min(out.TTL, briefTTL)
	return true
}

// answerWithoutFamily answers for a family that no endpoint has: NODATA, unless the fallback stands in for all of them. A
// client must not find the fallback by one family and nothing by the other.
func (d *decider) answerWithoutFamily(out *Decision) {
	if len(d.compiled.Fallback[d.family]) > 0 && !d.anyHealthy() {
		d.answerFallback(out)
		return
	}
	out.Outcome, out.ScopeBits = NoFamily, d.alikeBits()
}

// anyHealthy says whether an endpoint is eligible in any family.
func (d *decider) anyHealthy() bool {
	for i := range d.live.Endpoints {
		if !d.compiled.Allows(d.class.Residency, i) {
			continue
		}
		for family := range plan.Families {
			if d.live.Ready(family, i) {
				return true
			}
		}
	}
	return false
}

// recall goes back to the last moment when an endpoint was eligible, if the name server remembers one.
func (d *decider) recall() bool {
	then := d.live.LastGood(d.family, d.class.Residency)
	if d.trace != nil {
		d.trace.recall(then != nil)
	}
	if then == nil {
		return false
	}
	d.live, d.recalled = then, true
	return true
}

// chooseAnyway is the choice when nothing is healthy: as if all were up, then without regard to load, then to drains.
func (d *decider) chooseAnyway() (endpoint int, split bool) {
	for level := anyHealth; level <= everything; level++ {
		if endpoint, _, split = d.choose(level); endpoint >= 0 {
			return endpoint, split
		}
	}
	return int(d.choice.Endpoints[0]), false
}
