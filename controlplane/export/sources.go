package export

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
)

// FromDeployment is an annotated Deployment as a source.
func FromDeployment(d *appsv1.Deployment) Source {
	ref := v1alpha1.ObjectReference{Kind: "Deployment", Name: d.Name, UID: d.UID}
	return Source{Object: ref, Workload: ref, Annotations: d.Annotations, Ports: containerPorts(d.Spec.Template.Spec)}
}

// FromStatefulSet is an annotated StatefulSet as a source.
func FromStatefulSet(s *appsv1.StatefulSet) Source {
	ref := v1alpha1.ObjectReference{Kind: "StatefulSet", Name: s.Name, UID: s.UID}
	return Source{Object: ref, Workload: ref, Annotations: s.Annotations, Ports: containerPorts(s.Spec.Template.Spec)}
}

// FromService is an annotated Service as a source; the workload is the one that it selects.
func FromService(s *corev1.Service, workload v1alpha1.ObjectReference, pod corev1.PodSpec) Source {
	ref := v1alpha1.ObjectReference{Kind: "Service", Name: s.Name, UID: s.UID}
	return Source{Object: ref, Workload: workload, Annotations: s.Annotations, Ports: servicePorts(s, pod), Uncarried: uncarried(s)}
}

// RefuseService is why a Service that selects that many workloads cannot be exported; nil: it can.
func RefuseService(s *corev1.Service, selected int) *Refusal {
	switch {
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		return &Refusal{v1alpha1.ReasonServiceUnsupported, fmt.Sprintf("it is an ExternalName for %q and has no pods: "+
			"annotate a Deployment, a StatefulSet or a Service that selects one", s.Spec.ExternalName)}
	case s.Spec.ClusterIP == corev1.ClusterIPNone:
		return &Refusal{v1alpha1.ReasonServiceUnsupported, "it is headless, which names every pod, and an export names sites: " +
			"annotate the workload itself, or a Service that has a cluster IP"}
	case len(s.Spec.Selector) == 0:
		return &Refusal{v1alpha1.ReasonWorkloadNotFound, "it has no selector: annotate a Service that selects one Deployment or StatefulSet"}
	case selected != 1:
		return &Refusal{v1alpha1.ReasonWorkloadNotFound, fmt.Sprintf("its selector finds %d Deployments and StatefulSets: "+
			"annotate a Service that selects one", selected)}
	}
	return nil
}

// containerPorts are exported under their own number, as kubectl expose does.
func containerPorts(pod corev1.PodSpec) []v1alpha1.Port {
	var ports []v1alpha1.Port
	seen := map[int32]bool{}
	for _, c := range pod.Containers {
		for _, p := range c.Ports {
			if isTCP(p.Protocol) && !seen[p.ContainerPort] {
				seen[p.ContainerPort] = true
				ports = append(ports, v1alpha1.Port{Listen: p.ContainerPort, Target: p.ContainerPort, Protocol: "http"})
			}
		}
	}
	return ports
}

func isTCP(p corev1.Protocol) bool {
	return p == corev1.ProtocolTCP || p == ""
}

func servicePorts(s *corev1.Service, pod corev1.PodSpec) []v1alpha1.Port {
	var ports []v1alpha1.Port
	for _, p := range s.Spec.Ports {
		target := targetPort(p, pod)
		if isTCP(p.Protocol) && target > 0 {
			ports = append(ports, v1alpha1.Port{Listen: p.Port, Target: target, Protocol: protocolOf(p)})
		}
	}
	return ports
}

// uncarried lists a Service's ports that are not of TCP. A container's are no request to be reached from outside.
func uncarried(s *corev1.Service) (list []string) {
	for _, p := range s.Spec.Ports {
		if !isTCP(p.Protocol) {
			list = append(list, fmt.Sprintf("%d/%s", p.Port, p.Protocol))
		}
	}
	return list
}

// targetPort follows a port's name into the pod; 0 if no container has it.
func targetPort(p corev1.ServicePort, pod corev1.PodSpec) int32 {
	if p.TargetPort.Type == intstr.Int {
		if p.TargetPort.IntVal == 0 {
			return p.Port
		}
		return p.TargetPort.IntVal
	}
	for _, c := range pod.Containers {
		for _, containerPort := range c.Ports {
			if containerPort.Name == p.TargetPort.StrVal {
				return containerPort.ContainerPort
			}
		}
	}
	return 0
}

// protocolOf is http where the Service says so, by appProtocol or by the port's name; else bytes are passed on.
func protocolOf(p corev1.ServicePort) string {
	name := p.Name
	if p.AppProtocol != nil {
		name = strings.TrimPrefix(*p.AppProtocol, "kubernetes.io/")
	}
	if name == "http" || strings.HasPrefix(name, "http-") || name == "h2c" {
		return "http"
	}
	return "tcp"
}
