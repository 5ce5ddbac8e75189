package hub_test

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// world is the hub's surroundings in memory: it holds the inputs, and applies outputs to them as the shell would.
type world struct {
	t    *testing.T
	in   hub.Inputs
	last hub.Outputs
	log  strings.Builder
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, in: hub.Inputs{Now: noon, Since: noon.Add(-time.Hour), Reports: map[gslb.SiteID]hub.SiteObservation{},
		Servers: map[string]hub.ServerObservation{}, Work: map[gslb.SiteID]hub.SiteWork{}}}
	data, err := os.ReadFile("testdata/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range strings.Split(string(data), "\n---\n") {
		w.load(document)
	}
	return w
}

// load adds an object in YAML.
func (w *world) load(document string) {
	w.t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, appsv1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			w.t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	object, _, err := decoder.Decode([]byte(document), nil, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	switch o := object.(type) {
	case *v1alpha1.Site:
		w.in.Sites = append(w.in.Sites, o)
	case *v1alpha1.Zone:
		w.in.Zones = append(w.in.Zones, o)
	case *v1alpha1.EdgePlacement:
		w.in.Placements = append(w.in.Placements, o)
	case *v1alpha1.SteeringPolicy:
		w.in.Policies = append(w.in.Policies, o)
	case *v1alpha1.TrafficShift:
		w.in.Shifts = append(w.in.Shifts, o)
	case *appsv1.Deployment:
		w.in.Deployments = append(w.in.Deployments, o)
	case *appsv1.StatefulSet:
		w.in.StatefulSets = append(w.in.StatefulSets, o)
	case *corev1.Service:
		w.in.Services = append(w.in.Services, o)
	default:
		w.t.Fatalf("no place for %T", object)
	}
}

func (w *world) site(name string) *v1alpha1.Site {
	i := slices.IndexFunc(w.in.Sites, func(s *v1alpha1.Site) bool { return s.Name == name })
	return w.in.Sites[i]
}

func (w *world) chat() *appsv1.Deployment {
	i := slices.IndexFunc(w.in.Deployments, func(d *appsv1.Deployment) bool { return d.Name == "chat" })
	return w.in.Deployments[i]
}

func (w *world) annotate(key, value string) {
	w.chat().Annotations[key] = value
}

func (w *world) scale(n int32) {
	d := w.chat()
	d.Spec.Replicas, d.Generation = &n, d.Generation+1
}

// export is the DomainExport of that name in namespace shop; nil if there is none.
func (w *world) export(name string) *v1alpha1.DomainExport {
	for _, e := range w.in.Exports {
		if e.Name == name {
			return e
		}
	}
	return nil
}

var siteAddress = map[string]string{"fra": "192.0.2.30", "pek": "192.0.2.1", "iad": "192.0.2.60"}

// run makes the sites run what their inventory lists, and report it; all of it is ready.
func (w *world) run(sites ...string) {
	for _, name := range sites {
		id := gslb.SiteID(name)
		r := signal.SiteReport{Version: signal.Version, Site: id, SampledAt: w.in.Now, Work: max(w.in.Work[id].Inventory.Revision, 1)}
		for _, e := range w.in.Exports {
			for _, s := range e.Status.Sites {
				if s.Site == name {
					r.Services = append(r.Services, signal.ServiceReport{
						Workload:        e.Namespace + "/" + e.Spec.Workload.Kind + "/" + e.Spec.Workload.Name,
						DesiredReplicas: int(s.DesiredReplicas), ReadyReplicas: int(s.DesiredReplicas),
						Addresses: []netip.Addr{netip.MustParseAddr(siteAddress[name])},
					})
				}
			}
		}
		w.in.Reports[id] = hub.SiteObservation{Report: r, Received: w.in.Now}
	}
}

// serve makes name servers take the head.
func (w *world) serve(names ...string) {
	for _, name := range names {
		w.in.Servers[name] = hub.ServerObservation{Received: w.in.Now, Report: signal.NameServerReport{
			Version: signal.Version, Name: name, Generation: w.in.Head.Generation, MapDigest: string(w.in.Head.Digest)}}
	}
}

// wait lets time pass; the listed sites and all name servers go on reporting.
func (w *world) wait(d time.Duration, sites ...string) {
	w.in.Now = w.in.Now.Add(d)
	for _, name := range sites {
		o := w.in.Reports[gslb.SiteID(name)]
		o.Received = w.in.Now
		w.in.Reports[gslb.SiteID(name)] = o
	}
	for name, o := range w.in.Servers {
		o.Received = w.in.Now
		w.in.Servers[name] = o
	}
}

// pass plans once and applies what comes out.
func (w *world) pass() hub.Outputs {
	w.t.Helper()
	out := hub.Plan(w.in)
	w.last = out
	w.apply(out)
	return out
}

// settle passes until nothing changes, with sites and name servers following, and reports an error if it never ends.
func (w *world) settle(sites ...string) {
	w.t.Helper()
	for range 10 {
		out := w.pass()
		w.run(sites...)
		w.serve("ns1", "ns2")
		if len(out.Exports)+len(out.Policies)+len(out.Work)+len(out.Deployments)+len(out.Notes)+len(out.Events) == 0 && !out.Publish {
			return
		}
	}
	w.t.Errorf("the hub does not settle; the last pass wrote %s", describe(w.last))
}

func (w *world) apply(out hub.Outputs) {
	generation := w.in.NextGeneration()
	for _, x := range out.Exports {
		o := x.Object.DeepCopy()
		if o.UID == "" {
			o.UID, o.CreationTimestamp = types.UID("x-"+o.Name), metav1.NewTime(w.in.Now)
		}
		w.in.Exports = append(slices.DeleteFunc(w.in.Exports, func(e *v1alpha1.DomainExport) bool { return e.Name == o.Name && e.Namespace == o.Namespace }), o)
	}
	for _, gone := range out.Retired {
		w.in.Exports = slices.DeleteFunc(w.in.Exports, func(e *v1alpha1.DomainExport) bool { return e == gone })
	}
	for _, s := range out.Sites {
		*w.site(s.Name) = *s
	}
	for _, s := range out.Shifts {
		i := slices.IndexFunc(w.in.Shifts, func(have *v1alpha1.TrafficShift) bool { return have.Name == s.Name && have.Namespace == s.Namespace })
		w.in.Shifts[i] = s
	}
	for _, z := range out.Zones {
		i := slices.IndexFunc(w.in.Zones, func(have *v1alpha1.Zone) bool { return have.Name == z.Name })
		w.in.Zones[i] = z
	}
	for _, p := range out.Policies {
		i := slices.IndexFunc(w.in.Policies, func(have *v1alpha1.SteeringPolicy) bool { return have.Name == p.Name && have.Namespace == p.Namespace })
		w.in.Policies[i] = p
	}
	for _, d := range out.Deployments {
		for _, have := range w.in.Deployments {
			if have.Name == d.Name && have.Namespace == d.Namespace {
				have.Status = d.Status
			}
		}
	}
	for _, s := range out.Services {
		for _, have := range w.in.Services {
			if have.Name == s.Name && have.Namespace == s.Namespace {
				have.Status = s.Status
			}
		}
	}
	w.applyNotes(out.Notes)
	for id, work := range out.Work {
		since := map[string]uint64{}
		for key := range work.Inventory.Bundles {
			since[key] = w.in.Work[id].Since[key]
		}
		for key := range work.Put {
			since[key] = work.Inventory.Revision
		}
		w.in.Work[id] = hub.SiteWork{Inventory: work.Inventory, Since: since}
	}
	w.in.State = out.State
	if out.Publish {
		data, err := out.Map.Encode()
		if err != nil {
			w.t.Fatal(err)
		}
		w.in.State.Generation = generation
		w.in.Head = w.in.NextHead(w.in.State, data)
		w.in.Current = out.Map
	}
}

func (w *world) applyNotes(notes []hub.Note) {
	set := func(kind string, meta *metav1.ObjectMeta) {
		for _, n := range notes {
			if n.Kind == kind && n.Name == meta.Name && n.Namespace == meta.Namespace {
				metav1.SetMetaDataAnnotation(meta, export.AnnotationStatus, n.Text)
			}
		}
	}
	for _, d := range w.in.Deployments {
		set("Deployment", &d.ObjectMeta)
	}
	for _, s := range w.in.StatefulSets {
		set("StatefulSet", &s.ObjectMeta)
	}
	for _, s := range w.in.Services {
		set("Service", &s.ObjectMeta)
	}
}

// describe writes outputs for people and golden files.
func describe(out hub.Outputs) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	if out.Hold != "" {
		line("hold: %s", out.Hold)
	}
	for _, e := range out.Exports {
		line("export %s/%s spec=%v status=%v", e.Object.Namespace, e.Object.Name, e.Spec, e.Status)
		for _, c := range e.Object.Status.Conditions {
			line("  %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
		}
		for _, s := range e.Object.Status.Sites {
			line("  %s %d/%d %s/s %v %s", s.Site, s.ReadyReplicas, s.DesiredReplicas, s.Capacity.String(), s.Addresses, s.Message)
		}
		line("  sites %s, map %d", e.Object.Status.ReadySites, e.Object.Status.MapGeneration)
	}
	for _, e := range out.Retired {
		line("retire %s/%s", e.Namespace, e.Name)
	}
	for _, p := range out.Policies {
		c := p.Status.Conditions[0]
		line("policy %s/%s %s=%s %s: %s", p.Namespace, p.Name, c.Type, c.Status, c.Reason, c.Message)
	}
	for _, d := range out.Deployments {
		s := d.Status
		line("deployment %s: observed %d, replicas %d, updated %d, ready %d, available %d", d.Name, s.ObservedGeneration, s.Replicas, s.UpdatedReplicas, s.ReadyReplicas, s.AvailableReplicas)
	}
	for _, n := range out.Notes {
		line("note %s %s/%s: %s", n.Kind, n.Namespace, n.Name, n.Text)
	}
	var ids []string
	for id := range out.Work {
		ids = append(ids, string(id))
	}
	sort.Strings(ids)
	for _, id := range ids {
		w := out.Work[gslb.SiteID(id)]
		line("work %s: revision %d, %d bundles, %d put, removed %v", id, w.Inventory.Revision, len(w.Inventory.Bundles), len(w.Put), w.Remove)
	}
	describeMap(out, line)
	for _, e := range out.Events {
		line("event %s %s %s: %s", e.Object.Kind, e.Type, e.Reason, e.Message)
	}
	return b.String()
}

func describeMap(out hub.Outputs, line func(string, ...any)) {
	if out.Refused != nil {
		line("map refused: %v", out.Refused)
	}
	if !out.Publish {
		return
	}
	for _, s := range out.Map.Services {
		line("map %s %v ttl=%v %s asleep=%v", s.Name, s.Aliases, s.TTL, s.Steering.Method, s.Asleep)
		if p := s.Steering; p.OnAllUnhealthy != plan.AnswerAll || p.MinSites > 0 {
			line("  when all are unhealthy %s %v, at least %d sites", p.OnAllUnhealthy, p.Fallback, p.MinSites)
		}
		for _, e := range s.Endpoints {
			var addresses []string
			for _, a := range e.Addresses {
				addresses = append(addresses, fmt.Sprintf("{%s %s}", a.Addr, a.Line))
			}
			line("  %s %v/s drained=%v %v", e.Site, e.Capacity, e.Drained, addresses)
		}
	}
	for _, r := range out.State.Reasons {
		line("reason %s %s", r.Kind, r.Subject)
	}
}
