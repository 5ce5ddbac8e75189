package hub_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/cname"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/signal"
)

// told lists the Events of a reason over the next passes.
func (w *world) told(reason string) (messages []string) {
	for range 4 {
		for _, e := range w.pass().Events {
			if e.Reason == reason {
				messages = append(messages, e.Message)
			}
		}
	}
	return messages
}

// TestVerified is the life of a domain outside our zones, as look-ups see it.
func TestVerified(t *testing.T) {
	const domain, canonical, elsewhere = gslb.Name("chat.example.com."), gslb.Name("chat.shop.edge.example."), gslb.Name("cdn.example.net.")
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	if want := []cname.Link{{Domain: domain, Canonical: canonical}}; !slices.Equal(w.last.Links, want) {
		t.Errorf("it wants to know of %v, want %v", w.last.Links, want)
	}
	steps := []struct {
		name    string
		leadsTo map[gslb.Name]gslb.Name
		reason  string
		events  int
	}{
		{"not looked up yet", nil, v1alpha1.ReasonAwaitingCNAME, 0},
		{"leads elsewhere", map[gslb.Name]gslb.Name{domain: elsewhere}, v1alpha1.ReasonAwaitingCNAME, 0},
		{"leads here", map[gslb.Name]gslb.Name{domain: canonical}, v1alpha1.ReasonCNAMEFound, 1},
		{"a new leader has not looked yet", nil, v1alpha1.ReasonCNAMEFound, 0},
		{"lost", map[gslb.Name]gslb.Name{domain: elsewhere}, v1alpha1.ReasonAwaitingCNAME, 1},
		{"a new leader does not know that it was found once", nil, v1alpha1.ReasonAwaitingCNAME, 0},
		{"found again", map[gslb.Name]gslb.Name{domain: canonical}, v1alpha1.ReasonCNAMEFound, 1},
	}
	for _, step := range steps {
		w.in.LeadsTo = step.leadsTo
		told := w.told(step.reason)
		if got := w.reason("chat", v1alpha1.ConditionVerified); got != step.reason || len(told) != step.events {
			t.Errorf("%s: %s and %d Events, want %s and %d", step.name, got, len(told), step.reason, step.events)
		}
	}
	// another domain was never answered: what is known of the first says nothing of it
	w.in.LeadsTo = nil
	w.annotate(export.AnnotationDomain, "chat.example.com,talk.example.com")
	w.pass()
	c := meta.FindStatusCondition(w.export("chat").Status.Conditions, v1alpha1.ConditionVerified)
	if c.Status != metav1.ConditionFalse || strings.Contains(c.Message, string(domain)) || !strings.Contains(c.Message, "talk.example.com. CNAME") {
		t.Errorf("with another domain: %s %q", c.Status, c.Message)
	}
}

// TestVerifiedForOneOfTwo: a domain that two exports name is verified for the one that it leads to.
func TestVerifiedForOneOfTwo(t *testing.T) {
	w := newWorld(t)
	w.load(deployment("web", "web", "tidegate.dev/domain", "chat.example.com"))
	w.in.LeadsTo = map[gslb.Name]gslb.Name{"chat.example.com.": "web.shop.edge.example."}
	w.settle("fra", "pek", "iad")
	chat, web := w.reason("chat", v1alpha1.ConditionVerified), w.reason("web", v1alpha1.ConditionVerified)
	if chat != v1alpha1.ReasonAwaitingCNAME || web != v1alpha1.ReasonCNAMEFound {
		t.Errorf("chat is %s, web %s", chat, web)
	}
}

// TestConflictFromBirthIsToldOnce: one Warning, which stays true.
func TestConflictFromBirthIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.load(deployment("thief", "thief", "tidegate.dev/domain", "chat.edge.example"))
	told := w.warnings(v1alpha1.ReasonHostnameConflict)
	if want := []string{"chat.edge.example. belongs to shop/chat; its other names are served"}; !slices.Equal(told, want) {
		t.Errorf("Warning Events %q, want %q", told, want)
	}
}

// TestNote is the one line that kubectl describe shows on the annotated object.
func TestNote(t *testing.T) {
	const ready = "Ready: 3/3 replicas ready at 3/3 sites as chat.shop.edge.example."
	const record = "; AwaitingCNAME: add to the domain's zone: chat.example.com. CNAME chat.shop.edge.example."
	const wrong = `InvalidAnnotation: annotation tidegate.dev/steering: "Random!" is wrong: want proximity, weighted, failover, or the name of a SteeringPolicy of this namespace; ` +
		"the settings in force stay as they are until then. "
	tests := []struct {
		name   string
		change func(*world)
		want   string
	}{
		{"a domain elsewhere", func(*world) {}, ready + record},
		{"its record is there", func(w *world) {
			w.in.LeadsTo = map[gslb.Name]gslb.Name{"chat.example.com.": "chat.shop.edge.example."}
		}, ready},
		{"a wrong annotation", func(w *world) { w.annotate(export.AnnotationSteering, "Random!") }, wrong + ready + record},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.settle("fra", "pek", "iad")
			test.change(w)
			w.pass()
			if got := w.chat().Annotations[export.AnnotationStatus]; got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestStatusCountsWhatIsUp: a site whose load balancer has no server up gets no clients, and tidegate status says so.
func TestStatusCountsWhatIsUp(t *testing.T) {
	none, one := int64(0), int64(1)
	tests := []struct {
		title  string
		change func(*world)
		// fra and all are the replicas that are up there and everywhere, sites where any is.
		fra, all int
		sites    string
	}{
		{"all up", func(w *world) { w.in.Reports["fra"].Report.Services[0].Load = &signal.Load{ServersUp: &one} }, 1, 3, "3/3"},
		{"not said", func(*world) {}, 1, 3, "3/3"},
		{"no server up", func(w *world) { w.in.Reports["fra"].Report.Services[0].Load = &signal.Load{ServersUp: &none} }, 0, 2, "2/3"},
		{"no server up, and then a new leader that has not heard the site", func(w *world) {
			w.in.Reports["fra"].Report.Services[0].Load = &signal.Load{ServersUp: &none}
			w.pass()
			delete(w.in.Reports, "fra")
		}, 0, 2, "2/3"},
		{"its Site is gone", func(w *world) { w.in.Sites = w.in.Sites[1:] }, 1, 2, "2/3"},
	}
	for _, test := range tests {
		t.Run(test.title, func(t *testing.T) {
			w := newWorld(t)
			w.settle("fra", "pek", "iad")
			test.change(w)
			s := hub.StatusOf(w.in, hub.Outputs{})
			site, name := s.Sites[0], s.Names[0]
			if site.UpReplicas != test.fra || site.ReadyReplicas != 1 || site.DesiredReplicas != 1 {
				t.Errorf("%s has %d up of %d ready of %d, want %d up", site.Name, site.UpReplicas, site.ReadyReplicas, site.DesiredReplicas, test.fra)
			}
			if name.UpReplicas != test.all || name.Sites != test.sites || name.Ready != "Ready" {
				t.Errorf("%+v, want %d up at %s sites", name, test.all, test.sites)
			}
		})
	}
}

// TestLoadBalancerService: a Service of that type is pending until its status has an ingress.
func TestLoadBalancerService(t *testing.T) {
	ours := []corev1.LoadBalancerIngress{{Hostname: "front.shop.edge.example"}}
	others := []corev1.LoadBalancerIngress{{IP: "192.0.2.99"}}
	class := "example.org/metal"
	retire := func(s *corev1.Service) { delete(s.Annotations, export.AnnotationHostname) }
	tests := []struct {
		name         string
		before, then func(*corev1.Service) // the Service, and what happens to it once it is exported
		want         []corev1.LoadBalancerIngress
	}{
		{"exported", func(*corev1.Service) {}, func(*corev1.Service) {}, ours},
		{"exported no longer", func(*corev1.Service) {}, retire, nil},
		{"another zone's name from before", func(s *corev1.Service) {
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "front.shop.old.example"}}
		}, func(*corev1.Service) {}, ours},
		{"another load balancer has it", func(s *corev1.Service) { s.Status.LoadBalancer.Ingress = others }, retire, others},
		{"another load balancer took it over", func(*corev1.Service) {}, func(s *corev1.Service) { s.Status.LoadBalancer.Ingress = others }, others},
		{"of a class", func(s *corev1.Service) { s.Spec.LoadBalancerClass = &class }, func(*corev1.Service) {}, nil},
		{"of another type", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP }, func(*corev1.Service) {}, nil},
		{"wrong annotations", func(s *corev1.Service) { s.Annotations[export.AnnotationTTL] = "soon" }, func(*corev1.Service) {}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.load(service)
			w.load(deployment("web", "web", "", ""))
			s := w.in.Services[0]
			s.Spec.Type = corev1.ServiceTypeLoadBalancer
			test.before(s)
			w.settle("fra", "pek", "iad")
			test.then(s)
			w.settle("fra", "pek", "iad")
			if got := s.Status.LoadBalancer.Ingress; !slices.Equal(ingressTexts(got), ingressTexts(test.want)) {
				t.Errorf("it has %v, want %v", got, test.want)
			}
			if out := w.pass(); len(out.Services) > 0 {
				t.Errorf("it is written again: %+v", out.Services[0].Status)
			}
		})
	}
}

func ingressTexts(list []corev1.LoadBalancerIngress) (texts []string) {
	for _, i := range list {
		texts = append(texts, i.IP+" "+i.Hostname)
	}
	return texts
}
