package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
)

const service = `
apiVersion: v1
kind: Service
metadata:
  name: front
  namespace: shop
  uid: v1
  creationTimestamp: "2026-05-01T09:00:00Z"
  annotations: {external-dns.alpha.kubernetes.io/hostname: front.edge.example}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]`

// deployment is another Deployment of namespace shop, with an annotation if key is not empty.
func deployment(name, app, key, value string) string {
	annotations := ""
	if key != "" {
		annotations = "  annotations: {" + key + ": " + value + "}\n"
	}
	return `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ` + name + `
  namespace: shop
  uid: d-` + name + `
  creationTimestamp: "2026-05-01T11:00:00Z"
` + annotations + `spec:
  selector: {matchLabels: {app: ` + app + `}}
  template:
    metadata: {labels: {app: ` + app + `}}
    spec: {containers: [{name: c, image: registry.example/c:v1, ports: [{containerPort: 8080}], envFrom: [{secretRef: {name: key}}]}]}`
}

// reason is the reason of a condition of a DomainExport of namespace shop.
func (w *world) reason(export, condition string) string {
	w.t.Helper()
	e := w.export(export)
	if e == nil {
		return "no DomainExport " + export
	}
	c := meta.FindStatusCondition(e.Status.Conditions, condition)
	if c == nil {
		return "no condition " + condition
	}
	return c.Reason
}

func (w *world) serves(name gslb.Name) bool {
	return w.in.Current != nil && slices.ContainsFunc(w.in.Current.Services, func(s plan.Service) bool {
		return s.Name == name || slices.Contains(s.Aliases, name)
	})
}

func TestServiceExportsItsWorkload(t *testing.T) {
	w := newWorld(t)
	w.load(service)
	w.pass()
	if got := w.reason("front.service", "Accepted"); got != v1alpha1.ReasonWorkloadNotFound {
		t.Errorf("without a workload: %s", got)
	}
	w.load(deployment("web", "web", "", ""))
	w.settle("fra", "pek", "iad")
	if got := w.reason("front.service", "Ready"); got != v1alpha1.ReasonReady || !w.serves("front.edge.example.") {
		t.Errorf("with one: %s", got)
	}
	w.load(deployment("web2", "web", "", ""))
	w.settle("fra", "pek", "iad")
	if got := w.reason("front.service", "Accepted"); got != v1alpha1.ReasonWorkloadNotFound || !w.serves("front.edge.example.") {
		t.Errorf("with two: %s, and front.edge.example. must stay", got)
	}
	w.in.Deployments = w.in.Deployments[:1]
	w.pass()
	if w.serves("front.edge.example.") {
		t.Error("the workload is deleted, the name is still served")
	}
	if want := (plan.Reason{Kind: plan.ReasonRetired, Subject: "front.shop.edge.example."}); !slices.Contains(w.in.State.Plain(), want) {
		t.Errorf("reasons %v lack %v", w.in.State.Plain(), want)
	}
}

// TestHostnameOfExternalDNS: a Service that was written for external-dns exports the Deployment or StatefulSet behind it.
func TestHostnameOfExternalDNS(t *testing.T) {
	const two = "external-dns.alpha.kubernetes.io/hostname: 'a.edge.example, b.edge.example'"
	written := strings.Replace(service, "external-dns.alpha.kubernetes.io/hostname: front.edge.example", two, 1)
	web := deployment("web", "web", "", "")
	stateful := strings.Replace(strings.Replace(web, "kind: Deployment", "kind: StatefulSet", 1), "spec:", "spec:\n  serviceName: web", 1)
	tests := []struct {
		name, service, workload, reason string
		serves                          []gslb.Name
	}{
		{"Deployment", written, web, v1alpha1.ReasonAccepted, []gslb.Name{"a.edge.example.", "b.edge.example."}},
		{"StatefulSet", written, stateful, v1alpha1.ReasonAccepted, []gslb.Name{"a.edge.example.", "b.edge.example."}},
		{"another namespace's", written, strings.Replace(web, "namespace: shop", "namespace: other", 1), v1alpha1.ReasonWorkloadNotFound, nil},
		{"beside ours", strings.Replace(written, two, two+", tidegate.dev/domain: c.edge.example", 1), web, v1alpha1.ReasonAccepted, []gslb.Name{"c.edge.example."}},
		{"wildcard", strings.Replace(written, "a.edge", "*.edge", 1), web, v1alpha1.ReasonInvalidAnnotation, nil},
		{"headless", written + "\n  clusterIP: None", web, v1alpha1.ReasonServiceUnsupported, nil},
		{"ExternalName", written + "\n  type: ExternalName\n  externalName: a.example", web, v1alpha1.ReasonServiceUnsupported, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.load(test.service)
			w.load(test.workload)
			w.settle("fra", "pek", "iad")
			if got := w.reason("front.service", "Accepted"); got != test.reason {
				t.Errorf("Accepted is %s, want %s", got, test.reason)
			}
			for _, name := range []gslb.Name{"a.edge.example.", "b.edge.example.", "c.edge.example."} {
				if got := w.serves(name); got != slices.Contains(test.serves, name) {
					t.Errorf("%s is served: %v", name, got)
				}
			}
		})
	}
}

// TestServiceTurnsHeadless: what was accepted before stays in force.
func TestServiceTurnsHeadless(t *testing.T) {
	w := newWorld(t)
	w.load(service)
	w.load(deployment("web", "web", "", ""))
	w.settle("fra", "pek", "iad")
	w.in.Services[0].Spec.ClusterIP = "None"
	w.settle("fra", "pek", "iad")
	if got := w.reason("front.service", "Accepted"); got != v1alpha1.ReasonServiceUnsupported || !w.serves("front.edge.example.") {
		t.Errorf("it is %s, and front.edge.example. must stay", got)
	}
}

// TestServiceGetsAUDPPort: it is told once, and what was accepted before stays in force; naming the TCP port settles it.
func TestServiceGetsAUDPPort(t *testing.T) {
	w := newWorld(t)
	w.load(service)
	w.load(deployment("web", "web", "", ""))
	w.settle("fra", "pek", "iad")
	w.in.Services[0].Spec.Ports = append(w.in.Services[0].Spec.Ports, corev1.ServicePort{Name: "quic", Port: 443, Protocol: corev1.ProtocolUDP})
	told := w.warnings(v1alpha1.ReasonInvalidAnnotation)
	if len(told) != 1 || !strings.Contains(told[0], "tidegate.dev/port") || !strings.Contains(told[0], "here 80:8080; the object also has 443/UDP") {
		t.Errorf("Warning Events %q", told)
	}
	if got := w.reason("front.service", "Accepted"); got != v1alpha1.ReasonInvalidAnnotation || !w.serves("front.edge.example.") {
		t.Errorf("it is %s, and front.edge.example. must stay", got)
	}
	w.in.Services[0].Annotations[export.AnnotationPort] = "80:8080"
	w.settle("fra", "pek", "iad")
	if got := w.reason("front.service", "Accepted"); got != v1alpha1.ReasonAccepted {
		t.Errorf("with the TCP port named: %s", got)
	}
}

func TestOneExportPerWorkload(t *testing.T) {
	w := newWorld(t)
	w.load(service)
	w.load(deployment("web", "web", "", ""))
	w.settle("fra", "pek", "iad")
	w.in.Deployments = w.in.Deployments[:1]
	w.load(deployment("web", "web", "tidegate.dev/domain", "web.edge.example"))
	w.settle("fra", "pek", "iad")
	if got := w.reason("web", "Accepted"); got != v1alpha1.ReasonWorkloadConflict || !w.serves("front.edge.example.") {
		t.Errorf("the newcomer is %s; the first must be served on", got)
	}
}

func TestHostnameConflict(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.load(deployment("thief", "thief", "tidegate.dev/domain", "chat.edge.example"))
	w.settle("fra", "pek", "iad")
	if got := w.reason("thief", "Accepted"); got != v1alpha1.ReasonHostnameConflict {
		t.Errorf("the second claim is %s", got)
	}
	if w.reason("chat", "Accepted") != v1alpha1.ReasonAccepted || !w.serves("thief.shop.edge.example.") {
		t.Error("the first claim or the second one's canonical name is not served")
	}
}

func TestUnknownPlacement(t *testing.T) {
	w := newWorld(t)
	w.load(deployment("web", "web", "tidegate.dev/placement", "nowhere"))
	w.settle("fra", "pek", "iad")
	if got := w.reason("web", "Accepted"); got != v1alpha1.ReasonPlacementNotFound || w.serves("web.shop.edge.example.") {
		t.Errorf("it is %s", got)
	}
}

func TestUnsupportedIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.load(deployment("web", "web", "tidegate.dev/domain", "web.edge.example"))
	count := 0
	for range 4 {
		for _, e := range w.pass().Events {
			if e.Reason == "Unsupported" && strings.Contains(e.Message, "Secret key") {
				count++
			}
		}
	}
	if count != 1 {
		t.Errorf("%d Events", count)
	}
}

func TestAnnotationsTakenAway(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	status := w.chat().Annotations["tidegate.dev/status"]
	w.chat().Annotations = map[string]string{"tidegate.dev/status": status}
	out := w.pass()
	if len(out.Retired) != 1 || len(out.Notes) != 1 || out.Notes[0].Text != "" || w.chat().Status.Replicas != 0 || len(w.in.Current.Services) != 0 {
		t.Errorf("wrote\n%s", describe(out))
	}
}

func TestMoveStartsBeforeItStops(t *testing.T) {
	w := newWorld(t)
	w.load(strings.Replace(westOnly, "iad", "fra", 1))
	w.annotate("tidegate.dev/placement", "one")
	w.settle("fra", "pek", "iad")
	w.in.Placements = w.in.Placements[:1]
	w.load(westOnly)
	w.pass()
	w.pass()
	if got := sharesOf(w.export("chat")); got != "fra 3/3 iad 0/3" {
		t.Errorf("before iad is ready: %s", got)
	}
	w.run("iad")
	w.pass()
	if got := sharesOf(w.export("chat")); got != "iad 3/3" {
		t.Errorf("after: %s", got)
	}
}

const westOnly = `
apiVersion: tidegate.dev/v1alpha1
kind: EdgePlacement
metadata: {name: one, namespace: shop}
spec: {sites: [iad]}`

func sharesOf(e *v1alpha1.DomainExport) string {
	var parts []string
	for _, s := range e.Status.Sites {
		parts = append(parts, fmt.Sprintf("%s %d/%d", s.Site, s.ReadyReplicas, s.DesiredReplicas))
	}
	return strings.Join(parts, " ")
}

func TestFullSites(t *testing.T) {
	w := newWorld(t)
	one := int32(1)
	for _, s := range w.in.Sites {
		s.Spec.MaxReplicas = &one
	}
	w.scale(5)
	w.load(deployment("web", "web", "tidegate.dev/domain", "web.edge.example"))
	w.settle("fra", "pek", "iad")
	chat, web := w.export("chat").Status, w.export("web").Status
	if chat.UnschedulableReplicas != 2 || chat.ReadyReplicas != 3 || web.UnschedulableReplicas != 1 {
		t.Errorf("chat %+v, web %+v", chat, web)
	}
	if !strings.Contains(chat.Placement, "are full") {
		t.Errorf("the explanation is %q", chat.Placement)
	}
}

func TestZones(t *testing.T) {
	good := newWorld(t)
	good.settle("fra", "pek", "iad")
	tests := map[string]func(*v1alpha1.Zone){
		"spec.records[0]": func(z *v1alpha1.Zone) { z.Spec.Records = []string{"www 300 IN A not-an-address"} },
		"spec.records[1]": func(z *v1alpha1.Zone) {
			z.Spec.Records = append(z.Spec.Records, "a 1 IN A 192.0.2.1\nb 1 IN A 192.0.2.2")
		},
		"is outside of zone":             func(z *v1alpha1.Zone) { z.Spec.Records = []string{"www.example.org. 300 IN A 192.0.2.1"} },
		"spec.nameservers[0].name":       func(z *v1alpha1.Zone) { z.Spec.Nameservers[0].Name = "a..b" },
		"spec.nameservers[0].addresses:": func(z *v1alpha1.Zone) { z.Spec.Nameservers[0].Addresses = []string{"192.0.2"} },
	}
	for says, change := range tests {
		w := &world{t: t, in: good.in}
		w.in.Zones = []*v1alpha1.Zone{good.in.Zones[0].DeepCopy()}
		change(w.in.Zones[0])
		out := hub.Plan(w.in)
		if len(out.Zones) != 1 || out.Publish || out.Refused != nil {
			t.Fatalf("%s: wrote\n%s", says, describe(out))
		}
		c := meta.FindStatusCondition(out.Zones[0].Status.Conditions, v1alpha1.ConditionAccepted)
		if c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonInvalidZone || !strings.Contains(c.Message, says) {
			t.Errorf("%s: condition %+v", says, c)
		}
	}
	glue := "ns1.edge.example.\t3600\tIN\tA\t192.0.2.53"
	if records := good.in.Current.Zones[0].Records; !slices.Contains(records, glue) || len(records) != 3 {
		t.Errorf("records %q", records)
	}
}

// TestGuards: without a decision behind it, a map that empties names is not published.
func TestGuards(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.in.Zones, w.in.Exports = nil, nil // nothing remembers chat but the map
	if out := hub.Plan(w.in); out.Publish || out.Refused == nil {
		t.Errorf("without a zone it published\n%s", describe(out))
	}
}

func TestReasonsEnd(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.in.Deployments = nil
	w.pass()
	if len(w.in.State.Reasons) == 0 {
		t.Fatal("no reasons")
	}
	w.wait(25*time.Hour, "fra", "pek", "iad")
	w.pass()
	if len(w.in.State.Reasons) != 0 {
		t.Errorf("a day later: %v", w.in.State.Reasons)
	}
}

// TestLoadBalancerSeesFewer: a replica counts once Kubernetes calls it ready and the load balancer has it up.
func TestLoadBalancerSeesFewer(t *testing.T) {
	count := func(n int64) *signal.Load { return &signal.Load{ServersUp: &n} }
	tests := []struct {
		name string
		load *signal.Load
		want gslb.MilliRPS // of three ready replicas: two of 12/s, one of 19/s
	}{
		{"no load balancer was read", nil, 43_000},
		{"not measured", &signal.Load{}, 43_000},
		{"all", count(3), 43_000},
		{"fewer", count(2), 24_000},
		{"one", count(1), 12_000},
		{"none", count(0), 0},
		{"more than are ready", count(7), 43_000},
		{"nonsense", count(-1), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.scale(9)
			w.settle("fra", "pek", "iad")
			fromFra := &w.in.Reports["fra"].Report.Services[0]
			fromFra.Accelerators, fromFra.Load = map[string]int{"nvidia-l4": 1}, test.load
			w.pass()
			fra := w.in.Current.Services[0].Endpoints[0]
			if fra.Site != "fra" || fra.Capacity != test.want {
				t.Errorf("%s has %v, want fra with %v", fra.Site, fra.Capacity, test.want)
			}
			if got := w.reason("chat", "Ready"); got != v1alpha1.ReasonReady {
				t.Errorf("Ready is %s", got)
			}
			w.wait(11*time.Second, "pek", "iad") // fra is silent: it keeps what it carried
			w.pass()
			if now := w.in.Current.Services[0].Endpoints[0]; now.Capacity != test.want {
				t.Errorf("once fra is silent it has %v, want %v", now.Capacity, test.want)
			}
		})
	}
}
