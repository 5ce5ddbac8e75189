package hub

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/controlplane/placement"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/plan"
)

// worldMap writes what name servers shall serve. A name that was served keeps at least the endpoints it had, with
// nothing ready, until there are others.
func worldMap(in Inputs, sites *siteTable, zones *zoneTable, exports *exportTable) *plan.Map {
	m := &plan.Map{Sites: sites.mapSites(), Zones: append(zones.mapZones(), zones.needed(exports)...),
		HeavyResolvers: slices.Clone(in.HeavyResolvers)}
	for _, e := range exports.list {
		if !e.running() || e.ruling.Canonical == "" || !contain(m.Zones, e.ruling.Canonical) {
			continue // a name in a zone that is gone, and that no map has any more
		}
		s := exports.service(e)
		if old := exports.served[s.Name]; len(s.Endpoints) == 0 && old != nil {
			keepEndpoints(m, &s, old, in.Current)
		}
		splits(in, &s, exports.served[s.Name])
		if len(s.Endpoints) > 0 {
			m.Services = append(m.Services, s)
		}
	}
	m.Canonical()
	return m
}

// splits adds what the control loop decided, for the endpoints that the service still has. Where it has decided nothing yet,
// what is served stays.
func splits(in Inputs, s, served *plan.Service) {
	steered, known := in.Steered[s.Name]
	switch {
	case known:
		s.Splits = steered.Splits
	case served != nil && s.Steering.Method == plan.Proximity:
		s.Splits = served.Splits
	}
	has := map[gslb.SiteID]bool{}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		has[e.Site] = true
		e.Brief, e.Calm = steered.IsBrief(e.Site), steered.IsCalm(e.Site)
	}
	s.Splits = slices.DeleteFunc(slices.Clone(s.Splits), func(split plan.Split) bool {
		return slices.ContainsFunc(split.Shares, func(share plan.SiteShare) bool { return !has[share.Site] })
	})
}

// needed are the zones without an object that names are still served in.
func (t *zoneTable) needed(exports *exportTable) []plan.Zone {
	var names []gslb.Name
	for _, e := range exports.list {
		if e.running() && e.ruling.Canonical != "" {
			names = append(append(names, e.ruling.Canonical), e.ruling.Aliases...)
		}
	}
	return slices.DeleteFunc(slices.Clone(t.gone), func(z plan.Zone) bool {
		return !slices.ContainsFunc(names, func(name gslb.Name) bool { return name.Under(z.Name) })
	})
}

func contain(zones []plan.Zone, name gslb.Name) bool {
	return slices.ContainsFunc(zones, func(z plan.Zone) bool { return name.Under(z.Name) })
}

func servicesOf(m *plan.Map) map[gslb.Name]*plan.Service {
	byName := map[gslb.Name]*plan.Service{}
	if m == nil {
		return byName
	}
	for i := range m.Services {
		byName[m.Services[i].Name] = &m.Services[i]
	}
	return byName
}

// keepEndpoints takes a service's endpoints from the map that is served, with their sites.
func keepEndpoints(m *plan.Map, s, old *plan.Service, current *plan.Map) {
	for _, e := range old.Endpoints {
		e.Capacity = 0
		s.Endpoints = append(s.Endpoints, e)
		if slices.ContainsFunc(m.Sites, func(known plan.Site) bool { return known.ID == e.Site }) {
			continue
		}
		for _, site := range current.Sites {
			if site.ID == e.Site {
				m.Sites = append(m.Sites, site)
			}
		}
	}
}

// service is an export as name servers see it.
func (t *exportTable) service(e *exported) plan.Service {
	spec := e.ruling.Spec
	s := plan.Service{
		Name:     e.ruling.Canonical,
		Aliases:  slices.Clone(e.ruling.Aliases),
		Owner:    e.key,
		TTL:      time.Duration(spec.TTLSeconds) * time.Second,
		Steering: steeringOf(spec),
		Health:   probe(spec),
		Asleep:   e.asleep(),
	}
	for _, at := range e.preferred() {
		if endpoint := t.endpoint(at); len(endpoint.Addresses) > 0 {
			s.Endpoints = append(s.Endpoints, endpoint)
		}
	}
	return s
}

// steeringOf is how an accepted export is steered. What cannot be read of it, which another release may have written, must not
// keep the name out of the map: the method stays.
func steeringOf(spec v1alpha1.DomainExportSpec) plan.Steering {
	s, err := export.PlanSteering(spec.Steering.SteeringPolicySpec)
	if err != nil {
		return plan.Steering{Method: s.Method, OnAllUnhealthy: plan.AnswerAll}
	}
	return s
}

// probe is how name servers probe: at the site's address, on the first exported port.
func probe(spec v1alpha1.DomainExportSpec) *plan.Health {
	if spec.Health == nil {
		return nil
	}
	return &plan.Health{Type: plan.ProbeType(spec.Health.Type), Path: spec.Health.Path, Match: spec.Health.Match,
		Port: uint16(spec.Ports[0].Listen), Interval: placement.ProbeInterval}
}

// preferred lists the sites in the order of failover: as the placement lists them, then by name.
func (e *exported) preferred() []v1alpha1.ExportSite {
	order := slices.Clone(e.sites)
	position := func(s v1alpha1.ExportSite) int {
		if i := slices.Index(e.policy.Sites, gslb.SiteID(s.Site)); i >= 0 {
			return i
		}
		return len(e.policy.Sites)
	}
	slices.SortFunc(order, func(a, b v1alpha1.ExportSite) int {
		return cmp.Or(cmp.Compare(position(a), position(b)), cmp.Compare(a.Site, b.Site))
	})
	return order
}

func (t *exportTable) endpoint(at v1alpha1.ExportSite) plan.Endpoint {
	s := t.sites.byID[gslb.SiteID(at.Site)]
	endpoint := plan.Endpoint{Site: s.id, Capacity: export.Rate(at.Capacity), Drained: s.takesNobody(), ForcedUp: s.forced.Says == health.Up}
	for _, text := range at.Addresses {
		if addr, err := netip.ParseAddr(text); err == nil && len(endpoint.Addresses) < plan.MaxAddresses {
			endpoint.Addresses = append(endpoint.Addresses, plan.Address{Addr: addr, Line: addressLine(s.object)})
		}
	}
	return endpoint
}
