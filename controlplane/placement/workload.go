package placement

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
)

// Workload is a Deployment or a StatefulSet of the hub's API; exactly one of the two is set.
type Workload struct {
	Deployment  *appsv1.Deployment
	StatefulSet *appsv1.StatefulSet
}

// Kind is the workload's kind.
func (w Workload) Kind() string {
	if w.Deployment != nil {
		return "Deployment"
	}
	return "StatefulSet"
}

// Meta is the workload's metadata.
func (w Workload) Meta() *metav1.ObjectMeta {
	if w.Deployment != nil {
		return &w.Deployment.ObjectMeta
	}
	return &w.StatefulSet.ObjectMeta
}

// Pod is the template of its pods.
func (w Workload) Pod() *corev1.PodTemplateSpec {
	if w.Deployment != nil {
		return &w.Deployment.Spec.Template
	}
	return &w.StatefulSet.Spec.Template
}

// Replicas is what the owner wants; 1 if they did not say, as Kubernetes has it.
func (w Workload) Replicas() int {
	replicas := w.replicas()
	if replicas == nil {
		return 1
	}
	return max(int(*replicas), 0)
}

func (w Workload) replicas() *int32 {
	if w.Deployment != nil {
		return w.Deployment.Spec.Replicas
	}
	return w.StatefulSet.Spec.Replicas
}

// Reference names the workload within its namespace.
func (w Workload) Reference() v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{Kind: w.Kind(), Name: w.Meta().Name, UID: w.Meta().UID}
}

// Key is "namespace/kind/name", such as "shop/Deployment/chat".
func (w Workload) Key() string {
	return Key(w.Meta().Namespace, w.Reference())
}

// Key is the key of the workload that ref names in a namespace.
func Key(namespace string, ref v1alpha1.ObjectReference) string {
	return namespace + "/" + ref.Kind + "/" + ref.Name
}

// Unsupported lists what the pods need and sites do not get yet: their own copies of other objects.
func (w Workload) Unsupported() []string {
	var list []string
	pod := w.Pod().Spec
	for _, v := range pod.Volumes {
		switch {
		case v.ConfigMap != nil:
			list = append(list, "ConfigMap "+v.ConfigMap.Name)
		case v.Secret != nil:
			list = append(list, "Secret "+v.Secret.SecretName)
		case v.PersistentVolumeClaim != nil:
			list = append(list, "PersistentVolumeClaim "+v.PersistentVolumeClaim.ClaimName)
		case v.Projected != nil:
			list = append(list, projected(v.Projected.Sources)...)
		}
	}
	for _, c := range append(append([]corev1.Container{}, pod.InitContainers...), pod.Containers...) {
		list = append(list, environment(c)...)
	}
	for _, s := range pod.ImagePullSecrets {
		list = append(list, "Secret "+s.Name)
	}
	if name := pod.ServiceAccountName; name != "" && name != "default" {
		list = append(list, "ServiceAccount "+name)
	}
	return unique(list)
}

func projected(sources []corev1.VolumeProjection) []string {
	var list []string
	for _, s := range sources {
		if s.ConfigMap != nil {
			list = append(list, "ConfigMap "+s.ConfigMap.Name)
		}
		if s.Secret != nil {
			list = append(list, "Secret "+s.Secret.Name)
		}
	}
	return list
}

func environment(c corev1.Container) []string {
	var list []string
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef != nil {
			list = append(list, "ConfigMap "+from.ConfigMapRef.Name)
		}
		if from.SecretRef != nil {
			list = append(list, "Secret "+from.SecretRef.Name)
		}
	}
	for _, e := range c.Env {
		switch from := e.ValueFrom; {
		case from == nil:
		case from.ConfigMapKeyRef != nil:
			list = append(list, "ConfigMap "+from.ConfigMapKeyRef.Name)
		case from.SecretKeyRef != nil:
			list = append(list, "Secret "+from.SecretKeyRef.Name)
		}
	}
	return list
}
