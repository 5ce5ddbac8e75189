package hub

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/gslb"
)

// replicas counts a workload's replicas over all sites, in the words of a Deployment's status.
type replicas struct{ total, updated, ready int32 }

// replicas counts. What a site was told counts as updated once it has applied it; until then the site runs what it ran.
func (t *exportTable) replicas(e *exported) replicas {
	var r replicas
	for _, at := range e.sites {
		s := t.sites.byID[gslb.SiteID(at.Site)]
		key := e.workload.Key()
		r.ready += at.ReadyReplicas
		if s.applied(key, e.bundles[s.id]) {
			r.total, r.updated = r.total+at.DesiredReplicas, r.updated+at.DesiredReplicas
		} else {
			r.total += at.ReadyReplicas
		}
	}
	return r
}

// applied says whether the site runs a bundle in the form that it should have.
func (s *site) applied(key string, b bundle) bool {
	if s.report == nil || s.work.Inventory.Bundles[key] != b.digest {
		return false
	}
	since, known := s.work.Since[key]
	if !known {
		since = s.work.Inventory.Revision
	}
	return s.report.Report.Work >= since
}

// workloadStatus writes the status that kubectl rollout status waits for.
func (t *exportTable) workloadStatus(e *exported, out *Outputs) {
	if !e.running() {
		return
	}
	count := t.replicas(e)
	wanted := int32(e.workload.Replicas())
	if d := e.workload.Deployment; d != nil {
		status := deploymentStatus(d, count, wanted, t.in.Now)
		out.setDeployment(d, status)
		return
	}
	s := e.workload.StatefulSet
	out.setStatefulSet(s, appsv1.StatefulSetStatus{ObservedGeneration: s.Generation, Replicas: count.total,
		ReadyReplicas: count.ready, CurrentReplicas: count.updated, UpdatedReplicas: count.updated, AvailableReplicas: count.ready})
}

func (out *Outputs) setDeployment(d *appsv1.Deployment, status appsv1.DeploymentStatus) {
	if !equality.Semantic.DeepEqual(d.Status, status) {
		out.Deployments = append(out.Deployments, &appsv1.Deployment{ObjectMeta: d.ObjectMeta, Status: status})
	}
}

func (out *Outputs) setStatefulSet(s *appsv1.StatefulSet, status appsv1.StatefulSetStatus) {
	if !equality.Semantic.DeepEqual(s.Status, status) {
		out.StatefulSets = append(out.StatefulSets, &appsv1.StatefulSet{ObjectMeta: s.ObjectMeta, Status: status})
	}
}

func deploymentStatus(d *appsv1.Deployment, count replicas, wanted int32, now time.Time) appsv1.DeploymentStatus {
	status := appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: count.total, UpdatedReplicas: count.updated,
		ReadyReplicas: count.ready, AvailableReplicas: count.ready, UnavailableReplicas: max(wanted-count.ready, 0),
	}
	available, progressing := corev1.ConditionFalse, "ReplicaSetUpdated"
	if count.ready >= wanted {
		available = corev1.ConditionTrue
	}
	if count.ready >= wanted && count.updated >= wanted {
		progressing = "NewReplicaSetAvailable"
	}
	message := fmt.Sprintf("%d of %d replicas are ready at their sites", count.ready, wanted)
	status.Conditions = []appsv1.DeploymentCondition{
		deploymentCondition(d, appsv1.DeploymentAvailable, available, "SitesReport", message, now),
		deploymentCondition(d, appsv1.DeploymentProgressing, corev1.ConditionTrue, progressing, message, now),
	}
	return status
}

func deploymentCondition(d *appsv1.Deployment, kind appsv1.DeploymentConditionType, status corev1.ConditionStatus,
	reason, message string, now time.Time) appsv1.DeploymentCondition {
	at := metav1.NewTime(now.Truncate(time.Second))
	c := appsv1.DeploymentCondition{Type: kind, Status: status, Reason: reason, Message: message, LastUpdateTime: at, LastTransitionTime: at}
	for _, before := range d.Status.Conditions {
		if before.Type != kind {
			continue
		}
		if before.Status == status {
			c.LastTransitionTime = before.LastTransitionTime
		}
		if before.Status == status && before.Reason == reason && before.Message == message {
			c.LastUpdateTime = before.LastUpdateTime
		}
	}
	return c
}

// clear takes back what was written on objects that are no longer annotated: the note, and the replicas of a workload
// that no export runs.
func (t *exportTable) clear(out *Outputs, noted map[string]bool) {
	running := map[string]bool{}
	for _, e := range t.list {
		if e.running() {
			running[e.workload.Key()] = true
		}
	}
	for _, d := range byName(t.in.Deployments) {
		if t.clearNote(out, "Deployment", &d.ObjectMeta, noted) && !running[d.Namespace+"/Deployment/"+d.Name] {
			out.setDeployment(d, appsv1.DeploymentStatus{ObservedGeneration: d.Generation})
		}
	}
	for _, s := range byName(t.in.StatefulSets) {
		if t.clearNote(out, "StatefulSet", &s.ObjectMeta, noted) && !running[s.Namespace+"/StatefulSet/"+s.Name] {
			out.setStatefulSet(s, appsv1.StatefulSetStatus{ObservedGeneration: s.Generation})
		}
	}
	for _, s := range byName(t.in.Services) {
		t.clearNote(out, "Service", &s.ObjectMeta, noted)
	}
}

func (t *exportTable) clearNote(out *Outputs, kind string, meta *metav1.ObjectMeta, noted map[string]bool) bool {
	key := meta.Namespace + "/" + kind + "/" + meta.Name
	if noted[key] || meta.Annotations[export.AnnotationStatus] == "" || !alive(meta) {
		return false
	}
	out.Notes = append(out.Notes, Note{Kind: kind, Namespace: meta.Namespace, Name: meta.Name, UID: meta.UID})
	return true
}
