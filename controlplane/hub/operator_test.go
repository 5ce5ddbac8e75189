package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/shift"
	"tidegate.dev/tidegate/gslb/signal"
)

// siteSays is a site's condition as "status/reason", "" if it has none, and the last pass' Events about the site.
func (w *world) siteSays(name, condition string) (says string, events []string) {
	if c := meta.FindStatusCondition(w.site(name).Status.Conditions, condition); c != nil {
		says = string(c.Status) + "/" + c.Reason
	}
	for _, e := range w.last.Events {
		if e.Object.Kind == "Site" && e.Object.Name == name {
			events = append(events, e.Type+"/"+e.Reason+": "+e.Message)
		}
	}
	return says, events
}

func (w *world) endpoint(site gslb.SiteID) plan.Endpoint {
	list := w.in.Current.Services[0].Endpoints
	return list[slices.IndexFunc(list, func(e plan.Endpoint) bool { return e.Site == site })]
}

func force(state string, until time.Time) *v1alpha1.ForcedHealth {
	f := &v1alpha1.ForcedHealth{State: state, Reason: "power", By: "ada"}
	if !until.IsZero() {
		t := metav1.NewTime(until)
		f.Until = &t
	}
	return f
}

// TestForcedDown: the site is out of the map at once and explained there, keeps its workloads and gets no new ones, and is back
// once the word has expired.
func TestForcedDown(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.in.Measured = map[gslb.SiteID]hub.MeasuredHealth{"fra": {Up: 1}}
	w.site("fra").Spec.Forced = force("down", w.in.Now.Add(time.Minute))
	out := w.pass()
	if !out.Publish || !w.endpoint("fra").Drained || w.endpoint("iad").Drained {
		t.Errorf("wrote\n%s", describe(out))
	}
	if want := (plan.Reason{Kind: plan.ReasonSiteDrained, Subject: "fra"}); !slices.Contains(w.in.State.Plain(), want) {
		t.Errorf("reasons %v", w.in.State.Plain())
	}
	says, events := w.siteSays("fra", v1alpha1.ConditionHealthy)
	if want := []string{"Normal/ForcedDown: forced down until 2026-05-01T12:01:00Z by ada: power"}; says != "False/ForcedDown" || !slices.Equal(events, want) {
		t.Errorf("%s, %q", says, events)
	}
	h := w.site("fra").Status.Health
	if h == nil || h.State != "down" || h.By != "operator" || h.Measured != "up" || h.Forced != "down" || h.Until == nil {
		t.Errorf("%+v", h)
	}
	w.scale(6)
	w.pass()
	if got := sharesOf(w.export("chat")); !strings.Contains(got, "fra 1/1 ") {
		t.Errorf("it has %s, want one at fra still", got)
	}
	if !slices.Contains(w.in.State.Plain(), plan.Reason{Kind: plan.ReasonSiteDrained, Subject: "fra"}) {
		t.Errorf("a pass later the reasons are %v", w.in.State.Plain())
	}
	w.wait(time.Minute, "fra", "pek", "iad")
	w.pass()
	says, events = w.siteSays("fra", v1alpha1.ConditionHealthy)
	if says != "True/MeasuredUp" || !slices.Equal(events, []string{"Normal/MeasuredUp: up"}) || w.endpoint("fra").Drained {
		t.Errorf("expired: %s, %q, %+v", says, events, w.endpoint("fra"))
	}
	if h := w.site("fra").Status.Health; h.State != "up" || h.By != "measured" || h.Forced != "" || h.Until != nil {
		t.Errorf("expired: %+v", h)
	}
	if slices.Contains(w.in.State.Plain(), plan.Reason{Kind: plan.ReasonSiteDrained, Subject: "fra"}) {
		t.Errorf("expired: reasons %v", w.in.State.Plain())
	}
}

// TestForcedUp: the map tells name servers to keep the site, though what is measured is against it; a drain stands above it.
func TestForcedUp(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.in.Measured = map[gslb.SiteID]hub.MeasuredHealth{"fra": {Down: []gslb.Name{"chat.shop.edge.example."}}}
	w.pass()
	says, events := w.siteSays("fra", v1alpha1.ConditionHealthy)
	if want := "Warning/MeasuredDown: 1 of 1 services are down: chat.shop.edge.example."; says != "False/MeasuredDown" || !slices.Equal(events, []string{want}) {
		t.Errorf("%s, %q", says, events)
	}
	w.site("fra").Spec.Forced = force("up", time.Time{})
	w.pass()
	if e := w.endpoint("fra"); !e.ForcedUp || e.Drained || w.endpoint("iad").ForcedUp {
		t.Errorf("%+v", e)
	}
	if h := w.site("fra").Status.Health; h.State != "up" || h.By != "operator" || h.Measured != "down" {
		t.Errorf("%+v", h)
	}
	s := hub.StatusOf(w.in, hub.Outputs{}).Sites[0]
	if want := "forced up by ada: power (measured 1 of 1 services are down: chat.shop.edge.example.)"; s.State() != want {
		t.Errorf("status says %q", s.State())
	}
	w.site("fra").Spec.Drained = true
	w.pass()
	if e := w.endpoint("fra"); !e.Drained {
		t.Errorf("drained: %+v", e)
	}
}

// TestHealthOfMany: what a site's health is called, and that a new leader leaves it until it knows.
func TestHealthOfMany(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	if says, _ := w.siteSays("fra", v1alpha1.ConditionHealthy); says != "" {
		t.Errorf("nothing was measured: %s", says)
	}
	w.in.Measured = map[gslb.SiteID]hub.MeasuredHealth{"fra": {Up: 1, Down: []gslb.Name{"a.", "b.", "c.", "d."}}}
	w.pass()
	c := meta.FindStatusCondition(w.site("fra").Status.Conditions, v1alpha1.ConditionHealthy)
	if c == nil || c.Status != metav1.ConditionTrue || c.Message != "4 of 5 services are down: a., b., c., ..." || w.site("fra").Status.Health.Measured != "mixed" {
		t.Errorf("%+v", c)
	}
	w.in.Measured = nil
	if out := w.pass(); len(out.Sites) > 0 || len(out.Events) > 0 {
		t.Errorf("a new leader wrote %+v\n%s", out.Sites, describe(out))
	}
}

// TestDrain: clients leave; it is over once nothing arrives and the answers of before have run out, and late after its deadline.
func TestDrain(t *testing.T) {
	load := func(w *world, rps, inFlight int64) {
		o := w.in.Reports["fra"]
		rate := gslb.MilliRPS(rps * 1000)
		o.Report.Services[0].Load = &signal.Load{Rate: &rate, InFlight: &inFlight}
		w.in.Reports["fra"] = o
	}
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	load(w, 12, 3)
	w.site("fra").Spec.Drained = true
	by := metav1.NewTime(w.in.Now.Add(2 * time.Minute))
	w.site("fra").Spec.DrainBy = &by
	for i, step := range []struct {
		after         time.Duration
		rps, inFlight int64
		says, event   string
		state         string
	}{
		{0, 12, 3, "False/Draining", "Normal/Draining: clients leave as their answers run out and their connections end; it must be over at 2026-05-01T12:02:00Z", "draining until 2026-05-01T12:02:00Z"},
		{20 * time.Second, 0, 0, "False/Draining", "", "draining until 2026-05-01T12:02:00Z"}, // an answer lives 30 s
		{20 * time.Second, 5, 1, "False/Draining", "", "draining until 2026-05-01T12:02:00Z"},
		{time.Minute, 3, 1, "False/Draining", "", "draining until 2026-05-01T12:02:00Z"},
		{30 * time.Second, 3, 1, "False/DrainOverdue", "Warning/DrainOverdue: the drain should have been over at 2026-05-01T12:02:00Z: 3 requests/s arrive, and 1 are under way: these clients keep answers or connections for longer", "draining, late since 2026-05-01T12:02:00Z"},
		{time.Minute, 4, 2, "False/DrainOverdue", "", "draining, late since 2026-05-01T12:02:00Z"},
		{time.Minute, 2, 0, "True/NoClients", "Normal/NoClients: no requests arrive, and none is under way", "drained, without clients"}, // 2/s are probes
		{time.Minute, 9, 9, "True/NoClients", "", "drained, without clients"},
	} {
		w.wait(step.after, "fra", "pek", "iad")
		load(w, step.rps, step.inFlight)
		w.pass()
		says, events := w.siteSays("fra", v1alpha1.ConditionDrained)
		if got := strings.Join(events, "\n"); says != step.says || got != step.event {
			t.Errorf("step %d: %s, %s\nwant %s, %s", i, says, got, step.says, step.event)
		}
		if got := hub.StatusOf(w.in, hub.Outputs{}).Sites[0].State(); got != step.state {
			t.Errorf("step %d: status says %q, want %q", i, got, step.state)
		}
		if !w.endpoint("fra").Drained {
			t.Fatalf("step %d: it was put back", i)
		}
	}
	w.site("fra").Spec.Drained, w.site("fra").Spec.DrainBy = false, nil
	w.pass()
	if says, _ := w.siteSays("fra", v1alpha1.ConditionDrained); says != "" || w.endpoint("fra").Drained {
		t.Errorf("taken back: %q", says)
	}
}

// TestDrainOfASilentSite: nothing is known, so that it is not over, and late in time.
func TestDrainOfASilentSite(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.site("fra").Spec.Drained = true
	by := metav1.NewTime(w.in.Now.Add(time.Minute))
	w.site("fra").Spec.DrainBy = &by
	w.pass()
	w.wait(2*time.Minute, "pek", "iad")
	w.pass()
	c := meta.FindStatusCondition(w.site("fra").Status.Conditions, v1alpha1.ConditionDrained)
	if c.Reason != v1alpha1.ReasonDrainOverdue || !strings.HasSuffix(c.Message, "how many clients are left is not known") {
		t.Errorf("%+v", c)
	}
}

func shiftObject(name, service, from, to string) string {
	return fmt.Sprintf("apiVersion: tidegate.dev/v1alpha1\nkind: TrafficShift\nmetadata: {name: %s, namespace: shop, uid: %s}\n"+
		"spec: {service: %s, from: %s, to: %s, percent: 50, reason: a test}", name, name, service, from, to)
}

// shiftsAccepted is why each shift is accepted or not.
func (w *world) shiftsAccepted() (list []string) {
	for _, s := range w.in.Shifts {
		c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionAccepted)
		list = append(list, s.Name+" "+c.Reason)
	}
	return list
}

// TestShiftsThatContradict: the first to begin has a source's part of a service, then the oldest; a site that one fills is not
// emptied by another. Who waited begins once the other is over.
func TestShiftsThatContradict(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	for _, o := range []string{shiftObject("a", "chat", "fra", "iad"), shiftObject("b", "chat.shop.edge.example", "fra", "pek"),
		shiftObject("c", "chat", "iad", "pek"), shiftObject("d", "chat", "pek", "fra"), shiftObject("e", "chat", "pek", "iad")} {
		w.load(o)
	}
	w.pass()
	want := []string{"a Accepted", "b ShiftConflict", "c ShiftConflict", "d ShiftConflict", "e Accepted"}
	if got := w.shiftsAccepted(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	c := meta.FindStatusCondition(w.in.Shifts[1].Status.Conditions, v1alpha1.ConditionAccepted)
	if want := "TrafficShift a moves chat.shop.edge.example. from fra to iad already: wait until it is over, or delete it"; c.Message != want {
		t.Errorf("b is refused since %q, want %q", c.Message, want)
	}
	if out := w.pass(); len(out.Shifts) > 0 || len(out.Events) > 0 {
		t.Errorf("a pass without news wrote\n%s", describe(out))
	}
	w.in.Shifts[1].CreationTimestamp, w.in.Shifts[0].CreationTimestamp = metav1.NewTime(noon), metav1.NewTime(noon.Add(time.Hour))
	w.pass()
	if got := w.shiftsAccepted(); got[0] != "a ShiftConflict" || got[1] != "b Accepted" {
		t.Errorf("b is older and none has begun: %v", got)
	}
	w.in.Shifted = map[types.UID]shift.State{"a": {Phase: shift.Moving, Percent: 10}}
	w.pass()
	if got := w.shiftsAccepted(); got[0] != "a Accepted" || got[1] != "b ShiftConflict" {
		t.Errorf("b is older and a has begun: %v", got)
	}
	w.in.Shifted = map[types.UID]shift.State{"a": {Phase: shift.Aborted}}
	w.pass()
	if got := w.shiftsAccepted(); got[0] != "a Accepted" || got[1] != "b Accepted" {
		t.Errorf("a is over: %v", got)
	}
}

// TestShiftsThatNameNothing: what is missing is told as a Warning, and heals by itself; another namespace's service is missing.
func TestShiftsThatNameNothing(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.load(shiftObject("a", "talk", "fra", "iad"))
	w.load(shiftObject("b", "chat", "fra", "lhr"))
	w.load(strings.Replace(shiftObject("c", "chat.shop.edge.example.", "pek", "iad"), "namespace: shop", "namespace: other", 1))
	w.pass()
	if got, want := w.shiftsAccepted(), []string{"a ServiceNotFound", "b SiteNotFound", "c ServiceNotFound"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var warned []string
	for _, e := range w.last.Events {
		if e.Object.Kind == "TrafficShift" && e.Type == "Warning" {
			warned = append(warned, e.Object.Name+": "+e.Message)
		}
	}
	if len(warned) != 3 || warned[2] != "b: there is no Site lhr" {
		t.Errorf("warned %q", warned)
	}
	w.load(deployment("talk", "talk", "tidegate.dev/domain", "talk.edge.example"))
	w.settle("fra", "pek", "iad")
	if got := w.shiftsAccepted(); got[0] != "a Accepted" {
		t.Errorf("with its service: %v", got)
	}
	s := hub.StatusOf(w.in, hub.Outputs{}).Shifts
	if len(s) != 3 || s[1].State() != "Waiting" || s[2].State() != "Waiting: there is no Site lhr" {
		t.Errorf("status has %+v", s)
	}
}
