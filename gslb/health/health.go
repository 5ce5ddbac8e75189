// Package health turns single probe results into a verdict that does not flap.
//
// An address goes down after Fall failures in a row and comes up after Rise successes in a row. Before the first verdict
// it counts as up: a restarted name server must not call the whole world dead.
//
// It is pure. gslb/probe feeds it, gslb/node acts on the verdicts, gslb/keep carries them over a restart.
package health

// Thresholds are counts of consecutive results.
type Thresholds struct {
	Fall int
	Rise int
}

// Default notices a dead endpoint within two probe intervals and one timeout.
func Default() Thresholds { return Thresholds{Fall: 2, Rise: 2} }

// State is the verdict on one address and the run of results against it. The zero value is up.
type State struct {
	Down bool
	// Against counts the consecutive results that contradict the verdict.
	Against int
}

// Observe takes one result and returns the next state.
func (s State) Observe(ok bool, t Thresholds) State {
	if ok != s.Down {
		return State{Down: s.Down}
	}
	s.Against++
	limit := t.Fall
	if s.Down {
		limit = t.Rise
	}
	if s.Against < limit {
		return s
	}
	return State{Down: !s.Down}
}
