package export_test

import (
	"encoding/json"
	"errors"
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

// TestUncarriedPorts: a port that is left behind is told, unless the owner names those that are not.
func TestUncarriedPorts(t *testing.T) {
	web := corev1.ServicePort{Name: "http", Port: 80, TargetPort: intstr.FromString("web")}
	db := corev1.ServicePort{Name: "db", Port: 5432}
	dns := corev1.ServicePort{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}
	sctp := corev1.ServicePort{Name: "s", Port: 7, Protocol: corev1.ProtocolSCTP}
	tests := []struct {
		name  string
		ports []corev1.ServicePort
		named string // the annotation
		says  string
	}{
		{"TCP alone", []corev1.ServicePort{web, db}, "", ""},
		{"UDP too", []corev1.ServicePort{web, dns, db}, "", "want the TCP ports by name, here 80:8080,5432:5432/tcp; the object also has 53/UDP, and only TCP is carried"},
		{"UDP and SCTP too", []corev1.ServicePort{db, dns, sctp}, "", "here 5432:5432/tcp; the object also has 53/UDP, 7/SCTP"},
		{"UDP alone", []corev1.ServicePort{dns}, "", "declares no TCP port, and nothing else is carried: 53/UDP"},
		{"the owner names the TCP port", []corev1.ServicePort{web, dns}, "80:8080", ""},
		{"the owner names the UDP port", []corev1.ServicePort{web, dns}, "53:53/udp", `protocol "udp" is neither http nor tcp`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &corev1.Service{Spec: corev1.ServiceSpec{Ports: test.ports}}
			if test.named != "" {
				s.Annotations = map[string]string{export.AnnotationPort: test.named}
			}
			_, err := export.Read(export.FromService(s, chat, pod()))
			var wrong *export.AnnotationError
			switch {
			case test.says == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.says != "" && (!errors.As(err, &wrong) || wrong.Annotation != export.AnnotationPort || !strings.Contains(err.Error(), test.says)):
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
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
