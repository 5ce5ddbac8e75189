package node

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/signal"
)

// reported is the answers to resolvers in the node's next report, by resolver and site, as the hub reads it.
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
			rows[fmt.Sprint(a.Resolver, " ", a.Site)] += a.Seconds
		}
	}
	return rows
}

// answer counts an answer with the first site as the DNS engine does, answerAt one with another.
func (r *rig) answer(resolver string, seconds int64) { r.answerAt(0, resolver, seconds) }

func (r *rig) answerAt(endpoint int, resolver string, seconds int64) {
	tally := r.Store().Load().Service(0).Tally
	tally.Add(0, endpoint, seconds)
	tally.AddResolver(0, endpoint, netip.MustParseAddr(resolver), seconds)
}

// Reports tell what was answered to resolvers since the report before, by site, without what can be no resolver.
func TestReportsHaveResolvers(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoOf(t, june)})
	defer r.stop()
	if err := r.offer(1, nearMap()); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"192.0.2.53", "2001:db8::53", "192.0.2.53", "0.0.0.0", "224.0.0.1"} {
		r.answer(addr, 30)
	}
	r.answerAt(1, "192.0.2.53", 3)
	want := map[string]int64{"192.0.2.53 s00": 60, "192.0.2.53 s01": 3, "2001:db8::53 s00": 30}
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
	if got := r.reported(); got["192.0.2.53 s00"] != 60 {
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
	if got := r.reported(); got["192.0.2.53 s00"] != 30 {
		t.Errorf("by the new classes: reported %v", got)
	}
}

// A report has the heaviest, as many as it may, each with all of its sites.
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
		r.answerAt(1, addr(i), 1)
	}
	got := r.reported()
	if len(got) != 2*signal.MaxResolvers {
		t.Errorf("reported %d rows", len(got))
	}
	for i := all - signal.MaxResolvers; i < all; i++ {
		if got[addr(i)+" s00"] != int64(i+1) || got[addr(i)+" s01"] != 1 {
			t.Fatalf("%s has %d s and %d s, want %d and 1", addr(i), got[addr(i)+" s00"], got[addr(i)+" s01"], i+1)
		}
	}
}

// A resolver whose class has no room in the report is left out with it.
func TestResolversWithoutTheirClass(t *testing.T) {
	row := func(service gslb.Name, class, addr string) resolverSeconds {
		return resolverSeconds{service, class, 1, []signal.ResolverAnswers{{Resolver: netip.MustParseAddr(addr), Class: class, Seconds: 1}}}
	}
	list := []signal.ServiceAnswers{{Service: chat, Classes: []signal.ClassAnswers{{Class: "a"}}}}
	addResolvers(list, []resolverSeconds{
		row("other.edge.example.", "a", "192.0.2.3"), row(chat, "b", "192.0.2.2"), row(chat, "a", "192.0.2.1"),
	}, answerBytes)
	if got := list[0].Resolvers; len(got) != 1 || got[0].Resolver.String() != "192.0.2.1" {
		t.Errorf("%v", got)
	}
}

// longSite is a site with a name as long as names may be.
func longSite(i int) gslb.SiteID { return gslb.SiteID(fmt.Sprintf("site-%058d", i)) }

// However many services, classes, sites and resolvers there are, the hub can read the report; what is left out of it is the
// least, and no resolver is there in part.
func TestReportsFit(t *testing.T) {
	for name, size := range map[string]struct{ services, classes, sites, resolvers, wantClasses, wantRows int }{
		"all that is allowed":   {1, signal.MaxAnswers, 2, signal.MaxResolvers, 3000, 1800},
		"too many classes":      {1, signal.MaxAnswers + 1000, 1, 10, 5000, 10},
		"too many resolvers":    {1, 10, 1, signal.MaxResolvers + 1000, 10, signal.MaxResolvers},
		"too many rows":         {1, 10, 20, signal.MaxResolvers, 10, 5000},
		"classes of many sites": {1, 2000, 100, signal.MaxResolvers, 80, 1800},
		"many services":         {6000, 1, 1, signal.MaxResolvers, 1000, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			list, resolvers := crowded(size.services, size.classes, size.sites, size.resolvers)
			list, left := most(list, signal.MaxAnswers, classBytes)
			addResolvers(list, resolvers, answerBytes-classBytes+left)
			data, err := json.Marshal(signal.NameServerReport{Version: signal.Version, Name: "ns1", Answers: list})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := signal.DecodeNameServer(data); err != nil || len(data) > answerBytes+200 {
				t.Errorf("%d bytes: %v", len(data), err)
			}
			classes, rows, least := 0, 0, int64(math.MaxInt64)
			for _, s := range list {
				classes, rows = classes+len(s.Classes), rows+len(s.Resolvers)
				for _, c := range s.Classes {
					least = min(least, sum(c))
				}
			}
			if classes < size.wantClasses || rows < size.wantRows || rows%size.sites > 0 {
				t.Errorf("%d classes, %d rows", classes, rows)
			}
			if left := size.services*size.classes - classes; least != int64(left*size.sites) {
				t.Errorf("the least class has %d s, though only %d were left out", least, left)
			}
		})
	}
}

// crowded is many answers, those to the last classes and to the first resolvers the most.
func crowded(services, classes, sites, resolvers int) (list []signal.ServiceAnswers, heaviest []resolverSeconds) {
	for i := range services {
		s := signal.ServiceAnswers{Service: gslb.Name(fmt.Sprintf("%060d.%060d.edge.example.", i, i))}
		for k := range classes {
			c := signal.ClassAnswers{Class: fmt.Sprintf("%016x", k), Seconds: map[gslb.SiteID]int64{}}
			for site := range sites {
				c.Seconds[longSite(site)] = int64(i*classes + k)
			}
			s.Classes = append(s.Classes, c)
		}
		list = append(list, s)
	}
	last := &list[len(list)-1]
	for i := range resolvers {
		r := resolverSeconds{service: last.Service, class: last.Classes[len(last.Classes)-1].Class}
		for site := range sites {
			r.rows = append(r.rows, signal.ResolverAnswers{
				Resolver: netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(i >> 8), 15: byte(i)}), Class: r.class,
				Site: longSite(site), Seconds: int64(resolvers - i),
			})
		}
		heaviest = append(heaviest, r)
	}
	return list, heaviest
}
