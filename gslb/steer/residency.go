package steer

import "tidegate.dev/tidegate/gslb/plan"

// lookupWithoutFamily finds the clients' residency where no endpoint has the question's family: it decides whether the fallback
// stands in for those that may serve them.
func (d *decider) lookupWithoutFamily(q *Query) {
	if d.compiled.Rules() > 0 {
		d.scopeBits = d.classIn(&d.class, d.compiled.All.Classes, &q.Client)
	}
}

// alikeBits is the scope of what no endpoint decides: everybody's, unless a residency makes clients differ.
func (d *decider) alikeBits() int {
	if d.compiled.Rules() == 0 {
		return 0
	}
	return d.scopeBits
}

// anyAllowed says whether an endpoint with an address of the family may serve the client, dead or alive.
func (d *decider) anyAllowed() bool {
	for _, e := range d.choice.Endpoints {
		if d.compiled.Allows(d.class.Residency, int(e)) {
			return true
		}
	}
	return false
}

// answerNobody is the answer where no endpoint of the family may serve the client: as if the service had none of the others.
// What may serve it by the other family makes this NODATA. With nothing at all the name is not empty, but out of reach: the
// fallback answers if there is one, else nobody, since a resolver may keep a SERVFAIL for seconds and a NODATA for long.
func (d *decider) answerNobody(out *Decision) {
	out.Reason = Residency
	if d.trace != nil {
		d.trace.allOut(d)
	}
	for i := range d.compiled.Endpoints {
		if d.compiled.Allows(d.class.Residency, i) {
			d.answerWithoutFamily(out)
			return
		}
	}
	if !d.answerFallback(out) {
		out.Outcome, out.ScopeBits = Unavailable, d.alikeBits()
	}
}

// allOut says of every endpoint of the family why it is out.
func (t *Trace) allOut(d *decider) {
	for _, e := range d.choice.Endpoints {
		t.consider(d, int(e), healthy, false)
	}
}

// residency says which rule holds for the client.
func (t *Trace) residency(d *decider) {
	if d.class.Residency == plan.NoResidency {
		return
	}
	rule := &d.compiled.Spec.Steering.Residency[d.class.Residency-1]
	t.Steps = append(t.Steps, "residency keeps clients of "+listed(rule.Clients)+" in "+listed(rule.Regions))
}

func listed[T ~string](list []T) (text string) {
	for i, item := range list {
		if i > 0 {
			text += ", "
		}
		text += string(item)
	}
	return text
}
