package hub

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/shift"
	"tidegate.dev/tidegate/gslb/signal"
)

const chatName = gslb.Name("chat.shop.edge.example.")

// shiftWorld is a steered service, its load balancers' counters, and one shift of it from fra to iad.
type shiftWorld struct {
	t     *testing.T
	in    Inputs
	steer steering
	// counted and failed are the counters; silent sites send no reports.
	counted, failed map[gslb.SiteID]uint64
	silent          map[gslb.SiteID]bool
	// spike is what the load balancers say of the last second beyond the mean.
	spike  uint64
	events []Event
}

func newShiftWorld(t *testing.T) *shiftWorld {
	w := &shiftWorld{t: t, in: steered(t), counted: map[gslb.SiteID]uint64{}, failed: map[gslb.SiteID]uint64{}, silent: map[gslb.SiteID]bool{}}
	w.in.report(40, 40)
	w.in.Shifts = []*v1alpha1.TrafficShift{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "away", UID: "u1", Generation: 1, CreationTimestamp: metav1.NewTime(w.in.Now)},
		Spec: v1alpha1.TrafficShiftSpec{Service: "chat", From: "fra", To: "iad", Percent: 50, Step: 25,
			Every: "30s", Reason: "a test"},
	}}
	return w
}

func (w *shiftWorld) shift() *v1alpha1.TrafficShift { return w.in.Shifts[0] }

// site is a Site of the world.
func (w *shiftWorld) site(id gslb.SiteID) *v1alpha1.Site { return w.in.siteObject(id) }

// epoch lets 15 s go by, in which each site answers rps requests a second, failed of them badly, and turns the loop; then the
// shifts' status is written as the hub would.
func (w *shiftWorld) epoch(rps, failed uint64) {
	w.in.Now = w.in.Now.Add(15 * time.Second)
	for id, o := range w.in.Reports {
		w.counted[id], w.failed[id] = w.counted[id]+15*rps, w.failed[id]+15*failed
		if w.silent[id] {
			continue
		}
		rate, requests, errors := gslb.MilliRPS((rps+w.spike)*1000), w.counted[id], w.failed[id]
		o.Received = w.in.Now
		o.Report.Services = []signal.ServiceReport{{Workload: "shop/Deployment/chat", ReadyReplicas: 10, DesiredReplicas: 10,
			Load: &signal.Load{Rate: &rate, RequestsTotal: &requests, Errors5xxTotal: &errors}}}
		w.in.Reports[id] = o
	}
	answers := answerSums{}
	if w.steer.compiled != nil && w.steer.compiled.Services[0].Demand != nil {
		answers = w.steer.answeredTo(chatName, "fra", 600)
	}
	w.steer.turn(w.in, answers)
	w.in.Shifted = w.steer.shifts
	written, events := shiftWrites(w.in)
	for _, s := range written {
		w.in.Shifts[0] = s
	}
	w.events = append(w.events, events...)
}

// stands fails unless the shift is in that phase, at that percentage, for a reason that has that text.
func (w *shiftWorld) stands(phase shift.Phase, percent int32, why string) {
	w.t.Helper()
	s := w.shift().Status
	if s.Phase != string(phase) || s.Percent != percent || !strings.Contains(s.Message, why) {
		w.t.Fatalf("it is %s at %d: %q, want %s at %d: %q", s.Phase, s.Percent, s.Message, phase, percent, why)
	}
}

func (w *shiftWorld) told() (list []string) {
	for _, e := range w.events {
		list = append(list, e.Type+"/"+e.Reason+": "+e.Message)
	}
	return list
}

// begun is a world whose shift has taken its first step: in the second epoch, since only two readings of a counter say how
// many answers there were.
func begun(t *testing.T) *shiftWorld {
	w := newShiftWorld(t)
	w.epoch(40, 0)
	w.stands(shift.Holding, 0, "not known")
	w.epoch(40, 0)
	w.stands(shift.Moving, 25, "")
	return w
}

// TestShift is the life of a shift: it begins, takes its steps while the destination is fine, and the shares follow.
func TestShift(t *testing.T) {
	w := begun(t)
	for range 2 {
		w.epoch(40, 0)
	}
	w.stands(shift.Moved, 50, "")
	for range 20 {
		w.epoch(40, 0)
	}
	if got := w.toIad(); got < 4500 || got > 5500 {
		t.Errorf("%v of the clients near fra go to iad, want half", got)
	}
	s := w.shift().Status
	if s.CanonicalName != string(chatName) || s.Began == nil || s.Since == nil || s.CalmSince == nil || !s.Since.After(s.Began.Time) {
		t.Errorf("%+v", s)
	}
	want := []string{
		"Normal/Accepted: chat.shop.edge.example. moves from fra to iad",
		"Normal/Holding: holds at 0 %: how many of the destination's answers are errors is not known",
		"Normal/Moving: up to 50 % of what fra gets go to iad in steps of 25 %, each after it was fine for 30s",
		"Normal/Moved: 50 % of what fra gets go to iad",
	}
	if got := strings.Join(w.told(), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("told\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	w.in.Shifts = nil
	w.steer.turn(w.in, answerSums{})
	if len(w.steer.shifts) != 0 {
		t.Errorf("deleted, and remembered are %v", w.steer.shifts)
	}
}

// toIad is what iad gets of the clients near fra.
func (w *shiftWorld) toIad() (share gslb.Share) {
	out := w.steer.outputs[chatName]
	for _, split := range out.Splits {
		for _, s := range split.Shares {
			if s.Site == "iad" {
				share = max(share, s.Share)
			}
		}
	}
	return share
}

// TestShiftHolds: what stops a step, and that each is told once.
func TestShiftHolds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*shiftWorld)
		rps    uint64
		why    string
	}{
		"the destination fills":   {func(*shiftWorld) {}, 92, "the destination is 92 % full, above 90 %"},
		"it is silent":            {func(w *shiftWorld) { w.silent["iad"] = true }, 40, "how full the destination is is not known"},
		"it is cordoned":          {func(w *shiftWorld) { w.site("iad").Spec.Cordoned = true }, 40, "iad is cordoned: it gets nobody new"},
		"all are silent":          {func(w *shiftWorld) { w.silent["iad"], w.silent["fra"] = true, true }, 40, "more than half of the sites are silent"},
		"the source gets nobody":  {func(w *shiftWorld) { w.force("fra", "down", nil) }, 40, "fra gets nobody"},
		"one site is left":        {func(w *shiftWorld) { w.leave("iad") }, 40, "no shares are planned for the service"},
		"steering plans no share": {func(w *shiftWorld) { w.steerBy(plan.Weighted) }, 40, "no shares are planned for the service"},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			c.change(w)
			for range 5 {
				w.epoch(c.rps, 0)
				w.stands(shift.Holding, 25, c.why)
			}
			if n := strings.Count(strings.Join(w.told(), "\n"), "Normal/Holding: holds at 25 %"); n != 1 {
				t.Errorf("told %d times: %q", n, w.told())
			}
		})
	}
}

func (w *shiftWorld) force(id gslb.SiteID, state string, until *metav1.Time) {
	w.site(id).Spec.Forced = &v1alpha1.ForcedHealth{State: state, Until: until, Reason: "a test", By: "ada"}
}

func (w *shiftWorld) steerBy(method plan.Method) {
	m := *w.in.Current
	m.Services = append([]plan.Service(nil), m.Services...)
	m.Services[0].Steering.Method = method
	w.in.Current = &m
}

// TestShiftAborts: what sends it back at once, with the numbers in a Warning, and that it stays over.
func TestShiftAborts(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(*shiftWorld)
		rps, failed uint64
		epochs      int
		why         string
	}{
		"the destination is full": {func(*shiftWorld) {}, 97, 0, 2, "at 25 %: the destination is 97 % full, above 95 %"},
		"the operator's bound": {func(w *shiftWorld) { w.shift().Spec.Abort = &v1alpha1.ShiftAbort{SaturationPercent: 60} }, 61, 0, 2,
			"at 25 %: the destination is 61 % full, above 60 %"},
		"it fails":             {func(*shiftWorld) {}, 40, 3, 1, "at 25 %: 45 of 600 answers of the destination are server errors (7.5 %), above 5 %"},
		"it is drained":        {func(w *shiftWorld) { w.drain("iad") }, 40, 0, 1, "at 25 %: iad is drained"},
		"forced down":          {func(w *shiftWorld) { w.force("iad", "down", nil) }, 40, 0, 1, "at 25 %: iad is down: forced down by ada: a test"},
		"its service goes":     {func(w *shiftWorld) { w.in.Exports = nil }, 40, 0, 1, "at 25 %: the service is exported no longer"},
		"its service has gone": {func(w *shiftWorld) { w.in.Exports = nil; w.steerBy(plan.Weighted) }, 40, 0, 1, "at 25 %: the service is exported no longer"},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			c.change(w)
			for range c.epochs {
				w.epoch(c.rps, c.failed)
			}
			w.stands(shift.Aborted, 0, c.why)
			if got := w.told(); !strings.HasPrefix(got[len(got)-1], "Warning/Aborted: at 25 %: ") {
				t.Errorf("told %q", got)
			}
			told := len(w.events)
			for range 5 {
				w.epoch(40, 0)
			}
			w.stands(shift.Aborted, 0, c.why)
			if len(w.events) != told {
				t.Errorf("told again: %q", w.told()[told:])
			}
		})
	}
}

func (w *shiftWorld) drain(id gslb.SiteID) {
	w.site(id).Spec.Drained = true
	m := *w.in.Current
	m.Services = append([]plan.Service(nil), m.Services...)
	m.Services[0].Endpoints = append([]plan.Endpoint(nil), m.Services[0].Endpoints...)
	for i := range m.Services[0].Endpoints {
		if e := &m.Services[0].Endpoints[i]; e.Site == id {
			e.Drained = true
		}
	}
	w.in.Current = &m
}

func (w *shiftWorld) leave(id gslb.SiteID) {
	m := *w.in.Current
	m.Services = append([]plan.Service(nil), m.Services...)
	var kept []plan.Endpoint
	for _, e := range m.Services[0].Endpoints {
		if e.Site != id {
			kept = append(kept, e)
		}
	}
	m.Services[0].Endpoints = kept
	w.in.Current = &m
}

// TestShiftExpires: it goes back in the steps in which it came.
func TestShiftExpires(t *testing.T) {
	w := newShiftWorld(t)
	w.shift().Spec.ExpiresAfter = "2m"
	var percents []int32
	for range 12 {
		w.epoch(40, 0)
		percents = append(percents, w.shift().Status.Percent)
	}
	want := []int32{0, 25, 25, 50, 50, 50, 50, 25, 25, 0, 0, 0}
	for i := range want {
		if percents[i] != want[i] {
			t.Fatalf("%v, want %v", percents, want)
		}
	}
	w.stands(shift.Expired, 0, "it expired at 2027-01-15T08:02:00Z")
}

// TestShiftOverRestart: a new leader goes on where the status says, and waits until it knows how the destination is.
func TestShiftOverRestart(t *testing.T) {
	w := begun(t)
	w.steer = steering{}
	w.epoch(40, 0)
	w.stands(shift.Holding, 25, "not known")
	for range 3 {
		w.epoch(40, 0)
		if got := w.shift().Status.Percent; got != 25 && got != 50 {
			t.Fatalf("at %d", got)
		}
	}
	w.stands(shift.Moved, 50, "")
}

// TestShiftOfTCP: its load balancers see no status, so that errors are not looked at.
func TestShiftOfTCP(t *testing.T) {
	w := newShiftWorld(t)
	w.in.Exports[0].Spec.Ports = []v1alpha1.Port{{Listen: 443, Target: 443, Protocol: "tcp"}}
	w.epoch(40, 40)
	w.stands(shift.Moving, 25, "")
	w.in.Exports[0].Spec.Ports = append(w.in.Exports[0].Spec.Ports, v1alpha1.Port{Listen: 80, Target: 80, Protocol: "http"})
	w.epoch(40, 40)
	w.stands(shift.Aborted, 0, "are server errors")
}

// TestShiftThroughNoise: one busy second is nothing; the counters say what came since the last turn.
func TestShiftThroughNoise(t *testing.T) {
	w := begun(t)
	w.spike = 60
	w.epoch(40, 0)
	w.stands(shift.Moving, 25, "")
	w.epoch(40, 0)
	w.stands(shift.Moved, 50, "")
}

// TestForcedHealth: the operator's word stands above probes, both ways, until it expires; what is measured goes on below.
func TestForcedHealth(t *testing.T) {
	key := endpointKey{chatName, "fra"}
	w := newShiftWorld(t)
	w.in.Shifts, w.in.Shifted = nil, nil
	until := metav1.NewTime(w.in.Now.Add(40 * time.Second))
	step := func(down, measured bool, why string) {
		t.Helper()
		w.in.Now = w.in.Now.Add(15 * time.Second)
		w.in.report(40, 40)
		w.steer.turn(w.in, answerSums{})
		if v := w.steer.verdicts[key]; v.Down != down || v.Measured.Down != measured || !strings.HasPrefix(v.Reason, why) {
			t.Fatalf("%+v, want down %v, measured %v: %s", v.Verdict, down, measured, why)
		}
	}
	w.force("fra", "down", &until)
	step(true, false, "forced down until 2027-01-15T08:00:40Z by ada: a test")
	step(true, false, "forced down")
	step(false, false, "10 of 10")
	if m := w.steer.measured()["fra"]; m.String() != "up" {
		t.Errorf("measured %q", m)
	}
	w.in.Current.Services[0].Health = &plan.Health{Type: plan.ProbeTCP, Port: 80, Interval: time.Second}
	w.in.Servers = map[string]ServerObservation{"ns1": {Received: w.in.Now.Add(time.Minute), Report: signal.NameServerReport{
		Dead: []signal.DeadEndpoint{{Service: chatName, Site: "fra"}}}}}
	w.force("fra", "up", nil)
	step(false, true, "forced up by ada: a test")
	if m := w.steer.measured()["fra"]; m.String() != "1 of 1 services are down: chat.shop.edge.example." || m.word() != "down" {
		t.Errorf("measured %q", m)
	}
	loads := w.steer.loads()
	if got := loads[0].Sites[0].State(); got != "forced up by ada: a test (measured down: probes of 1 of 1 name servers fail)" {
		t.Errorf("status says %q", got)
	}
	w.site("fra").Spec.Forced = nil
	step(true, true, "probes of 1 of 1")
}

// TestShiftStateIsWholeInTheStatus: what shift.Next needs over a restart survives the way through the API.
func TestShiftStateIsWholeInTheStatus(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := shift.State{Phase: shift.Holding, Percent: 30, Since: now, Began: now.Add(-time.Hour), Calm: now.Add(-time.Minute), Why: shift.Reason{Text: "full"}, Got: 12,
		Forecast: shift.Forecast{FromBefore: 60, FromAfter: 50, ToBefore: 20, ToAfter: 30, Users: 7, RTTChange: 80 * time.Millisecond}}
	object := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{UID: "u"}}
	m := move{object: object, state: s}
	object.Status = m.status()
	if got := stateOf(object, nil); got != s {
		t.Errorf("%+v became %+v", s, got)
	}
	newer := shift.State{Phase: shift.Moved, Percent: 40}
	if got := stateOf(object, map[types.UID]shift.State{"u": newer}); got != newer {
		t.Errorf("the status stands above what is remembered: %+v", got)
	}
}

// TestShiftIsWritten: its status goes to the API, and stands in for the cache until that has caught up.
func TestShiftIsWritten(t *testing.T) {
	s := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "away"}, Status: v1alpha1.TrafficShiftStatus{Phase: "Moving", Percent: 20}}
	list, err := otherWrites(Outputs{Shifts: []*v1alpha1.TrafficShift{s}})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	w := list[0]
	status, _ := w.fields["status"].(map[string]any)
	if _, kept := w.keep.(*v1alpha1.TrafficShift); !kept || !w.status || w.kind.Kind != "TrafficShift" || status["percent"] != int64(20) || len(w.fields) != 1 {
		t.Errorf("%+v", w)
	}
}
