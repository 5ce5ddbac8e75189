package placement

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/gslb/plan"
)

// The labels of what Tidegate runs at a site. LabelWorkload is on the pods too, and finds them.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelWorkload  = "tidegate.dev/workload"
	ManagedBy      = "tidegate"
)

// ProbeInterval is how often endpoints and pods are probed.
const ProbeInterval = time.Second

// ofTheHub are annotations that mean something at the hub only.
var ofTheHub = []string{"kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision",
	export.AnnotationHostname}

// Bundle is the workload as a site with that share of its replicas runs it.
func Bundle(w Workload, spec v1alpha1.DomainExportSpec, replicas int) (work.Bundle, error) {
	label := labelValue(w.Reference())
	manifests, err := manifests(w, label, replicas)
	if err != nil {
		return work.Bundle{}, fmt.Errorf("write %s for a site: %w", w.Key(), err)
	}
	b := work.Bundle{
		Workload:  w.Key(),
		Replicas:  replicas,
		Manifests: manifests,
		Selector:  map[string]string{LabelWorkload: label},
		Health:    podHealth(spec),
	}
	for _, p := range spec.Ports {
		b.Ports = append(b.Ports, work.Port{Listen: uint16(p.Listen), Target: uint16(p.Target), Protocol: work.Protocol(p.Protocol)})
	}
	return b, nil
}

// podHealth is how a site's load balancer checks pods: on the target of the first port.
func podHealth(spec v1alpha1.DomainExportSpec) *plan.Health {
	if spec.Health == nil || spec.Health.Type == string(plan.ProbeTCP) || len(spec.Ports) == 0 {
		return nil
	}
	return &plan.Health{Type: plan.ProbeType(spec.Health.Type), Path: spec.Health.Path,
		Port: uint16(spec.Ports[0].Target), Interval: ProbeInterval}
}

// labelValue names a workload within its namespace in the 63 characters of a label; a long name ends with its hash.
func labelValue(ref v1alpha1.ObjectReference) string {
	value := strings.ToLower(ref.Kind) + "." + ref.Name
	if len(value) <= 63 {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return value[:46] + "-" + hex.EncodeToString(sum[:8])
}

func manifests(w Workload, label string, replicas int) ([]json.RawMessage, error) {
	namespace := &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: w.Meta().Namespace, Labels: map[string]string{LabelManagedBy: ManagedBy}},
	}
	var list []json.RawMessage
	for _, object := range []runtime.Object{namespace, atSite(w, label, int32(replicas))} {
		data, err := manifest(object)
		if err != nil {
			return nil, err
		}
		list = append(list, data)
	}
	return list, nil
}

// atSite copies the workload with the site's replicas, our labels, and nothing that only the hub understands.
func atSite(w Workload, label string, replicas int32) runtime.Object {
	types := metav1.TypeMeta{APIVersion: "apps/v1", Kind: w.Kind()}
	meta := metav1.ObjectMeta{Name: w.Meta().Name, Namespace: w.Meta().Namespace,
		Labels: maps.Clone(w.Meta().Labels), Annotations: annotations(w.Meta().Annotations)}
	metav1.SetMetaDataLabel(&meta, LabelManagedBy, ManagedBy)
	metav1.SetMetaDataLabel(&meta, LabelWorkload, label)
	if w.Deployment != nil {
		d := w.Deployment.DeepCopy()
		d.TypeMeta, d.ObjectMeta, d.Spec.Replicas = types, meta, &replicas
		metav1.SetMetaDataLabel(&d.Spec.Template.ObjectMeta, LabelWorkload, label)
		return d
	}
	s := w.StatefulSet.DeepCopy()
	s.TypeMeta, s.ObjectMeta, s.Spec.Replicas = types, meta, &replicas
	metav1.SetMetaDataLabel(&s.Spec.Template.ObjectMeta, LabelWorkload, label)
	return s
}

func annotations(all map[string]string) map[string]string {
	kept := map[string]string{}
	for key, value := range all {
		if !strings.HasPrefix(key, export.Prefix) && !slices.Contains(ofTheHub, key) {
			kept[key] = value
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// manifest writes an object without the fields that a writer must not set.
func manifest(object runtime.Object) (json.RawMessage, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	delete(fields, "status")
	return json.Marshal(fields)
}

// unique keeps the first of each.
func unique(list []string) []string {
	var kept []string
	for _, s := range list {
		if !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}
