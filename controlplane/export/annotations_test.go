package export_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
)

var chat = v1alpha1.ObjectReference{Kind: "Deployment", Name: "chat"}

func read(annotations map[string]string) (v1alpha1.DomainExportSpec, error) {
	return export.Read(export.Source{Object: chat, Workload: chat, Annotations: annotations,
		Ports: []v1alpha1.Port{{Listen: 8080, Target: 8080, Protocol: "http"}}})
}

func TestReadGood(t *testing.T) {
	rate := func(milli int64) resource.Quantity { return *resource.NewMilliQuantity(milli, resource.DecimalSI) }
	tests := []struct {
		annotation, value string
		want              func(*v1alpha1.DomainExportSpec)
	}{
		{"tidegate.dev/domain", "Chat.Edge.example", func(s *v1alpha1.DomainExportSpec) { s.Domains = []string{"chat.edge.example."} }},
		{"tidegate.dev/domain", "a.example, b.example.,a.example", func(s *v1alpha1.DomainExportSpec) { s.Domains = []string{"a.example.", "b.example."} }},
		{"tidegate.dev/port", "80:8080", func(s *v1alpha1.DomainExportSpec) {
			s.Ports = []v1alpha1.Port{{Listen: 80, Target: 8080, Protocol: "http"}}
		}},
		{"tidegate.dev/port", "443:8443/tcp, 9000", func(s *v1alpha1.DomainExportSpec) {
			s.Ports = []v1alpha1.Port{{Listen: 443, Target: 8443, Protocol: "tcp"}, {Listen: 9000, Target: 9000, Protocol: "http"}}
		}},
		{"tidegate.dev/capacity", "12/s", func(s *v1alpha1.DomainExportSpec) { s.Capacity = &v1alpha1.Capacity{RequestsPerSecond: rate(12000)} }},
		{"tidegate.dev/capacity", "0.5/s, nvidia-l4=19/s", func(s *v1alpha1.DomainExportSpec) {
			s.Capacity = &v1alpha1.Capacity{RequestsPerSecond: rate(500), ByAccelerator: map[string]resource.Quantity{"nvidia-l4": rate(19000)}}
		}},
		{"tidegate.dev/steering", "proximity", func(*v1alpha1.DomainExportSpec) {}},
		{"tidegate.dev/steering", "weighted", func(s *v1alpha1.DomainExportSpec) { s.Steering.Method = "weighted" }},
		{"tidegate.dev/steering", "failover", func(s *v1alpha1.DomainExportSpec) { s.Steering.Method = "failover" }},
		{"tidegate.dev/steering", "calm", func(s *v1alpha1.DomainExportSpec) { s.Steering.Method, s.Steering.Policy = "", "calm" }},
		{"tidegate.dev/placement", "spread", func(*v1alpha1.DomainExportSpec) {}},
		{"tidegate.dev/placement", "europe", func(s *v1alpha1.DomainExportSpec) { s.Placement = "europe" }},
		{"tidegate.dev/model", "qwen3-8b", func(s *v1alpha1.DomainExportSpec) { s.Model = "qwen3-8b" }},
		{"tidegate.dev/ttl", "1m", func(s *v1alpha1.DomainExportSpec) { s.TTLSeconds = 60 }},
		{"tidegate.dev/ttl", "5", func(s *v1alpha1.DomainExportSpec) { s.TTLSeconds = 5 }},
		{"tidegate.dev/watermarks", "70, 90", func(s *v1alpha1.DomainExportSpec) {
			s.Steering.Watermarks = &v1alpha1.Watermarks{Low: 70, High: 90}
		}},
		{"tidegate.dev/health", "http:/healthz", func(s *v1alpha1.DomainExportSpec) { s.Health = &v1alpha1.Health{Type: "http", Path: "/healthz"} }},
		{"tidegate.dev/health", "https:/healthz", func(s *v1alpha1.DomainExportSpec) { s.Health = &v1alpha1.Health{Type: "https", Path: "/healthz"} }},
		{"tidegate.dev/health", "grpc", func(s *v1alpha1.DomainExportSpec) { s.Health = &v1alpha1.Health{Type: "grpc"} }},
		{"tidegate.dev/health", "tcp", func(*v1alpha1.DomainExportSpec) {}},
		{"tidegate.dev/status", "anything", func(*v1alpha1.DomainExportSpec) {}},
		{"example.com/other", "anything", func(*v1alpha1.DomainExportSpec) {}},
	}
	for _, test := range tests {
		t.Run(test.annotation+"="+test.value, func(t *testing.T) {
			want, err := read(nil)
			if err != nil {
				t.Fatal(err)
			}
			test.want(&want)
			got, err := read(map[string]string{test.annotation: test.value})
			if err != nil {
				t.Fatal(err)
			}
			if gotText, wantText := text(got), text(want); gotText != wantText {
				t.Errorf("got  %s\nwant %s", gotText, wantText)
			}
		})
	}
}

func text(s v1alpha1.DomainExportSpec) string {
	data, err := marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func TestReadBad(t *testing.T) {
	tests := []struct{ annotation, value, says string }{
		{"tidegate.dev/domain", "", "remove the annotation, or name a host"},
		{"tidegate.dev/domain", "chat..example", "0 characters, want 1 to 63"},
		{"tidegate.dev/domain", "*.edge.example", `'*'`},
		{"tidegate.dev/domain", "ok.example,-x.example", "hyphen"},
		{"tidegate.dev/port", "0:80", `"0" is not a port`},
		{"tidegate.dev/port", "80:70000", `"70000" is not a port`},
		{"tidegate.dev/port", "80:8080/udp", `protocol "udp"`},
		{"tidegate.dev/port", "http", `"http" is not a port`},
		{"tidegate.dev/port", "80:1,80:2", "80 is listed twice"},
		{"tidegate.dev/port", "", "is not a port"},
		{"tidegate.dev/capacity", "12", "does not end with /s"},
		{"tidegate.dev/capacity", "-1/s", "negative"},
		{"tidegate.dev/capacity", "0/s", "scale it to 0"},
		{"tidegate.dev/capacity", "nvidia-l4=19/s", "the first rate is that of any replica"},
		{"tidegate.dev/capacity", "12/s,19/s", "each further one is of an accelerator"},
		{"tidegate.dev/capacity", "12/s,a=1/s,a=2/s", "a has two rates"},
		{"tidegate.dev/capacity", "12/s,a b=1/s", "does not name an accelerator"},
		{"tidegate.dev/steering", "Random!", "want proximity, weighted, failover, or the name of a SteeringPolicy"},
		{"tidegate.dev/steering", "", "the name of a SteeringPolicy"},
		{"tidegate.dev/placement", "Nowhere!", "the name of an EdgePlacement"},
		{"tidegate.dev/placement", "", "the name of an EdgePlacement"},
		{"tidegate.dev/model", "two words", "without spaces"},
		{"tidegate.dev/ttl", "0", "whole seconds from 1s to 24h0m0s"},
		{"tidegate.dev/ttl", "1500ms", "whole seconds"},
		{"tidegate.dev/ttl", "soon", "whole seconds"},
		{"tidegate.dev/ttl", "25h", "whole seconds"},
		{"tidegate.dev/watermarks", "70", "such as 70,90"},
		{"tidegate.dev/watermarks", "90,70", "such as 70,90"},
		{"tidegate.dev/watermarks", "70,101", "such as 70,90"},
		{"tidegate.dev/watermarks", "1,2,3", "such as 70,90"},
		{"tidegate.dev/health", "http", "http:/healthz"},
		{"tidegate.dev/health", "http:healthz", "http:/healthz"},
		{"tidegate.dev/health", "tcp:/x", "tcp or grpc"},
		{"tidegate.dev/health", "https:x", "tcp or grpc"},
		{"tidegate.dev/health", "httpss:/x", "tcp or grpc"},
		{"tidegate.dev/domian", "chat.example", "no such annotation; there are tidegate.dev/domain"},
	}
	for _, test := range tests {
		t.Run(test.annotation+"="+test.value, func(t *testing.T) {
			_, err := read(map[string]string{test.annotation: test.value})
			var wrong *export.AnnotationError
			if !errors.As(err, &wrong) {
				t.Fatalf("err = %v, want an AnnotationError", err)
			}
			if wrong.Annotation != test.annotation || wrong.Value != test.value || !strings.Contains(wrong.Error(), test.says) {
				t.Errorf("got %q, want it to name %s, %q and %q", wrong, test.annotation, test.value, test.says)
			}
		})
	}
}

func TestEveryProblemIsNamed(t *testing.T) {
	_, err := read(map[string]string{"tidegate.dev/ttl": "soon", "tidegate.dev/port": "x", "tidegate.dev/steering": "Y"})
	for _, part := range []string{"tidegate.dev/ttl", "tidegate.dev/port", "tidegate.dev/steering"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
}

func TestNoPort(t *testing.T) {
	_, err := export.Read(export.Source{Object: chat, Workload: chat})
	if err == nil || !strings.Contains(err.Error(), "declares no TCP port") {
		t.Errorf("err = %v", err)
	}
}

func TestHostnameAnnotation(t *testing.T) {
	const ours, theirs = export.AnnotationDomain, export.AnnotationHostname
	tests := []struct {
		name, kind  string
		annotations map[string]string
		want        []string
		wrong       string // the annotation that the error names
	}{
		{"one name", "Service", map[string]string{theirs: "chat.example"}, []string{"chat.example."}, ""},
		{"several names", "Service", map[string]string{theirs: "Chat.example, b.example.,chat.example"}, []string{"chat.example.", "b.example."}, ""},
		{"beside ours", "Service", map[string]string{theirs: "chat.example", ours: "other.example"}, []string{"other.example."}, ""},
		{"wrong beside ours", "Service", map[string]string{theirs: "-", ours: "other.example"}, []string{"other.example."}, ""},
		{"right beside a wrong one of ours", "Service", map[string]string{theirs: "chat.example", ours: ""}, nil, ours},
		{"a wildcard", "Service", map[string]string{theirs: "*.example"}, nil, theirs},
		{"an empty name", "Service", map[string]string{theirs: "a.example,,b.example"}, nil, theirs},
		{"on a Deployment", "Deployment", map[string]string{theirs: "chat.example"}, nil, ""},
		{"on a StatefulSet", "StatefulSet", map[string]string{theirs: "-"}, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			object := v1alpha1.ObjectReference{Kind: test.kind, Name: "chat"}
			got, err := export.Read(export.Source{Object: object, Workload: chat, Annotations: test.annotations,
				Ports: []v1alpha1.Port{{Listen: 80, Target: 80, Protocol: "tcp"}}})
			var wrong *export.AnnotationError
			switch {
			case test.wrong == "" && (err != nil || !reflect.DeepEqual(got.Domains, test.want)):
				t.Errorf("domains %v, %v, want %v", got.Domains, err, test.want)
			case test.wrong != "" && (!errors.As(err, &wrong) || wrong.Annotation != test.wrong):
				t.Errorf("err = %v, want one that names %s", err, test.wrong)
			}
		})
	}
}

func TestAnnotated(t *testing.T) {
	tests := []struct {
		kind, annotation string
		want             bool
	}{
		{"Deployment", "tidegate.dev/domain", true},
		{"Deployment", "tidegate.dev/domian", true},
		{"Deployment", "tidegate.dev/status", false},
		{"Deployment", "example.com/x", false},
		{"Deployment", export.AnnotationHostname, false},
		{"StatefulSet", export.AnnotationHostname, false},
		{"Service", export.AnnotationHostname, true},
		{"Service", "external-dns.alpha.kubernetes.io/ttl", false},
	}
	for _, test := range tests {
		if got := export.Annotated(test.kind, map[string]string{test.annotation: "x"}); got != test.want {
			t.Errorf("Annotated(%s, %s) = %v", test.kind, test.annotation, got)
		}
	}
}
