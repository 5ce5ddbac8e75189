package export_test

import (
	"encoding/json"
	"reflect"
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
