package hub_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

const otherZone = `
apiVersion: tidegate.dev/v1alpha1
kind: Zone
metadata: {name: other.example, uid: z2, creationTimestamp: "2026-05-01T09:00:00Z"}
spec: {export: true, nameservers: [{name: ns1.edge.example}]}`

// zoneCondition is the condition Accepted of a Zone.
func (w *world) zoneCondition(name string) metav1.Condition {
	for _, z := range w.in.Zones {
		if c := meta.FindStatusCondition(z.Status.Conditions, v1alpha1.ConditionAccepted); z.Name == name && c != nil {
			return *c
		}
	}
	return metav1.Condition{}
}

// warnings passes a few times and returns the messages of Warning Events with a reason.
func (w *world) warnings(reason string) (messages []string) {
	for range 4 {
		for _, e := range w.pass().Events {
			if e.Reason == reason && e.Type == "Warning" {
				messages = append(messages, e.Message)
			}
		}
	}
	return messages
}

// TestZoneIsDeleted: what was exported in it is served on and says so, and others go on as if nothing had happened.
func TestZoneIsDeleted(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.in.Zones = nil
	w.load(otherZone)
	const says = "zone edge.example, which this name was exported in, is gone: create it again or remove the export"
	if got := w.warnings(v1alpha1.ReasonZoneMissing); len(got) != 1 || got[0] != says {
		t.Errorf("Warning Events %q", got)
	}
	if got := w.export("chat").Status; got.CanonicalName != "chat.shop.edge.example." || len(got.Claims) != 2 {
		t.Errorf("status %+v", got)
	}
	c := meta.FindStatusCondition(w.export("chat").Status.Conditions, v1alpha1.ConditionVerified)
	if c.Message != "add to the domain's zone: chat.example.com. CNAME chat.shop.edge.example." || w.reason("chat", "Ready") != v1alpha1.ReasonReady {
		t.Errorf("it is %s and says %q", w.reason("chat", "Ready"), c.Message)
	}
	w.load(deployment("web", "web", "tidegate.dev/domain", "www.other.example"))
	w.settle("fra", "pek", "iad")
	for _, name := range []gslb.Name{"chat.edge.example.", "chat.shop.edge.example.", "www.other.example.", "web.shop.other.example."} {
		if !w.serves(name) {
			t.Errorf("%s is not served", name)
		}
	}
	retired := plan.Reason{Kind: plan.ReasonRetired, Subject: "edge.example."}
	if slices.Contains(w.in.State.Plain(), retired) {
		t.Errorf("%v, though it is served on", retired)
	}
	w.in.Deployments = w.in.Deployments[1:]
	w.settle("fra", "pek", "iad")
	if zones := w.in.Current.Zones; len(zones) != 1 || w.serves("chat.edge.example.") || !w.serves("www.other.example.") || !slices.Contains(w.in.Head.Reasons, retired) {
		t.Errorf("after the export is removed: zones %v, reasons %v", zones, w.in.Head.Reasons)
	}
}

// TestZoneAndMapAreLost: without the map there is no zone to serve on, but the name is remembered.
func TestZoneAndMapAreLost(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.in.Zones, w.in.Current = nil, nil
	w.load(otherZone)
	w.pass()
	if out := w.pass(); out.Refused != nil || len(w.in.Current.Services) != 0 || w.export("chat").Status.CanonicalName != "chat.shop.edge.example." {
		t.Errorf("wrote\n%s", describe(out))
	}
	if got := w.reason("chat", "Programmed"); got != v1alpha1.ReasonZoneMissing {
		t.Errorf("Programmed is %s", got)
	}
}

// TestExportMarkIsTakenAway: the names stay in the zone that they are in.
func TestExportMarkIsTakenAway(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.in.Zones[0].Spec.Export = false
	w.settle("fra", "pek", "iad")
	if got := w.reason("chat", "Accepted"); got != v1alpha1.ReasonNoExportZone || !w.serves("chat.shop.edge.example.") || w.last.Refused != nil {
		t.Errorf("it is %s, and the map is refused: %v", got, w.last.Refused)
	}
}

// TestAliasInAZoneThatIsGone: the domain is served until its owner takes it away.
func TestAliasInAZoneThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.load(otherZone)
	w.in.Zones[1].Spec.Export = false
	w.annotate("tidegate.dev/domain", "chat.edge.example,www.other.example")
	w.settle("fra", "pek", "iad")
	w.in.Zones = w.in.Zones[:1]
	w.settle("fra", "pek", "iad")
	if got := w.reason("chat", "Accepted"); got != v1alpha1.ReasonZoneMissing || !w.serves("www.other.example.") {
		t.Errorf("it is %s", got)
	}
	w.annotate("tidegate.dev/domain", "chat.edge.example")
	w.settle("fra", "pek", "iad")
	if w.reason("chat", "Accepted") != v1alpha1.ReasonAccepted || w.serves("www.other.example.") || len(w.in.Current.Zones) != 1 {
		t.Errorf("it is %s: %+v", w.reason("chat", "Accepted"), w.in.Current)
	}
}

// TestRefusedMapIsToldOnce: whoever waits for a map that is refused gets one Warning.
func TestRefusedMapIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.load(deployment("bad", "bad", "tidegate.dev/ttl", "never"))
	w.settle("fra", "pek", "iad")
	current := *w.in.Current
	lost := current.Services[0]
	lost.Name, lost.Aliases, lost.Owner = "bad.shop.edge.example.", nil, "shop/bad"
	current.Services = append([]plan.Service{lost}, current.Services...)
	w.in.Current = &current
	w.annotate("tidegate.dev/ttl", "60")
	got := w.warnings(v1alpha1.ReasonMapRefused)
	if len(got) != 1 || !strings.Contains(got[0], "bad.shop.edge.example.") {
		t.Errorf("Warning Events %q, the map is refused: %v", got, w.last.Refused)
	}
}

func TestApexNamespace(t *testing.T) {
	w := newWorld(t)
	w.load(deployment("web", "web", "tidegate.dev/domain", "edge.example"))
	w.settle("fra", "pek", "iad")
	c := meta.FindStatusCondition(w.export("web").Status.Conditions, v1alpha1.ConditionAccepted)
	if w.serves("edge.example.") || !strings.Contains(c.Message, "only if Zone edge.example names it in spec.apexNamespace") {
		t.Errorf("it is %s: %s", c.Reason, c.Message)
	}
	w.in.Zones[0].Spec.ApexNamespace = "shop"
	w.settle("fra", "pek", "iad")
	if got := w.reason("web", "Accepted"); got != v1alpha1.ReasonAccepted || !w.serves("edge.example.") {
		t.Errorf("named by the zone: %s", got)
	}
}

func TestSecondExportZoneIsIgnored(t *testing.T) {
	w := newWorld(t)
	w.load(otherZone)
	w.settle("fra", "pek", "iad")
	c := w.zoneCondition("other.example")
	if c.Status != metav1.ConditionTrue || c.Reason != v1alpha1.ReasonExportIgnored || !strings.Contains(c.Message, "Zone edge.example") {
		t.Errorf("the younger zone: %+v", c)
	}
	if got := w.zoneCondition("edge.example"); got.Reason != v1alpha1.ReasonAccepted {
		t.Errorf("the older zone: %+v", got)
	}
}

func TestNameServerWithoutAddress(t *testing.T) {
	w := newWorld(t)
	w.load(strings.Replace(otherZone, "ns1.edge.example", "ns1.other.example", 1))
	w.in.Zones[0].Spec.Nameservers[0].Addresses = nil
	out := w.pass()
	c := w.zoneCondition("other.example")
	if c.Reason != v1alpha1.ReasonNoGlue || !strings.Contains(c.Message, "ns1.other.example.") || len(out.Map.Zones) != 0 {
		t.Errorf("%+v, zones %v", c, out.Map.Zones)
	}
	w.in.Zones[1].Spec.Records = []string{"ns1 300 IN A 192.0.2.53"}
	w.pass()
	if c := w.zoneCondition("other.example"); c.Status != metav1.ConditionTrue {
		t.Errorf("with a static record: %+v", c)
	}
	w = newWorld(t)
	w.settle("fra", "pek", "iad")
	w.in.Zones[0].Spec.Nameservers[0].Addresses = nil
	if out := w.pass(); out.Publish || w.zoneCondition("edge.example").Reason != v1alpha1.ReasonNoGlue || len(hub.Plan(w.in).Map.Zones) != 1 {
		t.Errorf("a zone that is served already: %s", describe(out))
	}
}

// TestZoneLeavesTheMap: a zone without exports goes once its owner took the object away, and the head says why.
func TestZoneLeavesTheMap(t *testing.T) {
	const renamed = `
apiVersion: tidegate.dev/v1alpha1
kind: Zone
metadata: {name: new.example, uid: z3, creationTimestamp: "2026-05-01T09:30:00Z"}
spec: {nameservers: [{name: ns1.edge.example}]}`
	retired := plan.Reason{Kind: plan.ReasonRetired, Subject: "other.example."}
	for name, c := range map[string]struct {
		change func(*world)
		served bool // other.example.
		says   bool
	}{
		"nothing changes":    {func(*world) {}, true, false},
		"deleted":            {func(w *world) { w.in.Zones = w.in.Zones[:1] }, false, true},
		"renamed":            {func(w *world) { w.in.Zones = w.in.Zones[:1]; w.load(renamed) }, false, true},
		"a record is wrong":  {func(w *world) { w.in.Zones[1].Spec.Records = []string{"www 300 IN A nowhere"} }, true, false},
		"no glue":            {func(w *world) { w.in.Zones[1].Spec.Nameservers[0].Name = "ns1.other.example" }, true, false},
		"deleted, came back": {func(w *world) { w.in.Zones = w.in.Zones[:1]; w.pass(); w.load(otherZone) }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.load(otherZone)
			w.settle("fra", "pek", "iad")
			c.change(w)
			w.settle("fra", "pek", "iad")
			served := slices.ContainsFunc(w.in.Current.Zones, func(z plan.Zone) bool { return z.Name == "other.example." })
			if says := slices.Contains(w.in.Head.Reasons, retired); served != c.served || says != c.says || w.last.Refused != nil {
				t.Errorf("served %v, reasons %v, refused: %v", served, w.in.Head.Reasons, w.last.Refused)
			}
		})
	}
}

// TestWrongZoneAndMapAreLost: with the map lost, what the zone was is known to the name servers alone, and they keep it.
func TestWrongZoneAndMapAreLost(t *testing.T) {
	w := newWorld(t)
	w.load(otherZone)
	w.settle("fra", "pek", "iad")
	served := w.in.Current
	w.in.Current = nil
	w.in.Zones[1].Spec.Records = []string{"www 300 IN A nowhere"}
	w.settle("fra", "pek", "iad")
	if err := plan.Accept(served, w.in.Current, w.in.Head.Reasons); !errors.Is(err, plan.ErrEmptied) || !strings.Contains(err.Error(), "other.example.") {
		t.Errorf("a name server would say %v, want that zone other.example. is missing", err)
	}
}
