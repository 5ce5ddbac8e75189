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

// Answers to resolvers that send no client subnet, or one of no bits, are reported by resolver; others by class alone.
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
	} {
		q.name, q.qtype = chat, dns.TypeA
		ask(t, h, q)
	}
	ask(t, h, query{remote: "84.128.0.56", name: chat, qtype: dns.TypeAAAA}) // no data
	report := server.node.Report("ns1", time.Now())
	got, classes := map[netip.Addr]int64{}, int64(0)
	for _, a := range report.Answers {
		for _, c := range a.Classes {
			for _, seconds := range c.Seconds {
				classes += seconds
			}
		}
		for _, r := range a.Resolvers {
			got[r.Resolver] += r.Seconds
		}
	}
	const ttl = 30
	want := map[netip.Addr]int64{
		netip.MustParseAddr("84.128.0.53"): 3 * ttl, netip.MustParseAddr("84.128.0.54"): ttl, netip.MustParseAddr("2003:c0::53"): ttl,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || classes != 6*ttl {
		t.Errorf("reported %v of %d s, want %v of %d s", got, classes, want, 6*ttl)
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
