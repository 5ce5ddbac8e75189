package tidegate

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// TestFallbackIsForEverybody: nothing of the client decides that the fallback answers, so its scope is 0, in networks that
// carry IPv4 addresses too; and a question without a client subnet gets none back.
func TestFallbackIsForEverybody(t *testing.T) {
	site, fallback := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	const name = "chat.edge.example."
	h := handlerOf(snapshotOf(t, &plan.Map{
		Schema: plan.Schema, Sites: []plan.Site{{ID: "fra"}},
		Zones: []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}},
		Services: []plan.Service{{
			Name: name, TTL: time.Minute,
			Steering:  plan.Steering{Method: plan.Weighted, OnAllUnhealthy: plan.AnswerFallback, Fallback: []netip.Addr{fallback}},
			Health:    &plan.Health{Type: plan.ProbeTCP, Port: 80, Interval: time.Second},
			Endpoints: []plan.Endpoint{{Site: "fra", Capacity: 1000, Addresses: []plan.Address{{Addr: site}}}},
		}},
	}, openEmbedded(t), world.Target{Service: name, Addr: site}))
	for ecs, scope := range map[string]int{"84.128.0.0/24": 0, "2003:c0::/56": 0, "64:ff9b::5480:0/120": 0, "::ffff:84.128.0.0/120": 0, "": -1} {
		m := messageOf(ask(t, h, query{name: name, qtype: dns.TypeA, ecs: ecs}))
		if len(m.answers) != 1 || m.answers[0] != name+" 10 IN A 198.51.100.1" || m.scope != scope {
			t.Errorf("%q: %v, want the fallback with scope %d", ecs, m, scope)
		}
	}
}
