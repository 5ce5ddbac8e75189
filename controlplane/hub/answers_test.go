package hub

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/bus"
	bushub "tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
)

// answerWorld hears name servers, and knows the service's classes and sites as a turn does.
type answerWorld struct {
	t      *testing.T
	h      *heard
	demand *plan.Demand
	sites  map[gslb.SiteID]int
	class  string // its first
}

func newAnswerWorld(t *testing.T) *answerWorld {
	in, s := steered(t), steering{}
	s.turn(in, answerSums{})
	demand := s.compiled.Services[0].All.Classes.Demand()
	return &answerWorld{t: t, h: newHeard(slog.New(slog.DiscardHandler), func() {}), demand: demand,
		sites: map[gslb.SiteID]int{"fra": 0, "iad": 1}, class: string(demand.List[0].Key)}
}

// hear takes a report of a class' seconds by site, and of rows "resolver class site seconds"; "-" is what is not given.
func (w *answerWorld) hear(server string, seconds map[gslb.SiteID]int64, rows ...string) {
	w.t.Helper()
	answers := signal.ServiceAnswers{Service: chatName, Classes: []signal.ClassAnswers{{Class: w.class, Seconds: seconds}}}
	for _, row := range rows {
		var addr, class string
		var r signal.ResolverAnswers
		if _, err := fmt.Sscan(row, &addr, &class, &r.Site, &r.Seconds); err != nil {
			w.t.Fatal(err)
		}
		r.Resolver, r.Class = netip.MustParseAddr(addr), class
		if class == "-" {
			r.Class = w.class
		}
		if r.Site == "-" {
			r.Site = ""
		}
		answers.Resolvers = append(answers.Resolvers, r)
	}
	data, err := json.Marshal(signal.NameServerReport{Version: signal.Version, Name: server, Answers: []signal.ServiceAnswers{answers}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.h.take(bushub.Report{Sender: server, Role: bus.NameServer, Data: data})
}

// taken are the loop's answers since the last call: "class site seconds resolver".
func (w *answerWorld) taken() (text string) {
	sums := w.h.takeAnswers()
	for _, a := range sums.of(chatName, w.demand, w.sites) {
		text += fmt.Sprint(a.Class, a.Site, a.Seconds)
		if a.Resolver.IsValid() {
			text += fmt.Sprint(" ", a.Resolver)
		}
		text += "; "
	}
	return text
}

// What single resolvers were answered is told apart from what all others of the class were: both together are what the class
// was, and never less than the resolvers.
func TestAnswersToResolversAreApart(t *testing.T) {
	const a, b = "192.0.2.53", "2001:db8::53"
	for name, c := range map[string]struct {
		hear func(*answerWorld)
		want string
	}{
		"no resolvers": {func(w *answerWorld) {
			w.hear("ns1", map[gslb.SiteID]int64{"fra": 200, "iad": 120})
		}, "0 0 200; 0 1 120; "},
		"resolvers at their sites": {func(w *answerWorld) {
			w.hear("ns1", map[gslb.SiteID]int64{"fra": 200, "iad": 120}, a+" - fra 60", a+" - iad 20", b+" - fra 30")
		}, "0 0 110; 0 0 60 " + a + "; 0 0 30 " + b + "; 0 1 100; 0 1 20 " + a + "; "},
		"two name servers, and two reports of one": {func(w *answerWorld) {
			w.hear("ns1", map[gslb.SiteID]int64{"fra": 200}, a+" - fra 60")
			w.hear("ns1", map[gslb.SiteID]int64{"fra": 100}, a+" - fra 30")
			w.hear("ns2", map[gslb.SiteID]int64{"fra": 50}, a+" - fra 10", b+" - fra 20")
		}, "0 0 230; 0 0 100 " + a + "; 0 0 20 " + b + "; "},
		"all of the class is one resolver's": {func(w *answerWorld) {
			w.hear("ns1", map[gslb.SiteID]int64{"fra": 60}, a+" - fra 60")
		}, "0 0 60 " + a + "; "},
		"the resolver has more than its class": {func(w *answerWorld) {
			w.hear("ns1", map[gslb.SiteID]int64{"fra": 20, "iad": 10}, a+" - fra 60")
		}, "0 0 60 " + a + "; 0 1 10; "},
		"the class says nothing of the site": {func(w *answerWorld) {
			w.hear("ns1", map[gslb.SiteID]int64{"fra": 20}, a+" - iad 60")
		}, "0 0 20; 0 1 60 " + a + "; "},
		"a name server from before": {func(w *answerWorld) {
			w.hear("ns1", map[gslb.SiteID]int64{"fra": 200}, a+" - - 60")
		}, "0 0 200; "},
		"a site and a class that are gone": {func(w *answerWorld) {
			w.hear("ns1", map[gslb.SiteID]int64{"fra": 200, "gone": 60}, a+" - gone 60", a+" unknown fra 60")
		}, "0 0 200; "},
		"a row without seconds": {func(w *answerWorld) {
			w.hear("ns1", map[gslb.SiteID]int64{"fra": 200}, a+" - fra 0")
		}, "0 0 200; "},
	} {
		w := newAnswerWorld(t)
		c.hear(w)
		if got := w.taken(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got := w.taken(); got != "" || w.h.refusedCount() != 0 {
			t.Errorf("%s: again %s, %d reports were refused", name, got, w.h.refusedCount())
		}
	}
}

// Resolvers that are too many to remember stay with their class.
func TestAnswersToManyResolvers(t *testing.T) {
	w := newAnswerWorld(t)
	var sums answerSums
	const more = 10
	s := signal.ServiceAnswers{Service: chatName}
	s.Classes = []signal.ClassAnswers{{Class: w.class, Seconds: map[gslb.SiteID]int64{"fra": maxResolverAnswers + more}}}
	for i := range maxResolverAnswers + more {
		addr := netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)})
		s.Resolvers = append(s.Resolvers, signal.ResolverAnswers{Resolver: addr, Class: w.class, Site: "fra", Seconds: 1})
	}
	sums.add([]signal.ServiceAnswers{s})
	if got := sums.of(chatName, w.demand, w.sites); len(got) != 1+maxResolverAnswers || got[0].Resolver.IsValid() || got[0].Seconds != more {
		t.Errorf("%d answers, the first %+v", len(got), got[0])
	}
}

// A report that no map could take is refused whole, and counted.
func TestReportsWithoutAResolversAddress(t *testing.T) {
	w := newAnswerWorld(t)
	w.hear("ns1", map[gslb.SiteID]int64{"fra": 300}, "224.0.0.1 - fra 300")
	if got := w.taken(); got != "" || w.h.refusedCount() != 1 {
		t.Errorf("%s, %d reports were refused", got, w.h.refusedCount())
	}
}
