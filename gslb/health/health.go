// Package health turns evidence into verdicts that do not flap.
//
// State is about one address: a name server's own checks of it, one result after the other. Judge is about one service at
// one site: what readiness, the name servers' probes, the load balancer, the agent and an operator say of it together. Both
// take a death at once and hold back the return. Panic and MassSilence look over many sites, and bound what verdicts may do.
//
// It is pure. gslb/probe feeds State, gslb/node acts on it and gslb/keep carries it over a restart. The hub's loop and the
// simulator call Judge, once per round and endpoint, and keep its verdicts.
package health

import "time"

// Thresholds say how much evidence changes a verdict.
type Thresholds struct {
	// Fall and Rise are counts of consecutive results.
	Fall, Rise int
	// Calm is how long the successes in a row must have lasted before a return, whatever their number.
	Calm time.Duration
}

// Default notices a dead endpoint within two probe intervals and one timeout.
func Default() Thresholds { return Thresholds{Fall: 2, Rise: 2, Calm: 5 * time.Second} }

// The flap limit. The first return after a long time up needs calm alone. A death within flapMemory of the return is a
// flap: the next return comes firstHold after it at the earliest, and every further flap doubles that, up to maxHold. So a
// minute sees at most two changes, or three where the first of them ends a time without flaps. The last one could only be
// spared by holding back every return for a minute, also that of an endpoint that was restarted once.
const (
	flapMemory = 5 * time.Minute
	firstHold  = time.Minute
	maxHold    = 5 * time.Minute
)

// State is the verdict on one address and the run of results against it. The zero value is up. Its encoding leaves the run
// out: it starts anew after a restart, since nobody looked meanwhile.
type State struct {
	Down bool `json:"down,omitempty"`
	// Since is when the verdict last changed; zero if it never did.
	Since time.Time `json:"since,omitzero"`
	// Flaps counts the deaths that each came soon after the return before.
	Flaps int `json:"flaps,omitempty"`
	// Against counts the consecutive results that contradict the verdict, AgainstSince is the time of the first.
	Against      int       `json:"-"`
	AgainstSince time.Time `json:"-"`
}

// Observe takes one result and returns the next state. Now is never before that of the last result; where a clock was set
// back, what seems to lie ahead counts as now.
func (s State) Observe(ok bool, now time.Time, t Thresholds) State {
	s.Since, s.AgainstSince = notAfter(s.Since, now), notAfter(s.AgainstSince, now)
	if ok != s.Down {
		return s.forgetRun()
	}
	if s.Against == 0 {
		s.AgainstSince = now
	}
	s.Against++
	switch {
	case !s.Down && s.Against >= t.Fall:
		return s.die(now)
	case s.Down && s.Against >= t.Rise && now.Sub(s.AgainstSince) >= t.Calm && !now.Before(s.HeldUntil()):
		return State{Since: now, Flaps: s.Flaps}
	}
	return s
}

// HeldUntil is the earliest time of the next return; zero while no flap holds it back.
func (s State) HeldUntil() time.Time {
	if !s.Down || s.Flaps == 0 {
		return time.Time{}
	}
	const doublings = 3 // beyond maxHold already
	return s.Since.Add(min(firstHold<<min(s.Flaps-1, doublings), maxHold))
}

func (s State) die(now time.Time) State {
	flaps := 0
	if !s.Since.IsZero() && now.Sub(s.Since) < flapMemory {
		flaps = s.Flaps + 1
	}
	return State{Down: true, Since: now, Flaps: flaps}
}

func (s State) forgetRun() State {
	s.Against, s.AgainstSince = 0, time.Time{}
	return s
}

func notAfter(t, now time.Time) time.Time {
	if t.After(now) {
		return now
	}
	return t
}
