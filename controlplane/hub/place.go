package hub

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/controlplane/placement"
	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/scheduler"
)

// place decides for every workload that runs how many replicas each site gets.
func (t *exportTable) place() {
	held := map[string]scheduler.Placement{}
	for _, e := range t.list {
		if e.running() {
			held[e.workload.Key()] = previous(e.old)
		}
	}
	ledger := scheduler.NewLedger(t.sites.limits(), held)
	for _, e := range t.list {
		if !e.running() {
			continue
		}
		key := e.workload.Key()
		w := scheduler.Workload{Name: key, Replicas: e.workload.Replicas(), Policy: e.policy}
		e.decision = scheduler.Place(t.snapshot(e, ledger), w, held[key])
		ledger.Take(key, e.decision.Placement())
	}
}

func previous(dex *v1alpha1.DomainExport) scheduler.Placement {
	p := scheduler.Placement{}
	for _, s := range dex.Status.Sites {
		p[gslb.SiteID(s.Site)] = int(s.DesiredReplicas)
	}
	return p
}

func (t *exportTable) snapshot(e *exported, ledger *scheduler.Ledger) []scheduler.Site {
	var list []scheduler.Site
	for _, s := range t.sites.list {
		spec := s.object.Spec
		list = append(list, scheduler.Site{
			ID: s.id, Region: spec.Region, Lines: lines(s.object), Accelerators: spec.Accelerators,
			Room:     ledger.Room(e.workload.Key(), s.id),
			Cordoned: spec.Cordoned || s.takesNobody(),
			Silent:   s.silent,
			Excluded: placement.Excluded(e.selector, s.object.Labels),
		})
	}
	return list
}

// observe joins what was decided with what the sites say and what is remembered of them.
func (t *exportTable) observe() {
	for _, e := range t.list {
		if !e.running() {
			continue
		}
		remembered := map[gslb.SiteID]v1alpha1.ExportSite{}
		for _, s := range e.old.Status.Sites {
			remembered[gslb.SiteID(s.Site)] = s
		}
		for _, d := range e.decision.Sites {
			old, known := remembered[d.Site]
			if d.Replicas > 0 || known {
				e.sites = append(e.sites, t.seen(e, t.sites.byID[d.Site], old, d.Replicas))
			}
		}
		t.keepRunning(e, remembered)
		e.forget()
		slices.SortFunc(e.sites, func(a, b v1alpha1.ExportSite) int { return cmp.Compare(a.Site, b.Site) })
	}
}

// keepRunning holds on to sites that the workload leaves, until a replica is ready at one that it goes to.
func (t *exportTable) keepRunning(e *exported, remembered map[gslb.SiteID]v1alpha1.ExportSite) {
	arrived := slices.ContainsFunc(e.sites, func(s v1alpha1.ExportSite) bool {
		return s.DesiredReplicas > 0 && s.ReadyReplicas > 0 && len(s.Addresses) > 0
	})
	if arrived || e.asleep() {
		return
	}
	for i, s := range e.sites {
		id := gslb.SiteID(s.Site)
		if old := remembered[id]; s.DesiredReplicas == 0 && old.DesiredReplicas > 0 {
			e.sites[i] = t.seen(e, t.sites.byID[id], old, int(old.DesiredReplicas))
		}
	}
}

// forget drops the sites that run nothing any more, once another site has an address: a name is never left without.
func (e *exported) forget() {
	used := slices.ContainsFunc(e.sites, func(s v1alpha1.ExportSite) bool { return s.DesiredReplicas > 0 && len(s.Addresses) > 0 })
	e.sites = slices.DeleteFunc(e.sites, func(s v1alpha1.ExportSite) bool {
		return s.DesiredReplicas == 0 && (used || len(s.Addresses) == 0)
	})
}

// seen is the workload at one site. A site can claim no more replicas than it was told to run.
func (t *exportTable) seen(e *exported, s *site, old v1alpha1.ExportSite, desired int) v1alpha1.ExportSite {
	now, addressed := old, true
	report, reported := s.services[e.workload.Key()]
	frozen := s.frozen() || t.sites.massSilence && old.Site != ""
	switch {
	case frozen:
	case reported:
		now = v1alpha1.ExportSite{ReadyReplicas: int32(report.ReadyReplicas), Accelerators: counts(report),
			Addresses: addresses(report, old.Addresses), Message: report.Message}
		addressed = len(report.Addresses) > 0
	default: // it runs something, but not this
		now.ReadyReplicas, now.Accelerators, now.Message = 0, nil, ""
	}
	now.Site, now.DesiredReplicas = string(s.id), int32(desired)
	now.ReadyReplicas = min(now.ReadyReplicas, now.DesiredReplicas)
	c, rate := e.ruling.Spec.Capacity, gslb.MilliRPS(0)
	switch {
	case frozen: // it is not known to carry more than before
		rate = min(capacity(c, now, now.ReadyReplicas), export.Rate(old.Capacity))
	case addressed:
		up := serversUp(now.ReadyReplicas, report.Load)
		rate = capacity(c, now, up)
		now.Message = fewerUp(now.Message, up, now.ReadyReplicas)
	}
	now.Capacity = export.Quantity(rate)
	return now
}

// serversUp is how many of the ready replicas carry load: those that the load balancer has up, if it says so. A replica
// that Kubernetes calls ready and clients cannot reach must attract nobody.
func serversUp(ready int32, load *signal.Load) int32 {
	if load == nil || load.ServersUp == nil {
		return ready
	}
	return int32(min(int64(ready), max(*load.ServersUp, 0)))
}

// fewerUp adds to what a site says that its load balancer has fewer replicas up than are ready.
func fewerUp(message string, up, ready int32) string {
	if up >= ready {
		return message
	}
	return strings.TrimPrefix(fmt.Sprintf("%s; its load balancer has %d of %d ready replicas up", message, up, ready), "; ")
}

func counts(r signal.ServiceReport) map[string]int32 {
	if len(r.Accelerators) == 0 {
		return nil
	}
	m := make(map[string]int32, len(r.Accelerators))
	for name, n := range r.Accelerators {
		m[name] = int32(max(n, 0))
	}
	return m
}

// addresses are those of the report that can be served, in order; the known ones if it has none.
func addresses(r signal.ServiceReport, known []string) []string {
	var list []netip.Addr
	for _, a := range r.Addresses {
		a = a.Unmap()
		usable := a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a.Zone() == ""
		if usable && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return known
	}
	slices.SortFunc(list, netip.Addr.Compare)
	var texts []string
	for _, a := range list {
		texts = append(texts, a.String())
	}
	return texts
}

// alike are replicas that carry the same each.
type alike struct {
	each gslb.MilliRPS
	n    int
}

// capacity is what up of the ready replicas can carry: each by its accelerator, without one 1 request per second. Which
// of them are up is not known, so those that carry the least are counted.
func capacity(c *v1alpha1.Capacity, s v1alpha1.ExportSite, up int32) gslb.MilliRPS {
	groups := byRate(c, s)
	slices.SortFunc(groups, func(a, b alike) int { return cmp.Compare(a.each, b.each) })
	left, sum := int(up), gslb.MilliRPS(0)
	for _, g := range groups {
		n := min(g.n, left)
		sum, left = min(sum+g.each.Times(n), gslb.MaxRate), left-n
	}
	return sum
}

func byRate(c *v1alpha1.Capacity, s v1alpha1.ExportSite) (groups []alike) {
	base, left := gslb.MilliRPS(1000), int(s.ReadyReplicas)
	if c != nil {
		base = export.Rate(c.RequestsPerSecond)
		for _, name := range slices.Sorted(maps.Keys(c.ByAccelerator)) {
			n := min(int(s.Accelerators[name]), left)
			groups, left = append(groups, alike{export.Rate(c.ByAccelerator[name]), n}), left-n
		}
	}
	return append(groups, alike{base, left})
}

// maxBundleBytes is what the bus takes as one bundle.
const maxBundleBytes = 1<<20 - 4<<10

// bundle is an encoded work.Bundle.
type bundle struct {
	data   []byte
	digest plan.Digest
}

// WorkWrite is how a site's work changes: first the bundles are put, then the inventory, then what it no longer lists
// is removed.
type WorkWrite struct {
	Put       map[string][]byte
	Inventory work.Inventory
	Remove    []string
}

// work writes the bundles of every site and compares them with what the bus holds. What cannot be written stays as it is.
func (t *exportTable) work() map[gslb.SiteID]WorkWrite {
	wanted := map[gslb.SiteID]map[string]bundle{}
	for _, s := range t.sites.list {
		wanted[s.id] = map[string]bundle{}
	}
	for _, e := range t.list {
		e.bundles = map[gslb.SiteID]bundle{}
		for _, s := range e.sites {
			id, key := gslb.SiteID(s.Site), e.workload.Key()
			b, err := encodeBundle(e, int(s.DesiredReplicas))
			if err != nil {
				e.problem = err.Error()
				if b.digest = t.sites.byID[id].work.Inventory.Bundles[key]; b.digest == "" {
					continue
				}
			}
			e.bundles[id], wanted[id][key] = b, b
		}
	}
	writes := map[gslb.SiteID]WorkWrite{}
	for id, bundles := range wanted {
		if w, changed := t.workOf(t.sites.byID[id], bundles); changed {
			writes[id] = w
		}
	}
	return writes
}

func encodeBundle(e *exported, replicas int) (bundle, error) {
	b, err := placement.Bundle(*e.workload, e.ruling.Spec, replicas)
	if err != nil {
		return bundle{}, err
	}
	data, err := json.Marshal(b)
	if err == nil && len(data) > maxBundleBytes {
		err = fmt.Errorf("the work of %s has %d bytes, the bus takes %d: make the pod template smaller", b.Workload, len(data), maxBundleBytes)
	}
	return bundle{data: data, digest: plan.DigestOf(data)}, err
}

func (t *exportTable) workOf(s *site, wanted map[string]bundle) (WorkWrite, bool) {
	held := s.work.Inventory
	w := WorkWrite{Put: map[string][]byte{}, Inventory: work.Inventory{Bundles: map[string]plan.Digest{}}}
	for key, b := range wanted {
		w.Inventory.Bundles[key] = b.digest
		if held.Bundles[key] != b.digest {
			w.Put[key] = b.data
		}
	}
	for _, key := range slices.Sorted(maps.Keys(held.Bundles)) {
		if _, still := wanted[key]; !still {
			w.Remove = append(w.Remove, key)
		}
	}
	w.Inventory.Revision = s.nextRevision()
	if tried := s.work.Tried; tried.Revision > 0 && maps.Equal(tried.Bundles, w.Inventory.Bundles) {
		w.Inventory.Revision = tried.Revision
	}
	first := held.Revision == 0 && len(wanted) > 0
	behind := held.Revision > 0 && w.Inventory.Revision > held.Revision+1 // the site knows a newer one: the bus is older
	return w, len(w.Put) > 0 || len(w.Remove) > 0 || first || behind
}

// nextRevision is above every revision of the site's work that anybody remembers.
func (s *site) nextRevision() uint64 {
	highest := max(s.work.Inventory.Revision, uint64(s.object.Status.WorkRevision))
	if s.report != nil {
		highest = max(highest, s.report.Report.Work)
	}
	return highest + 1
}
