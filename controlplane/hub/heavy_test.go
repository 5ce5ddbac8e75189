package hub

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/bus"
	bushub "tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
)

// heavyHub is a hub that hears the reports of two name servers every 10 s, and passes after each.
type heavyHub struct {
	t    *testing.T
	in   Inputs
	h    *heard
	maps int // that differ from the one before
}

func newHeavyHub(t *testing.T) *heavyHub {
	w := &heavyHub{t: t, in: steered(t), h: newHeard(slog.New(slog.DiscardHandler), func() {})}
	zone := &v1alpha1.Zone{ObjectMeta: metav1.ObjectMeta{Name: "edge.example"}}
	zone.Spec.Nameservers = []v1alpha1.Nameserver{{Name: "ns1.edge.example", Addresses: []string{"192.0.2.53"}}}
	w.in.Zones = []*v1alpha1.Zone{zone}
	return w
}

// pass lets time go by. Each report is of 320 s to a class, of which resolvers have their seconds.
func (w *heavyHub) pass(d time.Duration, resolvers map[string]int64) []netip.Addr {
	w.t.Helper()
	for range int(d / (10 * time.Second)) {
		w.in.Now = w.in.Now.Add(10 * time.Second)
		for _, name := range []string{"ns1", "ns2"} {
			w.h.take(w.report(name, resolvers))
		}
		w.in.HeavyResolvers = w.h.heavyResolvers(w.in.Now, w.in.Current)
		out := Plan(w.in)
		if out.Hold != "" || out.Refused != nil {
			w.t.Fatal(out.Hold, out.Refused)
		}
		if fmt.Sprint(out.Map.HeavyResolvers) != fmt.Sprint(w.in.Current.HeavyResolvers) {
			w.maps++
		}
		w.in.Current = out.Map
	}
	return w.in.Current.HeavyResolvers
}

func (w *heavyHub) report(name string, resolvers map[string]int64) bushub.Report {
	answers := signal.ServiceAnswers{Service: "chat.shop.edge.example.",
		Classes: []signal.ClassAnswers{{Class: "00000000000000aa", Seconds: map[gslb.SiteID]int64{"fra": 200, "iad": 120}}}}
	for addr, seconds := range resolvers {
		answers.Resolvers = append(answers.Resolvers, signal.ResolverAnswers{Resolver: netip.MustParseAddr(addr), Class: "00000000000000aa", Seconds: seconds})
	}
	data, err := json.Marshal(signal.NameServerReport{Version: signal.Version, Name: name, SampledAt: w.in.Now, Answers: []signal.ServiceAnswers{answers}})
	if err != nil {
		w.t.Fatal(err)
	}
	return bushub.Report{Sender: name, Role: bus.NameServer, Data: data, Received: w.in.Now}
}

// A resolver that name servers report as heavy is in the map a window later, and goes when it is light: two maps in half an
// hour, however its answers vary.
func TestHeavyResolversEndInTheMap(t *testing.T) {
	w := newHeavyHub(t)
	const heavy, light = "192.0.2.53", "2001:db8::53"
	if got := w.pass(loop.HeavyWindow-10*time.Second, map[string]int64{heavy: 30, light: 6}); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	for i := range int64(60) {
		w.pass(20*time.Second, map[string]int64{heavy: 6 + i%20, light: 2 + i%7})
	}
	if got := fmt.Sprint(w.in.Current.HeavyResolvers); got != "["+heavy+"]" || w.maps != 1 {
		t.Errorf("the map has %s after %d changes", got, w.maps)
	}
	w.pass(loop.HeavyWindow+2*time.Minute, map[string]int64{heavy: 4, light: 2})
	if got := w.in.Current.HeavyResolvers; len(got) != 0 || w.maps != 2 {
		t.Errorf("in the end the map has %v after %d changes", got, w.maps)
	}
	if w.h.refusedCount() != 0 {
		t.Errorf("%d reports were refused", w.h.refusedCount())
	}
}

// A new leader keeps the list of the map that is served, and one that hears of no answers too.
func TestHeavyResolversSurviveTheHub(t *testing.T) {
	w := newHeavyHub(t)
	served := netip.MustParseAddr("192.0.2.53")
	w.in.Current.HeavyResolvers = []netip.Addr{served}
	w.pass(loop.HeavyWindow-10*time.Second, nil)
	if got := w.in.Current.HeavyResolvers; len(got) != 1 || got[0] != served {
		t.Errorf("a new leader has %v", got)
	}
	if w.pass(2*time.Minute, nil); len(w.in.Current.HeavyResolvers) != 0 {
		t.Error("a resolver that asks no more stays")
	}
	deaf := newHeard(slog.New(slog.DiscardHandler), func() {})
	m := &plan.Map{HeavyResolvers: []netip.Addr{served}}
	for i := range 100 {
		if got := deaf.heavyResolvers(w.in.Now.Add(time.Duration(i)*time.Minute), m); len(got) != 1 {
			t.Fatalf("after %d minutes of silence: %v", i, got)
		}
	}
}

// A report that no map could take is refused whole, and counted.
func TestReportsWithoutAResolversAddress(t *testing.T) {
	w := newHeavyHub(t)
	w.h.take(w.report("ns1", map[string]int64{"224.0.0.1": 300}))
	if w.h.refusedCount() != 1 {
		t.Errorf("%d reports were refused", w.h.refusedCount())
	}
}

// Times that were measured to sites that the map does not have are a warning.
func TestHubTellsOfUnknownTimes(t *testing.T) {
	in, s := steered(t), steering{}
	var b geodata.Builder
	if err := b.RTT("rtt.yaml").Add(netip.MustParsePrefix("20.0.0.0/16"), []geodata.SiteRTT{{Site: "fra"}, {Site: "frankfurt"}}); err != nil {
		t.Fatal(err)
	}
	if s.unknownTimes() != nil {
		t.Error("trouble before the first turn")
	}
	s.turn(in, nil)
	if err := s.unknownTimes(); err != nil {
		t.Errorf("a table without times: %v", err)
	}
	var err error
	if in.Geo, err = b.Build(geodata.Origin{Source: "test"}); err != nil {
		t.Fatal(err)
	}
	s.turn(in, nil)
	if err := s.unknownTimes(); err == nil || !strings.Contains(err.Error(), "[frankfurt]") {
		t.Errorf("got %v", err)
	}
}
