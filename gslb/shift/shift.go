// Package shift is one move of an operator, 切量: a part of what a site gets of a service goes to another site, in steps, as long
// as the destination is fine, and comes back when the move ends.
//
// Next is the whole of it: what is wanted, what there was and what was seen of the destination go in, how far the move may be now
// comes out. gslb/loop carries that out: its ramp bounds how fast clients follow, also when Next goes to zero at once, and it
// fills no destination over its high mark. The hub calls Next before every turn of the loop, and keeps the State in the status
// of the TrafficShift.
//
// It is pure. Percents are of what the source would get without the move.
package shift

import (
	"fmt"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/loop"
)

// What a Spec that is silent means: all of it in twenty minutes, and two minutes for each step. That is more than the loop's dead
// time with the usual TTL, so that what the destination shows is what the step did.
const (
	DefaultStep  = 10
	DefaultEvery = 2 * time.Minute
)

// MinEvery is the shortest time between two steps: the destination is looked at once an epoch.
const MinEvery = loop.Epoch

// Spec is what the operator wants.
type Spec struct {
	// Percent is how much is to move in the end, 1 to 100. Step is how much of it moves at a time; zero is DefaultStep.
	Percent, Step int
	// Every is how long the destination must have been fine since the last step before the next; zero is DefaultEvery.
	Every time.Duration
	Abort Abort
	// HoldAbove is the destination's high mark; zero is that of load.DefaultMarks. Above it nothing more is moved there.
	HoldAbove load.Level
	// Expires is when it goes back by itself, in the same steps; zero is never.
	Expires time.Time
}

// Abort is what ends a move at once.
type Abort struct {
	// Saturation of the destination above which the move is aborted, if it was seen twice in a row; zero is halfway from
	// HoldAbove to full.
	Saturation load.Level
	// Errors is the same for the part of the destination's answers that are server errors, over at least minAnswers; zero is
	// defaultErrors. load.Full is never, and errors are then not looked at.
	Errors load.Level
}

// defaultErrors is five percent.
const defaultErrors = load.Full / 20

// WithDefaults fills in what the operator left out.
func (p Spec) WithDefaults() Spec {
	if p.Step <= 0 {
		p.Step = DefaultStep
	}
	if p.Every == 0 {
		p.Every = DefaultEvery
	}
	p.Every = max(p.Every, MinEvery)
	if p.HoldAbove == 0 {
		p.HoldAbove = load.DefaultMarks.High
	}
	if p.Abort.Saturation == 0 {
		p.Abort.Saturation = (p.HoldAbove + load.Full) / 2
	}
	if p.Abort.Errors == 0 {
		p.Abort.Errors = defaultErrors
	}
	return p
}

// Phase is how a move stands.
type Phase string

// The phases. Holding: it may not go on now, perhaps not even begin. Moved: it is as far as it is to go. Aborted and Expired are
// the end: nothing is moved any more, and nothing will be.
const (
	Moving    Phase = "Moving"
	Holding   Phase = "Holding"
	Moved     Phase = "Moved"
	Returning Phase = "Returning"
	Aborted   Phase = "Aborted"
	Expired   Phase = "Expired"
)

// Over reports whether the move has ended.
func (p Phase) Over() bool { return p == Aborted || p == Expired }

// State is how far a move is. The zero State has not been looked at.
type State struct {
	Phase   Phase
	Percent int
	// Since is when Phase or Percent last changed, Began when the first step was taken; zero before that.
	Since, Began time.Time
	// Calm is since when the destination has been fine after the last step; zero while it is not, or nothing is known of it.
	Calm time.Time
	// Why is the reason of Holding, Aborted and Returning. While a hold has the same cause it keeps the text it began with.
	Why Reason
	// pending are the answers since errors were last judged, full how often in a row the destination was seen above the bound
	// of Abort.Saturation. A caller that lost them begins anew.
	pending Answers
	full    int
	// Forecast is what all of the move would do, as it was before the first step. Got is how many percent of what the source would
	// get the shares bring to the destination: the loop may let less through than Percent, and lets it through slowly. Next
	// leaves both as they are.
	Forecast Forecast
	Got      int
}

// Forecast is what a move would do in the end. The zero Forecast is none.
type Forecast struct {
	// FromBefore to ToAfter are how full source and destination are without it and with it, in percent.
	FromBefore, FromAfter, ToBefore, ToAfter int
	// Users is how many percent of all of the service's users change their site, RTTChange by how much their round trip gets longer,
	// in whole milliseconds.
	Users     int
	RTTChange time.Duration
}

// String has all the numbers.
func (f Forecast) String() string {
	return fmt.Sprintf("the source goes from %d %% to %d %% full, the destination from %d %% to %d %%; %d %% of the users move, with a round trip %+d ms longer",
		f.FromBefore, f.FromAfter, f.ToBefore, f.ToAfter, f.Users, f.RTTChange.Milliseconds())
}

// Share is the part of what the source gets that is to be at the destination, for loop.Shift.
func (s State) Share() gslb.Share { return gslb.Share(s.Percent) * (gslb.WholeShare / 100) }

// Next is the state after what was seen now. It is to be called once an epoch: several calls may take several steps only as far
// as the time between them allows.
func Next(p Spec, s State, seen Observed, now time.Time) State {
	if s.Phase.Over() {
		return s
	}
	p, before := p.WithDefaults(), s
	s.Percent = min(s.Percent, p.Percent)
	s.take(p, seen)
	switch why, bad := s.mustAbort(p, seen); {
	case bad:
		why.Text = fmt.Sprintf("at %d %%: %s", s.Percent, why.Text)
		s.Phase, s.Percent, s.Why, s.Calm = Aborted, 0, why, time.Time{}
	case s.Phase == Returning || !p.Expires.IsZero() && !now.Before(p.Expires):
		s.stepBack(p, now)
	default:
		s.forward(p, seen, now)
	}
	s.judged(p)
	if s.Phase != before.Phase || s.Percent != before.Percent {
		s.Since = now
	}
	return s
}

// stepBack takes the steps of the way there in the other direction, whatever the destination does meanwhile.
func (s *State) stepBack(p Spec, now time.Time) {
	if s.Phase != Returning || now.Sub(s.Since) >= p.Every {
		s.Percent = max(s.Percent-p.Step, 0)
	}
	if s.Phase != Returning {
		s.Why = Reason{Cause: Expiry, Text: "it expired at " + p.Expires.UTC().Format(time.RFC3339)}
	}
	s.Phase, s.Calm = Returning, time.Time{}
	if s.Percent == 0 {
		s.Phase = Expired
	}
}

// forward takes the next step if it is due and nothing is against it.
func (s *State) forward(p Spec, seen Observed, now time.Time) {
	why, held := s.mustHold(p, seen)
	switch {
	case held:
		s.Calm = time.Time{}
		s.hold(p, why)
		return
	case s.Calm.IsZero():
		s.Calm = now
	}
	if s.Percent < p.Percent && (s.Percent == 0 || now.Sub(s.Calm) >= p.Every) {
		s.Percent, s.Calm = min(s.Percent+p.Step, p.Percent), now
	}
	if s.Began.IsZero() {
		s.Began = now
	}
	s.Phase, s.Why = Moving, Reason{}
	if s.Percent == p.Percent {
		s.Phase = Moved
	}
}

// hold stops the move where it is. One that is where it should be has nothing to wait for.
func (s *State) hold(p Spec, why Reason) {
	if s.Percent == p.Percent {
		s.Phase, s.Why = Moved, Reason{}
		return
	}
	if s.Phase != Holding || s.Why.Cause != why.Cause {
		s.Why = why
	}
	s.Phase = Holding
}
