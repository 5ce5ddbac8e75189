package hub

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/shift"
)

// Causes of the hub's for a shift to hold.
const (
	causeCordoned   shift.Cause = "Cordoned"
	causeNoRoom     shift.Cause = "NoRoom"
	causeIdle       shift.Cause = "Idle"
	causeDeaf       shift.Cause = "Deaf"
	causeNotSteered shift.Cause = "NotSteered"
	causeOverfills  shift.Cause = "Overfills"
)

// exportGone ends a shift whose service is gone.
const exportGone = "the service is exported no longer"

// shifting takes the operators' moves through one turn of the control loop.
type shifting struct {
	in      Inputs
	steer   *steering
	waiting map[gslb.Name][]move
	states  map[types.UID]shift.State
	// carried are the moves of a service that the loop was given, in its order; aborted those that it may still have to undo.
	carried map[gslb.Name][]types.UID
	aborted map[gslb.Name][]move
}

// undoneWithin is how long after an abort clients go back at the pace of relief: 30 % of a class in an epoch, and as long again
// for those whom the source has no room for at first.
const undoneWithin = 8 * loop.Epoch

// shifting begins with the moves that are under way or may begin.
func (s *steering) shifting(in Inputs) *shifting {
	t := &shifting{in: in, steer: s, waiting: map[gslb.Name][]move{}, states: map[types.UID]shift.State{},
		carried: map[gslb.Name][]types.UID{}, aborted: map[gslb.Name][]move{}}
	for _, m := range moves(in, s.shifts) {
		switch {
		case m.over():
			t.states[m.object.UID] = m.state
			if m.state.Phase == shift.Aborted && in.Now.Sub(m.state.Since) < undoneWithin {
				t.aborted[m.service] = append(t.aborted[m.service], m)
			}
		case m.refusal == nil:
			t.waiting[m.service] = append(t.waiting[m.service], m)
		}
	}
	return t
}

// through takes the moves of a service on by what was seen, and returns what of them the loop is to carry out.
func (t *shifting) through(service *plan.Service, was loop.State, input loop.Input, sites map[gslb.SiteID]int) (list []loop.Shift) {
	for _, m := range t.waiting[service.Name] {
		from, gives := sites[gslb.SiteID(m.object.Spec.From)]
		to, takes := sites[gslb.SiteID(m.object.Spec.To)]
		p := m.spec(loop.PolicyOf(&service.Steering, service.TTL).Marks)
		v := view{shifting: t, move: m, spec: p, service: service.Name}
		if gives {
			v.from = &input.Sites[from]
		}
		if takes {
			v.to = &input.Sites[to]
		}
		seen := v.observed()
		if gives && takes && m.state.Percent == 0 && m.state.Began.IsZero() {
			whole := loop.Shift{From: from, To: to, Share: shift.State{Percent: p.Percent}.Share()}
			if f, known := loop.Forecast(loop.PolicyOf(&service.Steering, service.TTL), was, input, whole); known {
				m.state.Forecast = forecastOf(&f)
				if seen.Hold == (shift.Reason{}) {
					seen.Hold = overfills(&f, p.Percent)
				}
			}
		}
		state := shift.Next(p, m.state, seen, t.in.Now)
		t.states[m.object.UID] = state
		if gives && takes && (state.Percent > 0 || state.Phase == shift.Aborted) {
			list = append(list, loop.Shift{From: from, To: to, Share: state.Share(), Urgent: state.Phase == shift.Aborted})
			t.carried[service.Name] = append(t.carried[service.Name], m.object.UID)
		}
	}
	delete(t.waiting, service.Name)
	return append(list, t.undone(service.Name, sites)...)
}

// undone are the moves of a service that were aborted a moment ago.
func (t *shifting) undone(service gslb.Name, sites map[gslb.SiteID]int) (list []loop.Shift) {
	for _, m := range t.aborted[service] {
		from, gives := sites[gslb.SiteID(m.object.Spec.From)]
		to, takes := sites[gslb.SiteID(m.object.Spec.To)]
		if gives && takes {
			list = append(list, loop.Shift{From: from, To: to, Urgent: true})
			t.carried[service] = append(t.carried[service], m.object.UID)
		}
	}
	return list
}

// got notes how much of its moves a turn of a service let through; a turn that changed nothing says nothing.
func (t *shifting) got(service gslb.Name, figures []loop.ShiftFigures) {
	for i, f := range figures {
		uid := t.carried[service][i]
		state := t.states[uid]
		state.Got = f.Percent()
		t.states[uid] = state
	}
}

// forecastOf is a forecast in the numbers that people read.
func forecastOf(f *loop.ShiftForecast) shift.Forecast {
	users := int64(0)
	if f.All > 0 {
		users = (int64(f.Moved)*100 + int64(f.All)/2) / int64(f.All)
	}
	return shift.Forecast{
		FromBefore: int(f.From.Percent(f.From.Before)), FromAfter: int(f.From.Percent(f.From.After)),
		ToBefore: int(f.To.Percent(f.To.Before)), ToAfter: int(f.To.Percent(f.To.After)),
		Users: int(users), RTTChange: f.RTTChange.Round(time.Millisecond),
	}
}

// overfills holds a move that has not begun while all of it would push its destination over its high mark.
func overfills(f *loop.ShiftForecast, percent int) (why shift.Reason) {
	if !f.Over() {
		return why
	}
	way := "wait until it has room, or give it more capacity"
	if fits := int64(percent) * int64(f.Fits()) / int64(gslb.WholeShare); fits > 0 {
		way = fmt.Sprintf("set percent to %d or less, or give it more capacity", fits)
	}
	return shift.Reason{Cause: causeOverfills, Text: fmt.Sprintf("%d %% would bring %s to %v requests/s, and its high mark is at %v: %s",
		percent, f.To.ID, f.To.After, f.To.High, way)}
}

// done has the states of all moves. Those whose service had no turn hold, or come back if the service is gone.
func (t *shifting) done() map[types.UID]shift.State {
	for _, list := range t.waiting {
		for _, m := range list {
			seen := shift.Observed{Hold: shift.Reason{Cause: causeNotSteered,
				Text: "no shares are planned for the service: that takes steering by proximity, two sites that have an address, and a replica"}}
			if m.export == nil {
				seen.Unfit = exportGone
			}
			t.states[m.object.UID] = shift.Next(m.spec(marksOf(t.in, m.service)), m.state, seen, t.in.Now)
		}
	}
	return t.states
}

// view is what one turn knows of a move. A site that does not run the service is nil.
type view struct {
	*shifting
	move     move
	spec     shift.Spec
	service  gslb.Name
	from, to *loop.Site
}

func (v view) observed() shift.Observed {
	destination := gslb.SiteID(v.move.object.Spec.To)
	verdict := v.steer.verdicts[endpointKey{v.service, destination}]
	seen := shift.Observed{Hold: v.hold()}
	switch {
	case v.move.export == nil:
		seen.Unfit = exportGone
		return seen
	case v.to == nil:
		seen.Unfit = fmt.Sprintf("%s does not run %s", destination, v.service)
		return seen
	case verdict.Down: // even where it counts as up, since too few are
		seen.Unfit = fmt.Sprintf("%s is down: %s", destination, verdict.Reason)
	case v.to.Drained:
		seen.Unfit = fmt.Sprintf("%s is drained", destination)
	}
	if sample := v.to.Sample; sample != nil && v.in.Now.Sub(sample.At) <= loop.FrozenFor {
		seen.Saturation = v.saturation(*sample, verdict.grown)
		seen.Answers = answered(verdict.grown)
	}
	return seen
}

// hold is why no step is to be taken now, though the destination may be fine.
func (v view) hold() shift.Reason {
	spec := v.move.object.Spec
	switch {
	case v.in.deaf():
		return shift.Reason{Cause: causeDeaf, Text: "more than half of the sites are silent"}
	case v.from == nil || !v.from.Up || v.from.Drained:
		return shift.Reason{Cause: causeIdle, Text: fmt.Sprintf("%s gets nobody: there is nothing to move", spec.From)}
	case v.to != nil && v.to.Cordoned:
		return shift.Reason{Cause: causeCordoned, Text: fmt.Sprintf("%s is cordoned: it gets nobody new", spec.To)}
	}
	return v.noRoom()
}

// nearlyFull is the part of the load at its high mark from which on a destination has no room that is worth a step.
const nearlyFull = 0.98

// noRoom holds where the shares that are published bring the destination to its high mark: the loop lets no more through.
func (v view) noRoom() (why shift.Reason) {
	f, known := v.figures()
	if !known {
		return why
	}
	high := float64(f.Counted) * f.Correction * float64(v.spec.HoldAbove) / float64(load.Full)
	if float64(f.After) < nearlyFull*high {
		return why
	}
	return shift.Reason{Cause: causeNoRoom, Text: fmt.Sprintf("%s gets %v requests/s, and has room for %v below its high mark", f.ID, f.After, gslb.MilliRPS(high))}
}

// figures are those of the destination after the last turn.
func (v view) figures() (f loop.SiteFigures, known bool) {
	for _, f := range v.steer.outputs[v.service].Sites {
		if string(f.ID) == v.move.object.Spec.To {
			return f, f.Counted > 0 && f.Correction > 0
		}
	}
	return f, false
}

// saturation is how full the destination is. Its rate is that since the last turn, where that is known: that of a second is
// noisy, and a move must not be aborted by noise.
func (v view) saturation(sample load.Sample, grown *growth) *load.Level {
	capacity := v.to.Capacity
	if f, known := v.figures(); known {
		capacity = gslb.MilliRPS(float64(f.Counted) * f.Correction)
	}
	if grown != nil {
		rate := gslb.MilliRPS(min(float64(grown.requests)*1000/grown.over.Seconds(), float64(gslb.MaxRate)))
		sample.Rate = &rate
	}
	level, _, known := sample.Saturation(capacity)
	if !known {
		return nil
	}
	return &level
}

// answered is what the destination answered since the last turn.
func answered(grown *growth) *shift.Answers {
	if grown == nil || grown.errors == nil {
		return nil
	}
	return &shift.Answers{All: grown.requests, Errors: *grown.errors}
}
