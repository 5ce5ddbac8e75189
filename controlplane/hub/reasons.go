package hub

import (
	"slices"
	"time"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// A name server that was away must understand what happened meanwhile, so reasons stay in the head for a day.
const (
	reasonsKeptFor = 24 * time.Hour
	maxReasons     = 5000
)

// stepper explains the step from the current map to the next.
type stepper struct {
	exports  *exportTable
	names    map[gslb.Name]bool
	services map[gslb.Name]*plan.Service
	zones    map[gslb.Name]bool
	found    map[plan.Reason]bool
	list     []DatedReason
}

// reasons are those of before that still matter, and those of the step from the current map to next.
func reasons(in Inputs, next *plan.Map, exports *exportTable) []DatedReason {
	s := stepper{exports: exports, names: namesOf(next), services: servicesOf(next), zones: zonesOf(next), found: map[plan.Reason]bool{}}
	for _, r := range in.State.Reasons {
		r = s.carriedOver(r)
		if !s.found[r.Reason] && in.Now.Sub(r.At) < reasonsKeptFor && s.stands(r.Reason) {
			s.found[r.Reason] = true
			s.list = append(s.list, r)
		}
	}
	s.retired()
	if in.Current != nil {
		for i := range in.Current.Services {
			s.service(&in.Current.Services[i])
		}
	}
	s.retiredZones()
	s.geo()
	return s.list[max(len(s.list)-maxReasons, 0):]
}

func namesOf(m *plan.Map) map[gslb.Name]bool {
	names := map[gslb.Name]bool{}
	for _, s := range m.Services {
		names[s.Name] = true
		for _, alias := range s.Aliases {
			names[alias] = true
		}
	}
	return names
}

func zonesOf(m *plan.Map) map[gslb.Name]bool {
	zones := map[gslb.Name]bool{}
	for _, z := range m.Zones {
		zones[z.Name] = true
	}
	return zones
}

func (s *stepper) add(kind plan.ReasonKind, subject string) {
	r := plan.Reason{Kind: kind, Subject: subject}
	if !s.found[r] {
		s.found[r] = true
		s.list = append(s.list, DatedReason{Reason: r, At: s.exports.in.Now.Truncate(time.Second).UTC()})
	}
}

// stands says whether what a reason tells is still so.
func (s *stepper) stands(r plan.Reason) bool {
	site := s.exports.sites.byID[gslb.SiteID(r.Subject)]
	switch r.Kind {
	case plan.ReasonRetired:
		name := gslb.Name(r.Subject)
		return !s.names[name] && !s.cameBack(name)
	case plan.ReasonAsleep:
		service := s.services[gslb.Name(r.Subject)]
		return service != nil && service.Asleep
	case plan.ReasonSiteGone:
		return site == nil
	case plan.ReasonSiteDrained:
		return site != nil && site.takesNobody()
	}
	return true
}

// retired explains the names of exports whose object is gone, even if the hub lost its map meanwhile.
func (s *stepper) retired() {
	for _, dex := range s.exports.retired {
		for _, c := range dex.Status.Claims {
			if !s.names[gslb.Name(c.Name)] {
				s.add(plan.ReasonRetired, c.Name)
			}
		}
	}
}

// retiredZones explains the zones that go because their object is gone. A Zone that is wrong is served as it was.
func (s *stepper) retiredZones() {
	for _, z := range s.exports.zones.gone {
		if !s.zones[z.Name] {
			s.add(plan.ReasonRetired, string(z.Name))
		}
	}
}

// cameBack says whether the next map has a zone that the current one lacks.
func (s *stepper) cameBack(zone gslb.Name) bool {
	current := s.exports.in.Current
	return s.zones[zone] && current != nil && !zonesOf(current)[zone]
}

// service explains what the next map takes from a service. What nobody decided gets no reason: the guards shall judge it.
func (s *stepper) service(before *plan.Service) {
	for _, name := range append([]gslb.Name{before.Name}, before.Aliases...) {
		if !s.names[name] && s.gaveUp(before.Owner, name) {
			s.add(plan.ReasonRetired, string(name))
		}
	}
	now := s.services[before.Name]
	if now == nil {
		return
	}
	if now.Asleep && !before.Asleep {
		s.add(plan.ReasonAsleep, string(before.Name))
	}
	s.endpoints(before, now)
}

// gaveUp says whether the owner no longer wants a name: the object is gone or names other domains now.
func (s *stepper) gaveUp(owner string, name gslb.Name) bool {
	e := s.exports.byKey[owner]
	if e == nil || e.workload == nil {
		return true
	}
	return e.running() && e.ruling.Canonical != "" && !slices.Contains(e.ruling.Outside, name)
}

func (s *stepper) endpoints(before, now *plan.Service) {
	for _, was := range before.Endpoints {
		i := slices.IndexFunc(now.Endpoints, func(e plan.Endpoint) bool { return e.Site == was.Site })
		switch {
		case s.exports.sites.byID[was.Site] == nil:
			s.add(plan.ReasonSiteGone, string(was.Site))
		case i < 0:
			s.add(plan.ReasonScaled, string(before.Name))
		case now.Endpoints[i].Drained && !was.Drained:
			s.add(plan.ReasonSiteDrained, string(was.Site))
		case now.Endpoints[i].Capacity < was.Capacity && s.exports.resized(now.Owner):
			s.add(plan.ReasonScaled, string(before.Name))
		}
	}
}

// resized says whether it was decided in this pass that some site carries less of an export.
func (t *exportTable) resized(owner string) bool {
	e := t.byKey[owner]
	if e == nil {
		return false
	}
	desired := previous(e.old)
	fewer := slices.ContainsFunc(e.sites, func(s v1alpha1.ExportSite) bool {
		return int(s.DesiredReplicas) < desired[gslb.SiteID(s.Site)]
	})
	return fewer || !sameCapacity(e.old.Spec.Capacity, e.ruling.Spec.Capacity)
}
