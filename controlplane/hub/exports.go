package hub

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/controlplane/placement"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/scheduler"
)

// exported is one annotated object on its way through a pass.
type exported struct {
	key    string // "namespace/name" of the DomainExport
	name   string
	source *metav1.ObjectMeta
	kind   string // of the source
	// old is the DomainExport as it is, or an empty one.
	old *v1alpha1.DomainExport
	// workload is nil if a Service selects none.
	workload *placement.Workload
	request  export.Request
	ruling   export.Ruling

	policy   scheduler.Policy
	selector *metav1.LabelSelector
	decision scheduler.Decision
	// sites is where it runs or last ran, with what is known.
	sites []v1alpha1.ExportSite
	// problem is why its work could not be written.
	problem string
	// bundles are the digests of its work, by site.
	bundles map[gslb.SiteID]bundle
}

// exportTable holds the annotated objects in the order of their keys.
type exportTable struct {
	in       Inputs
	sites    *siteTable
	zones    *zoneTable
	policies *policyTable
	list     []*exported
	byKey    map[string]*exported
	known    map[string]*v1alpha1.DomainExport
	served   map[gslb.Name]*plan.Service
	retired  []*v1alpha1.DomainExport
	events   []Event
}

// newExports finds the annotated objects, reads them and rules on their names.
func newExports(in Inputs, sites *siteTable, zones *zoneTable, policies *policyTable) *exportTable {
	t := &exportTable{in: in, sites: sites, zones: zones, policies: policies, byKey: map[string]*exported{}}
	t.served = servicesOf(in.Current)
	t.known = map[string]*v1alpha1.DomainExport{}
	for _, dex := range in.Exports {
		t.known[dex.Namespace+"/"+dex.Name] = dex
	}
	t.collect()
	t.retire()
	for _, e := range t.list {
		e.remember()
	}
	t.oneOwnerPerWorkload()
	t.rule()
	return t
}

func (t *exportTable) collect() {
	var workloads []*placement.Workload
	for _, d := range byName(t.in.Deployments) {
		workloads = append(workloads, &placement.Workload{Deployment: d})
	}
	for _, s := range byName(t.in.StatefulSets) {
		workloads = append(workloads, &placement.Workload{StatefulSet: s})
	}
	for _, w := range workloads {
		if alive(w.Meta()) && export.Annotated(w.Kind(), w.Meta().Annotations) {
			t.add(w.Kind(), w.Meta(), w)
		}
	}
	for _, s := range byName(t.in.Services) {
		if alive(&s.ObjectMeta) && export.Annotated("Service", s.Annotations) {
			t.add("Service", &s.ObjectMeta, nil).readService(s, workloads)
		}
	}
	slices.SortFunc(t.list, func(a, b *exported) int { return cmp.Compare(a.key, b.key) })
}

func alive(m *metav1.ObjectMeta) bool { return m.DeletionTimestamp == nil }

// add enters an object. The DomainExport of a Deployment has its name; a dot and the kind keep the others apart, and
// Deployments whose name has a dot.
func (t *exportTable) add(kind string, meta *metav1.ObjectMeta, w *placement.Workload) *exported {
	name := meta.Name
	if kind != "Deployment" || strings.Contains(name, ".") {
		name += "." + strings.ToLower(kind)
	}
	e := &exported{key: meta.Namespace + "/" + name, name: name, source: meta, kind: kind, workload: w}
	if e.old = t.known[e.key]; e.old == nil {
		e.old = &v1alpha1.DomainExport{}
	}
	e.request = export.Request{Key: e.key, Namespace: meta.Namespace, Service: meta.Name, Created: meta.CreationTimestamp.Time}
	if w != nil {
		e.read(source(w))
	}
	t.list, t.byKey[e.key] = append(t.list, e), e
	return e
}

func source(w *placement.Workload) export.Source {
	if w.Deployment != nil {
		return export.FromDeployment(w.Deployment)
	}
	return export.FromStatefulSet(w.StatefulSet)
}

// readService follows the selector. A Service that is refused, as one that selects nothing, stays with the workload it has.
func (e *exported) readService(s *corev1.Service, workloads []*placement.Workload) {
	found := selected(s, workloads)
	if refusal := export.RefuseService(s, len(found)); refusal != nil {
		e.request.Spec.Source = v1alpha1.ObjectReference{Kind: "Service", Name: s.Name, UID: s.UID}
		e.refuse(refusal.Reason, refusal.Message)
		e.workload = e.kept(workloads)
		return
	}
	e.workload = found[0]
	e.read(export.FromService(s, e.workload.Reference(), e.workload.Pod().Spec))
}

// kept is the workload that was exported before; nil if it is gone.
func (e *exported) kept(workloads []*placement.Workload) *placement.Workload {
	before := e.old.Spec.Workload
	for _, w := range workloads {
		if w.Meta().Namespace == e.source.Namespace && w.Kind() == before.Kind && w.Meta().Name == before.Name && alive(w.Meta()) {
			return w
		}
	}
	return nil
}

func (e *exported) read(s export.Source) {
	spec, err := export.Read(s)
	e.request.Spec = spec
	if err != nil {
		e.refuse(v1alpha1.ReasonInvalidAnnotation, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

func (e *exported) refuse(reason, message string) {
	if e.request.Refusal == nil {
		e.request.Refusal = &export.Refusal{Reason: reason, Message: message}
	}
}

// selected lists the workloads that a Service selects.
func selected(s *corev1.Service, workloads []*placement.Workload) []*placement.Workload {
	var found []*placement.Workload
	selector := labels.SelectorFromValidatedSet(s.Spec.Selector)
	for _, w := range workloads {
		matches := len(s.Spec.Selector) > 0 && selector.Matches(labels.Set(w.Pod().Labels))
		if matches && w.Meta().Namespace == s.Namespace && alive(w.Meta()) {
			found = append(found, w)
		}
	}
	return found
}

// retire lists the DomainExports whose object is gone.
func (t *exportTable) retire() {
	for _, dex := range byName(t.in.Exports) {
		if t.byKey[dex.Namespace+"/"+dex.Name] == nil {
			t.retired = append(t.retired, dex)
		}
	}
}

// remember takes over what was accepted before. If the workload is gone, there is nothing left to serve.
func (e *exported) remember() {
	if e.workload != nil {
		e.request.Kept, e.request.Claims = e.old.Spec, e.old.Status.Claims
		e.request.Canonical = gslb.Name(e.old.Status.CanonicalName)
	}
}

// oneOwnerPerWorkload refuses all but one export of a workload: one that was accepted before stays, then come the
// workload's own annotations, then the oldest Service.
func (t *exportTable) oneOwnerPerWorkload() {
	owner := map[string]*exported{}
	order := slices.Clone(t.list)
	slices.SortStableFunc(order, func(a, b *exported) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.request.Created.Compare(b.request.Created))
	})
	for _, e := range order {
		if e.workload == nil {
			continue
		}
		key := e.workload.Key()
		if first := owner[key]; first != nil {
			e.request.Refusal, e.request.Kept, e.request.Claims, e.workload = nil, v1alpha1.DomainExportSpec{}, nil, nil
			e.refuse(v1alpha1.ReasonWorkloadConflict, fmt.Sprintf("%s is exported by %s already: annotate only one of the two", key, first.key))
			continue
		}
		owner[key] = e
	}
}

func (e *exported) rank() int {
	switch {
	case len(e.request.Kept.Ports) > 0:
		return 0
	case e.kind != "Service":
		return 1
	}
	return 2
}

// rule settles names and finds the placements and policies.
func (t *exportTable) rule() {
	var requests []export.Request
	for _, e := range t.list {
		t.findPlacement(e, e.request.Spec.Placement)
		t.policies.resolve(e)
		requests = append(requests, e.request)
	}
	rulings := export.Plan(requests, t.zones.names(), t.in.Now)
	for _, e := range t.list {
		e.ruling = rulings[e.key]
		t.findPlacement(e, e.ruling.Spec.Placement)
	}
}

// findPlacement takes the policy by its name. One that is not there is refused; if it was accepted before and deleted
// since, the workload stays where it is.
func (t *exportTable) findPlacement(e *exported, name string) {
	e.policy, e.selector = scheduler.Policy{Name: export.DefaultPlacement}, nil
	if name == export.DefaultPlacement || name == "" {
		return
	}
	for _, p := range t.in.Placements {
		if p.Namespace == e.source.Namespace && p.Name == name {
			e.policy, e.selector = placement.Policy(p), p.Spec.SiteSelector
			return
		}
	}
	e.policy = scheduler.Policy{Name: name, Sites: t.runsAt(e)}
	e.refuse(v1alpha1.ReasonPlacementNotFound, (&export.AnnotationError{Annotation: export.AnnotationPlacement, Value: name,
		Want: "spread, or the name of an EdgePlacement that exists in namespace " + e.source.Namespace}).Error())
}

// runsAt lists the sites that an export runs at, in the order in which the map that is served has them.
func (t *exportTable) runsAt(e *exported) []gslb.SiteID {
	sites := []gslb.SiteID{"-"} // no site's name: an empty list would allow all
	for _, s := range e.old.Status.Sites {
		if s.DesiredReplicas > 0 {
			sites = append(sites, gslb.SiteID(s.Site))
		}
	}
	served := t.served[gslb.Name(e.old.Status.CanonicalName)]
	if served == nil {
		return sites
	}
	position := func(id gslb.SiteID) int {
		return slices.IndexFunc(served.Endpoints, func(at plan.Endpoint) bool { return at.Site == id })
	}
	slices.SortStableFunc(sites, func(a, b gslb.SiteID) int { return cmp.Compare(position(a), position(b)) })
	return sites
}

// sourceReference is the annotated object, for Events.
func (e *exported) sourceReference() corev1.ObjectReference {
	version := appsv1.SchemeGroupVersion.String()
	if e.kind == "Service" {
		version = "v1"
	}
	return corev1.ObjectReference{APIVersion: version, Kind: e.kind, Namespace: e.source.Namespace, Name: e.source.Name, UID: e.source.UID}
}

// running says that there is something to run: a workload, and a spec in force.
func (e *exported) running() bool { return e.workload != nil && e.ruling.InForce() }

// asleep says that the owner wants no replica.
func (e *exported) asleep() bool { return e.running() && e.workload.Replicas() == 0 }
