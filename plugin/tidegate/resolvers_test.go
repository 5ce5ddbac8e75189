package tidegate

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
)

// Answers to resolvers that send no client subnet, or one of no bits, are reported by resolver and site; others by class alone.
func TestAnswersToResolversAreReported(t *testing.T) {
	s := settings{world: filepath.Join(t.TempDir(), "world.yaml")}
	put(t, s.world, nearWorld)
	server, _, err := begin(t, s)
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{store: server.node.Store()}
	for _, q := range []query{
		{remote: "84.128.0.53"}, {remote: "84.128.0.53"}, {remote: "84.128.0.53", edns: true}, {remote: "84.128.0.54", ecs: "0.0.0.0/0"},
		{remote: "84.128.0.55", ecs: "84.128.0.0/24"}, {remote: "2003:c0::53"},
		{remote: "12.0.0.53"},
	} {
		q.name, q.qtype = chat, dns.TypeA
		ask(t, h, q)
	}
	ask(t, h, query{remote: "84.128.0.56", name: chat, qtype: dns.TypeAAAA}) // no data
	report := server.node.Report("ns1", time.Now())
	got, classes := map[string]int64{}, int64(0)
	for _, a := range report.Answers {
		for _, c := range a.Classes {
			for _, seconds := range c.Seconds {
				classes += seconds
			}
		}
		for _, r := range a.Resolvers {
			got[fmt.Sprint(r.Resolver, " ", r.Site)] += r.Seconds
		}
	}
	const ttl = 30
	want := map[string]int64{"84.128.0.53 fra": 3 * ttl, "84.128.0.54 fra": ttl, "2003:c0::53 fra": ttl, "12.0.0.53 iad": ttl}
	if fmt.Sprint(got) != fmt.Sprint(want) || classes != 7*ttl {
		t.Errorf("reported %v of %d s, want %v of %d s", got, classes, want, 7*ttl)
	}
}

// Rule 8: counting an answer allocates nothing.
func TestCountingAllocatesNothing(t *testing.T) {
	s := settings{world: filepath.Join(t.TempDir(), "world.yaml")}
	put(t, s.world, nearWorld)
	server, _, err := begin(t, s)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := server.node.Store().Load()
	index, _ := snapshot.Plan.Service(chat)
	a := answerer{snapshot: snapshot}
	a.client.subnet.Prefix = netip.MustParsePrefix("84.128.0.53/32")
	d := steer.Decide(snapshot, steer.Query{Service: index, Family: plan.IPv4, Client: a.client.subnet})
	a.count(index, d)
	if n := testing.AllocsPerRun(1000, func() { a.count(index, d) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
