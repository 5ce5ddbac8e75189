package hub

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/gslb/plan"
)

// report writes the DomainExports, the workloads' and Services' own status and the notes on the annotated objects, as far as
// they differ from what is there.
func (t *exportTable) report(out *Outputs) {
	servers := t.servers()
	noted := map[string]bool{}
	next := servicesOf(out.Map)
	for _, e := range t.list {
		wanted := t.wanted(e, next[e.ruling.Canonical], servers, out)
		if w := e.write(wanted); w.Spec || w.Status {
			out.Exports = append(out.Exports, w)
		}
		e.note(out, note(wanted))
		out.Links = append(out.Links, e.links()...)
		noted[e.sourceKey()] = true
		t.workloadStatus(e, out)
	}
	t.clear(out, noted)
	t.loadBalancers(out, next)
}

func (e *exported) sourceKey() string { return e.source.Namespace + "/" + e.kind + "/" + e.source.Name }

func (t *exportTable) servers() []export.Server {
	var list []export.Server
	for _, name := range t.in.liveServers() {
		r := t.in.Servers[name].Report
		list = append(list, export.Server{Name: name, Generation: r.Generation, Refused: r.Refused})
	}
	return list
}

// wanted is the DomainExport as it should be; next is its entry in the new map, nil if it has none.
func (t *exportTable) wanted(e *exported, next *plan.Service, servers []export.Server, out *Outputs) *v1alpha1.DomainExport {
	dex := &v1alpha1.DomainExport{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "DomainExport"},
		ObjectMeta: metav1.ObjectMeta{Name: e.name, Namespace: e.source.Namespace, UID: e.old.UID, Generation: e.old.Generation,
			OwnerReferences: []metav1.OwnerReference{e.ownerReference()}},
		Spec: e.ruling.Spec,
	}
	if !equality.Semantic.DeepEqual(dex.Spec, e.old.Spec) {
		dex.Generation++
	}
	dex.Status = e.status()
	dex.Status.MapGeneration = t.mapGeneration(e, next, t.served[e.ruling.Canonical], out)
	facts := export.Facts{
		Ruling: e.ruling, Verified: t.verified(e), Addressed: next != nil, MapGeneration: uint64(dex.Status.MapGeneration),
		Servers: servers, Asleep: e.asleep(), ReadyReplicas: int(dex.Status.ReadyReplicas), Problem: e.decision.Problem,
	}
	if out.Refused != nil {
		facts.Unpublished = out.Refused.Error()
	}
	var changed []metav1.Condition
	dex.Status.Conditions, changed = export.Transition(e.old.Status.Conditions, export.Conditions(facts), dex.Generation, t.in.Now)
	for _, c := range changed {
		t.events = append(t.events, conditionEvent(e.sourceReference(), c))
	}
	t.changeEvents(e, dex.Status)
	return dex
}

func (e *exported) ownerReference() metav1.OwnerReference {
	ref := e.sourceReference()
	controller := true
	return metav1.OwnerReference{APIVersion: ref.APIVersion, Kind: ref.Kind, Name: ref.Name, UID: ref.UID, Controller: &controller}
}

// status is what is known of an export, without its conditions and its map.
func (e *exported) status() v1alpha1.DomainExportStatus {
	s := v1alpha1.DomainExportStatus{CanonicalName: string(e.ruling.Canonical), Claims: e.ruling.Claims, Sites: e.sites}
	slices.SortFunc(s.Claims, func(a, b v1alpha1.Claim) int { return strings.Compare(a.Name, b.Name) })
	if !e.running() {
		return s
	}
	ready, used := 0, 0
	for _, at := range e.sites {
		s.ReadyReplicas += at.ReadyReplicas
		if at.DesiredReplicas > 0 {
			used++
		}
		if at.ReadyReplicas > 0 {
			ready++
		}
	}
	s.ReadySites = fmt.Sprintf("%d/%d", ready, used)
	s.DesiredReplicas = int32(e.workload.Replicas())
	s.UnschedulableReplicas = int32(e.decision.Unschedulable)
	s.Placement = e.explain()
	s.Unsupported = e.workload.Unsupported()
	return s
}

// explain is the decision without its moves, which are over once it is written.
func (e *exported) explain() string {
	d := e.decision
	d.Sites = slices.Clone(d.Sites)
	for i := range d.Sites {
		d.Sites[i].Previous = d.Sites[i].Replicas
	}
	return d.Explain()
}

// mapGeneration is the first map with the export's present settings: the one it had, if the map that is served has the
// same settings, else the one that is about to be published.
func (t *exportTable) mapGeneration(e *exported, next, served *plan.Service, out *Outputs) int64 {
	unchanged := out.same && !out.Publish || served != nil && sameSettings(next, served)
	switch {
	case next == nil:
		return 0
	case unchanged && e.old.Status.MapGeneration > 0:
		return e.old.Status.MapGeneration
	case unchanged:
		return int64(t.in.Head.Generation)
	case out.Publish:
		return int64(t.in.NextGeneration())
	}
	return 0
}

// sameSettings compares what the owner set. Endpoints, their capacity and the splits come and go by themselves.
func sameSettings(a, b *plan.Service) bool {
	x, y := *a, *b
	if !slices.Equal(x.Steering.Fallback, y.Steering.Fallback) {
		return false
	}
	x.Steering.Fallback, y.Steering.Fallback = nil, nil // Semantic looks into no address
	x.Endpoints, y.Endpoints, x.Splits, y.Splits, x.Asleep, y.Asleep = nil, nil, nil, nil, false, false
	return equality.Semantic.DeepEqual(x, y)
}

func sameCapacity(a, b *v1alpha1.Capacity) bool { return equality.Semantic.DeepEqual(a, b) }

// changeEvents tells what changed beside the conditions.
func (t *exportTable) changeEvents(e *exported, now v1alpha1.DomainExportStatus) {
	before, ref := e.old.Status, e.sourceReference()
	if now.UnschedulableReplicas > 0 && now.UnschedulableReplicas != before.UnschedulableReplicas {
		t.events = append(t.events, warning(ref, eventUnschedulable,
			fmt.Sprintf("%d of %d replicas found no site: %s", now.UnschedulableReplicas, now.DesiredReplicas, e.decision.Problem)))
	}
	if len(now.Unsupported) > 0 && !slices.Equal(now.Unsupported, before.Unsupported) {
		t.events = append(t.events, warning(ref, eventUnsupported, "sites do not get their own copy yet of "+strings.Join(now.Unsupported, ", ")))
	}
	if e.problem != "" && before.Placement != now.Placement {
		t.events = append(t.events, warning(ref, eventNotWritten, e.problem))
	}
	if placed := shares(now.Sites); placed != "" && placed != shares(before.Sites) {
		t.events = append(t.events, Event{Object: ref, Type: "Normal", Reason: eventPlaced, Message: placed})
	}
}

// shares writes "fra 2, pek 1".
func shares(sites []v1alpha1.ExportSite) string {
	var parts []string
	for _, s := range sites {
		if s.DesiredReplicas > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", s.Site, s.DesiredReplicas))
		}
	}
	return strings.Join(parts, ", ")
}

func (e *exported) write(wanted *v1alpha1.DomainExport) ExportWrite {
	w := ExportWrite{Object: wanted, PreviousExists: e.old.Name != ""}
	w.Spec = !w.PreviousExists || !equality.Semantic.DeepEqual(wanted.Spec, e.old.Spec) ||
		!equality.Semantic.DeepEqual(wanted.OwnerReferences, e.old.OwnerReferences)
	w.Status = !equality.Semantic.DeepEqual(wanted.Status, e.old.Status)
	return w
}

// maxNoteBytes bounds the status annotation; the DomainExport has it all.
const maxNoteBytes = 1000

// note is the status annotation: one line for people.
func note(dex *v1alpha1.DomainExport) string {
	text, todo := "", ""
	for _, c := range dex.Status.Conditions {
		switch {
		case c.Type == v1alpha1.ConditionAccepted && c.Status != metav1.ConditionTrue:
			text += c.Reason + ": " + c.Message + ". "
		case c.Type == v1alpha1.ConditionVerified && c.Status == metav1.ConditionFalse:
			todo = "; " + c.Reason + ": " + c.Message
		case c.Type == v1alpha1.ConditionReady:
			text += c.Reason
		}
	}
	if s := dex.Status; s.CanonicalName != "" {
		text += fmt.Sprintf(": %d/%d replicas ready at %s sites as %s", s.ReadyReplicas, s.DesiredReplicas, s.ReadySites, s.CanonicalName)
	}
	text += todo
	return strings.ToValidUTF8(text[:min(len(text), maxNoteBytes)], "")
}

func (e *exported) note(out *Outputs, text string) {
	if e.source.Annotations[export.AnnotationStatus] != text {
		out.Notes = append(out.Notes, Note{Kind: e.kind, Namespace: e.source.Namespace, Name: e.source.Name, UID: e.source.UID, Text: text})
	}
}
