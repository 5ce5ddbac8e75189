package hub

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/shift"
)

// move is a TrafficShift, how far it was, and what it names.
type move struct {
	object *v1alpha1.TrafficShift
	state  shift.State
	// service is the canonical name, export what owns it: nil if it is gone, for a move that has begun.
	service gslb.Name
	export  *v1alpha1.DomainExport
	// refusal is why it does not begin. One that has begun goes on, and comes back if it must.
	refusal *export.Refusal
}

func (m *move) over() bool { return m.state.Phase.Over() }

// moves reads the TrafficShifts. Those that have begun come first, then the older: the first to move a site's part of a service
// has it.
func moves(in Inputs, states map[types.UID]shift.State) []move {
	var list []move
	for _, object := range byName(in.Shifts) {
		if alive(&object.ObjectMeta) {
			list = append(list, newMove(in, object, states))
		}
	}
	slices.SortStableFunc(list, func(a, b move) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.object.CreationTimestamp.Compare(b.object.CreationTimestamp.Time))
	})
	for i := range list {
		if list[i].state.Phase == "" && list[i].refusal == nil {
			list[i].refusal = list[i].conflict(list[:i])
		}
	}
	return list
}

func (m *move) rank() int {
	if m.state.Phase != "" {
		return 0
	}
	return 1
}

func newMove(in Inputs, object *v1alpha1.TrafficShift, states map[types.UID]shift.State) move {
	m := move{object: object, state: stateOf(object, states)}
	if m.export = in.exportNamed(object.Namespace, object.Spec.Service); m.export != nil {
		m.service = gslb.Name(m.export.Status.CanonicalName)
	} else {
		m.service = gslb.Name(object.Status.CanonicalName)
	}
	if m.state.Phase == "" {
		m.refusal = m.missing(in)
	}
	return m
}

// stateOf is what the hub remembers of a shift; after a restart, what its status says.
func stateOf(object *v1alpha1.TrafficShift, states map[types.UID]shift.State) shift.State {
	if s, known := states[object.UID]; known {
		return s
	}
	from := object.Status
	s := shift.State{Phase: shift.Phase(from.Phase), Percent: int(from.Percent), Why: shift.Reason{Text: from.Message}, Got: int(from.Moved)}
	if f := from.Forecast; f != nil {
		s.Forecast = shift.Forecast{FromBefore: int(f.FromPercentBefore), FromAfter: int(f.FromPercentAfter), ToBefore: int(f.ToPercentBefore), ToAfter: int(f.ToPercentAfter),
			Users: int(f.UsersPercent), RTTChange: time.Duration(f.RTTChangeMilliseconds) * time.Millisecond}
	}
	if from.Since != nil {
		s.Since = from.Since.Time
	}
	if from.Began != nil {
		s.Began = from.Began.Time
	}
	if from.CalmSince != nil {
		s.Calm = from.CalmSince.Time
	}
	return s
}

// exportNamed finds what a shift names, in its own namespace alone: nobody moves another's traffic.
func (in Inputs) exportNamed(namespace, name string) *v1alpha1.DomainExport {
	canonical, err := gslb.ParseName(name)
	for _, e := range in.Exports {
		if e.Namespace == namespace && e.Status.CanonicalName != "" && (e.Name == name || err == nil && e.Status.CanonicalName == string(canonical)) {
			return e
		}
	}
	return nil
}

func (m *move) missing(in Inputs) *export.Refusal {
	if m.export == nil {
		return &export.Refusal{Reason: v1alpha1.ReasonServiceNotFound, Message: fmt.Sprintf(
			"namespace %s has no DomainExport %q, and none with that canonical name: see kubectl get dex", m.object.Namespace, m.object.Spec.Service)}
	}
	for _, site := range []string{m.object.Spec.From, m.object.Spec.To} {
		if in.siteObject(gslb.SiteID(site)) == nil {
			return &export.Refusal{Reason: v1alpha1.ReasonSiteNotFound, Message: fmt.Sprintf("there is no Site %s", site)}
		}
	}
	return nil
}

// conflict is why a move cannot be beside those before it: the same source would give twice, or a site that one fills another
// would empty.
func (m *move) conflict(before []move) *export.Refusal {
	from, to := m.object.Spec.From, m.object.Spec.To
	for i := range before {
		other := &before[i]
		if other.refusal != nil || other.over() || other.service != m.service {
			continue
		}
		its := other.object.Spec
		if its.From == from || its.From == to || its.To == from {
			return &export.Refusal{Reason: v1alpha1.ReasonShiftConflict, Message: fmt.Sprintf(
				"TrafficShift %s moves %s from %s to %s already: wait until it is over, or delete it", other.object.Name, other.service, its.From, its.To)}
		}
	}
	return nil
}

// spec is what the operator wants, as gslb/shift reads it.
func (m *move) spec(marks load.Marks) shift.Spec {
	want := m.object.Spec
	p := shift.Spec{Percent: int(want.Percent), Step: int(want.Step), Every: duration(want.Every), HoldAbove: marks.High}
	if a := want.Abort; a != nil {
		p.Abort = shift.Abort{Errors: percentLevel(a.ErrorPercent), Saturation: percentLevel(a.SaturationPercent)}
	}
	if m.countsNoErrors() {
		p.Abort.Errors = load.Full
	}
	switch {
	case want.ExpiresAt != nil:
		p.Expires = want.ExpiresAt.Time
	case want.ExpiresAfter != "":
		p.Expires = m.object.CreationTimestamp.Add(duration(want.ExpiresAfter))
	}
	return p.WithDefaults()
}

// duration reads a time that the API has checked; none is zero.
func duration(text v1alpha1.Duration) time.Duration {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return 0
	}
	return d
}

// countsNoErrors says that the service speaks TCP alone: its load balancers see no status.
func (m *move) countsNoErrors() bool {
	return m.export != nil && len(m.export.Spec.Ports) > 0 &&
		!slices.ContainsFunc(m.export.Spec.Ports, func(p v1alpha1.Port) bool { return p.Protocol != "tcp" })
}

func percentLevel(percent int32) load.Level { return load.Level(percent) * load.Full / 100 }

// marksOf are the watermarks of a service as it is served; zero are the defaults.
func marksOf(in Inputs, service gslb.Name) load.Marks {
	if in.Current != nil {
		at := slices.IndexFunc(in.Current.Services, func(s plan.Service) bool { return s.Name == service })
		if at >= 0 {
			served := &in.Current.Services[at]
			return loop.PolicyOf(&served.Steering, served.TTL).Marks
		}
	}
	return load.Marks{}
}

// goal says in words what a move is to do.
func (m *move) goal(p shift.Spec) string {
	return fmt.Sprintf("up to %d %% of what %s gets go to %s in steps of %d %%, each after it was fine for %v",
		p.Percent, m.object.Spec.From, m.object.Spec.To, p.Step, p.Every)
}
