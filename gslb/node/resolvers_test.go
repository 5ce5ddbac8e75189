package node

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/signal"
)

// reported is the answers to resolvers in the node's next report, as the hub reads it.
func (r *rig) reported() map[string]int64 {
	r.t.Helper()
	data, err := json.Marshal(r.Report("ns1", time.Now()))
	if err != nil {
		r.t.Fatal(err)
	}
	report, err := signal.DecodeNameServer(data)
	if err != nil {
		r.t.Fatal(err)
	}
	rows := map[string]int64{}
	for _, s := range report.Answers {
		class := ""
		if len(s.Classes) > 0 {
			class = s.Classes[0].Class
		}
		for _, a := range s.Resolvers {
			if a.Class != class {
				r.t.Errorf("%v is of class %q, the report has %q", a.Resolver, a.Class, class)
			}
			rows[a.Resolver.String()] += a.Seconds
		}
	}
	return rows
}

// answer counts an answer as the DNS engine does.
func (r *rig) answer(resolver string, seconds int64) {
	tally := r.Store().Load().Service(0).Tally
	tally.Add(0, 0, seconds)
	tally.AddResolver(0, netip.MustParseAddr(resolver), seconds)
}

// Reports tell what was answered to resolvers since the report before, without what can be no resolver.
func TestReportsHaveResolvers(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoOf(t, june)})
	defer r.stop()
	if err := r.offer(1, nearMap()); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"192.0.2.53", "2001:db8::53", "192.0.2.53", "0.0.0.0", "224.0.0.1"} {
		r.answer(addr, 30)
	}
	want := map[string]int64{"192.0.2.53": 60, "2001:db8::53": 30}
	if got := r.reported(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("reported %v, want %v", got, want)
	}
	if got := r.reported(); len(got) != 0 {
		t.Errorf("reported %v again", got)
	}
}

// What was counted before a map with the same classes is reported after it; what was counted by other classes is of no use.
func TestResolversAreCountedAcrossMaps(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoOf(t, june)})
	defer r.stop()
	offer := func(generation uint64, sites int) {
		m := nearMap()
		m.Services[0].Endpoints = m.Services[0].Endpoints[:sites]
		m.Services[0].TTL = time.Duration(generation) * time.Second
		if err := r.offer(generation, m); err != nil {
			t.Fatal(err)
		}
	}
	offer(1, 2)
	r.answer("192.0.2.53", 30)
	offer(2, 2)
	r.answer("192.0.2.53", 30)
	if got := r.reported(); got["192.0.2.53"] != 60 {
		t.Errorf("across maps: reported %v", got)
	}
	r.answer("192.0.2.53", 30)
	m := nearMap()
	m.Sites[0].Location, m.Sites[1].Location = m.Sites[1].Location, m.Sites[0].Location
	if err := r.offer(3, m); err != nil {
		t.Fatal(err)
	}
	if got := r.reported(); len(got) != 0 {
		t.Errorf("across other classes: reported %v", got)
	}
	r.answer("192.0.2.53", 30)
	if got := r.reported(); got["192.0.2.53"] != 30 {
		t.Errorf("by the new classes: reported %v", got)
	}
}

// A report has the heaviest, as many as it may.
func TestReportsHaveTheHeaviestResolvers(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoOf(t, june)})
	defer r.stop()
	if err := r.offer(1, nearMap()); err != nil {
		t.Fatal(err)
	}
	const all = signal.MaxResolvers + 500
	addr := func(i int) string { return netip.AddrFrom4([4]byte{20, 0, byte(i >> 8), byte(i)}).String() }
	for i := range all {
		r.answer(addr(i), int64(i+1))
	}
	got := r.reported()
	if len(got) != signal.MaxResolvers {
		t.Errorf("reported %d", len(got))
	}
	for i := all - signal.MaxResolvers; i < all; i++ {
		if got[addr(i)] != int64(i+1) {
			t.Fatalf("%s has %d s, want %d", addr(i), got[addr(i)], i+1)
		}
	}
}

// A resolver whose class has no room in the report is left out with it.
func TestResolversWithoutTheirClass(t *testing.T) {
	row := func(class, addr string) resolverSeconds {
		return resolverSeconds{chat, signal.ResolverAnswers{Resolver: netip.MustParseAddr(addr), Class: class, Seconds: 1}}
	}
	list := []signal.ServiceAnswers{{Service: chat, Classes: []signal.ClassAnswers{{Class: "a"}}}}
	other := row("a", "192.0.2.3")
	other.service = "other.edge.example."
	addResolvers(list, []resolverSeconds{row("a", "192.0.2.1"), row("b", "192.0.2.2"), other})
	if got := list[0].Resolvers; len(got) != 1 || got[0].Resolver.String() != "192.0.2.1" {
		t.Errorf("%v", got)
	}
}
