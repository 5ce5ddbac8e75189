package export_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
)

func marshal(v any) ([]byte, error) { return json.Marshal(v) }

func pod() corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{
		{Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 8080}, {ContainerPort: 53, Protocol: corev1.ProtocolUDP}}},
		{Ports: []corev1.ContainerPort{{ContainerPort: 8080}, {ContainerPort: 9090}}},
	}}
}

func TestContainerPorts(t *testing.T) {
	d := &appsv1.Deployment{}
	d.Name, d.UID = "chat", "u"
	d.Spec.Template.Spec = pod()
	want := []v1alpha1.Port{{Listen: 8080, Target: 8080, Protocol: "http"}, {Listen: 9090, Target: 9090, Protocol: "http"}}
	if got := export.FromDeployment(d); !reflect.DeepEqual(got.Ports, want) || got.Workload != got.Object {
		t.Errorf("got %+v", got)
	}
}

func TestServicePorts(t *testing.T) {
	h2c := "kubernetes.io/h2c"
	s := &corev1.Service{}
	s.Spec.Ports = []corev1.ServicePort{
		{Name: "http", Port: 80, TargetPort: intstr.FromString("web")},
		{Name: "grpc", Port: 81, TargetPort: intstr.FromInt32(9090), AppProtocol: &h2c},
		{Name: "db", Port: 5432},
		{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP},
		{Name: "nowhere", Port: 82, TargetPort: intstr.FromString("missing")},
	}
	want := []v1alpha1.Port{{Listen: 80, Target: 8080, Protocol: "http"}, {Listen: 81, Target: 9090, Protocol: "http"},
		{Listen: 5432, Target: 5432, Protocol: "tcp"}}
	if got := export.FromService(s, chat, pod()); !reflect.DeepEqual(got.Ports, want) || got.Workload != chat {
		t.Errorf("got %+v", got)
	}
}

func TestRefuseService(t *testing.T) {
	selects := map[string]string{"app": "chat"}
	tests := []struct {
		name         string
		spec         corev1.ServiceSpec
		found        int
		reason, says string
	}{
		{"of a cluster IP", corev1.ServiceSpec{ClusterIP: "198.19.0.7", Selector: selects}, 1, "", ""},
		{"not yet with an IP", corev1.ServiceSpec{Selector: selects}, 1, "", ""},
		{"LoadBalancer", corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Selector: selects}, 1, "", ""},
		{"ExternalName", corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "chat.example"}, 0,
			v1alpha1.ReasonServiceUnsupported, `an ExternalName for "chat.example" and has no pods: annotate a Deployment`},
		{"headless", corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: selects}, 1,
			v1alpha1.ReasonServiceUnsupported, "headless, which names every pod, and an export names sites: annotate the workload itself"},
		{"no selector", corev1.ServiceSpec{ClusterIP: "198.19.0.7"}, 0, v1alpha1.ReasonWorkloadNotFound, "no selector: annotate a Service that selects one"},
		{"selects nothing", corev1.ServiceSpec{Selector: selects}, 0, v1alpha1.ReasonWorkloadNotFound, "finds 0 Deployments and StatefulSets"},
		{"selects two", corev1.ServiceSpec{Selector: selects}, 2, v1alpha1.ReasonWorkloadNotFound, "finds 2 Deployments and StatefulSets"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := export.RefuseService(&corev1.Service{Spec: test.spec}, test.found)
			if got == nil {
				got = &export.Refusal{}
			}
			if got.Reason != test.reason || !strings.Contains(got.Message, test.says) {
				t.Errorf("got %+v, want %s: %s", *got, test.reason, test.says)
			}
		})
	}
}
