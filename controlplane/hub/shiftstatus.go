package hub

import (
	"cmp"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/shift"
)

// shiftWrites are the TrafficShifts whose status changes, and what is told of that.
func shiftWrites(in Inputs) (list []*v1alpha1.TrafficShift, events []Event) {
	for _, m := range moves(in, in.Shifted) {
		wanted := m.object.DeepCopy()
		wanted.Status = m.status()
		var changed []metav1.Condition
		wanted.Status.Conditions, changed = export.Transition(m.object.Status.Conditions, m.conditions(in), m.object.Generation, in.Now)
		for _, c := range changed {
			events = append(events, conditionEvent(shiftReference(m.object), c))
		}
		if !equality.Semantic.DeepEqual(wanted.Status, m.object.Status) {
			list = append(list, wanted)
		}
	}
	return list, events
}

// status is how far a move is, without its conditions. It is the hub's memory over a restart.
func (m *move) status() v1alpha1.TrafficShiftStatus {
	s := m.state
	return v1alpha1.TrafficShiftStatus{Phase: string(s.Phase), Percent: int32(s.Percent), Moved: int32(s.Got), Forecast: forecastStatus(s.Forecast), Message: s.Why.Text, CanonicalName: string(m.service),
		Began: timeOf(s.Began), Since: timeOf(s.Since), CalmSince: timeOf(s.Calm)}
}

// forecastStatus is a forecast as the API has it; nil is none.
func forecastStatus(f shift.Forecast) *v1alpha1.ShiftForecast {
	if f == (shift.Forecast{}) {
		return nil
	}
	return &v1alpha1.ShiftForecast{FromPercentBefore: int32(f.FromBefore), FromPercentAfter: int32(f.FromAfter), ToPercentBefore: int32(f.ToBefore), ToPercentAfter: int32(f.ToAfter),
		UsersPercent: int32(f.Users), RTTChangeMilliseconds: f.RTTChange.Milliseconds()}
}

// timeOf is a time as the API keeps it, in whole seconds; nil is none.
func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.Truncate(time.Second)}
}

func (m *move) conditions(in Inputs) []metav1.Condition {
	accepted := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted,
		Message: fmt.Sprintf("%s moves from %s to %s", m.service, m.object.Spec.From, m.object.Spec.To)}
	if r := m.refusal; r != nil {
		accepted.Status, accepted.Reason, accepted.Message = metav1.ConditionFalse, r.Reason, r.Message
	}
	if m.state.Phase == "" {
		return []metav1.Condition{accepted}
	}
	return []metav1.Condition{accepted, m.moved(in)}
}

// moved tells how the move stands. Its message stays the same from one step to the next: each change of it is an Event.
func (m *move) moved(in Inputs) metav1.Condition {
	s, p := m.state, m.spec(marksOf(in, m.service))
	c := metav1.Condition{Type: v1alpha1.ConditionMoved, Status: metav1.ConditionFalse, Reason: string(s.Phase), Message: s.Why.Text}
	switch s.Phase {
	case shift.Moved:
		c.Status, c.Message = metav1.ConditionTrue, fmt.Sprintf("%d %% of what %s gets go to %s", s.Percent, m.object.Spec.From, m.object.Spec.To)
	case shift.Moving:
		c.Message = m.goal(p)
	case shift.Holding:
		c.Message = fmt.Sprintf("holds at %d %%: %s", s.Percent, s.Why.Text)
	case shift.Returning:
		c.Message = fmt.Sprintf("%s, and goes back by %d %% every %v", s.Why.Text, p.Step, p.Every)
	}
	return c
}

func shiftReference(s *v1alpha1.TrafficShift) corev1.ObjectReference {
	return corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "TrafficShift", Namespace: s.Namespace, Name: s.Name, UID: s.UID}
}

// ShiftStatus is one operator's move.
type ShiftStatus struct {
	Shift string `json:"shift"`
	// Service is the canonical name; while nobody has it, what the shift calls it.
	Service gslb.Name   `json:"service"`
	From    gslb.SiteID `json:"from"`
	To      gslb.SiteID `json:"to"`
	// Percent of what From gets is to be at To now, Of in the end.
	Percent int `json:"percent"`
	Of      int `json:"of"`
	// Moved is how many percent the published shares bring to To.
	Moved int `json:"moved"`
	// Forecast is in words what all of it would do, as it was before the first step.
	Forecast string `json:"forecast,omitempty"`
	// Phase is empty while the shift is refused, or was not looked at. Why is the reason for either, or for the phase.
	Phase   string    `json:"phase,omitempty"`
	Why     string    `json:"why,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	Author  string    `json:"author,omitempty"`
	Reason  string    `json:"reason"`
}

// shiftStatuses lists the moves: those that are over too, until somebody deletes them.
func shiftStatuses(in Inputs) []ShiftStatus {
	list := []ShiftStatus{}
	for _, m := range moves(in, in.Shifted) {
		want, p := m.object.Spec, m.spec(marksOf(in, m.service))
		s := ShiftStatus{Shift: m.object.Namespace + "/" + m.object.Name, Service: cmp.Or(m.service, gslb.Name(want.Service)), From: gslb.SiteID(want.From), To: gslb.SiteID(want.To),
			Percent: m.state.Percent, Of: p.Percent, Moved: m.state.Got, Phase: string(m.state.Phase), Why: m.state.Why.Text, Since: m.state.Since,
			Expires: p.Expires, Author: want.Author, Reason: want.Reason}
		if f := m.state.Forecast; f != (shift.Forecast{}) {
			s.Forecast = f.String()
		}
		if m.refusal != nil {
			s.Why = m.refusal.Message
		}
		list = append(list, s)
	}
	return list
}

// State is how a move stands, in a few words.
func (s ShiftStatus) State() string {
	text := s.Phase
	if text == "" {
		text = "Waiting"
	}
	if s.Why != "" {
		text += ": " + s.Why
	}
	return text
}
