package shift

import (
	"fmt"

	"tidegate.dev/tidegate/gslb/load"
)

// Observed is what is known at one moment of the service at the move's destination. What is not known never lets a move go on.
type Observed struct {
	// Saturation is how full it is; nil is not known.
	Saturation *load.Level
	// Answers are those since the last look; nil is not known. None at all is known, and no error.
	Answers *Answers
	// Unfit is why the destination takes nobody: it is down, drained or gone. Empty: it takes clients.
	Unfit string
	// Hold is why the caller wants no step now, though the destination may be fine.
	Hold Reason
}

// Answers are counts of answers, and of those among them that are server errors (status 500 and above).
type Answers struct{ All, Errors int64 }

func (a Answers) plus(b Answers) Answers { return Answers{a.All + b.All, a.Errors + b.Errors} }

// above says whether more than that part of the answers are errors.
func (a Answers) above(limit load.Level) bool {
	return limit < load.Full && a.Errors*int64(load.Full) > a.All*int64(limit)
}

// Reason is why a move does not go on.
type Reason struct {
	Cause Cause
	// Text is for people, with the numbers.
	Text string
}

// Cause is the kind of a reason. A caller may have causes of its own.
type Cause string

// The causes of this package.
const (
	NoData    Cause = "NoData"
	Saturated Cause = "Saturated"
	Errors    Cause = "Errors"
	Unfit     Cause = "Unfit"
	Expiry    Cause = "Expired"
)

// minAnswers are judged at a time: with fewer, chance alone brings a service with two percent of errors above five.
const minAnswers = 200

// fullTwice is how often in a row a destination must be seen too full: a rate or a queue of one moment is noisy.
const fullTwice = 2

// take adds what was seen to what is judged.
func (s *State) take(p Spec, seen Observed) {
	if seen.Answers != nil {
		a := *seen.Answers
		s.pending = s.pending.plus(Answers{All: max(a.All, a.Errors), Errors: a.Errors}) // what counts both may count them apart
	}
	if seen.Saturation != nil && *seen.Saturation > p.Abort.Saturation {
		s.full++
	} else {
		s.full = 0
	}
}

// judged drops the answers that have had their say.
func (s *State) judged(p Spec) {
	if s.pending.All >= minAnswers {
		s.pending = Answers{}
	}
}

// mustAbort says whether what was moved must go back at once. Where nothing was, there is nothing to abort.
func (s *State) mustAbort(p Spec, seen Observed) (why Reason, bad bool) {
	switch {
	case s.Percent == 0:
		return Reason{}, false
	case seen.Unfit != "":
		return Reason{Unfit, seen.Unfit}, true
	case s.full >= fullTwice:
		return saturated(*seen.Saturation, p.Abort.Saturation), true
	case s.pending.All >= minAnswers && s.pending.above(p.Abort.Errors):
		return failing(s.pending, p.Abort.Errors), true
	}
	return Reason{}, false
}

// mustHold says whether the next step has to wait.
func (s *State) mustHold(p Spec, seen Observed) (why Reason, held bool) {
	limit := min(p.HoldAbove, p.Abort.Saturation)
	switch {
	case seen.Unfit != "":
		return Reason{Unfit, seen.Unfit}, true
	case seen.Hold != (Reason{}):
		return seen.Hold, true
	case seen.Saturation == nil:
		return Reason{NoData, "how full the destination is is not known"}, true
	case seen.Answers == nil && p.Abort.Errors < load.Full:
		return Reason{NoData, "how many of the destination's answers are errors is not known"}, true
	case *seen.Saturation > limit:
		return saturated(*seen.Saturation, limit), true
	case s.pending.above(p.Abort.Errors):
		return failing(s.pending, p.Abort.Errors), true
	}
	return Reason{}, false
}

func saturated(level, limit load.Level) Reason {
	return Reason{Saturated, fmt.Sprintf("the destination is %s full, above %s", percent(int64(level)), percent(int64(limit)))}
}

func failing(a Answers, limit load.Level) Reason {
	return Reason{Errors, fmt.Sprintf("%d of %d answers of the destination are server errors (%s), above %s",
		a.Errors, a.All, percent(a.Errors*int64(load.Full)/a.All), percent(int64(limit)))}
}

// percent writes ten-thousandths with at most one decimal.
func percent(tenThousandths int64) string {
	if tenth := tenThousandths / 10 % 10; tenth != 0 {
		return fmt.Sprintf("%d.%d %%", tenThousandths/100, tenth)
	}
	return fmt.Sprintf("%d %%", tenThousandths/100)
}
