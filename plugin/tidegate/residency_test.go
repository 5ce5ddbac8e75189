package tidegate

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// TestResidencyHasAScope: what keeps a client from every site, or makes the fallback answer, depends on where it is, so that even
// SERVFAIL and NODATA are for its network alone, within what carries its address.
func TestResidencyHasAScope(t *testing.T) {
	const name = "chat.edge.example."
	world := func(policy plan.Steering) *Handler {
		policy.Residency = []plan.Residency{{Clients: []plan.Region{"CN"}, Regions: []string{"cn-north"}}}
		return handlerOf(snapshotOf(t, &plan.Map{
			Schema: plan.Schema, Sites: []plan.Site{{ID: "fra", Region: "eu"}},
			Zones: []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}},
			Services: []plan.Service{{
				Name: name, TTL: time.Minute, Steering: policy,
				Endpoints: []plan.Endpoint{{Site: "fra", Capacity: 1000, Addresses: []plan.Address{{Addr: netip.MustParseAddr("192.0.2.1")}}}},
			}},
		}, openEmbedded(t)))
	}
	servfail := world(plan.Steering{Method: plan.Weighted, OnAllUnhealthy: plan.AnswerAll})
	fallback := world(plan.Steering{Method: plan.Weighted, OnAllUnhealthy: plan.AnswerFallback, Fallback: []netip.Addr{netip.MustParseAddr("198.51.100.1")}})
	for _, c := range []struct {
		ecs      string
		carrier  int
		servfail int
		answers  []string // by the world without a fallback, and by the one with it
	}{
		{"84.128.0.0/24", 0, dns.RcodeSuccess, []string{"192.0.2.1", "192.0.2.1"}},
		{"114.114.114.0/24", 0, dns.RcodeServerFailure, []string{"", "198.51.100.1"}},
		{"64:ff9b::7272:7200/120", 96, dns.RcodeServerFailure, []string{"", "198.51.100.1"}},
	} {
		for i, h := range []*Handler{servfail, fallback} {
			reply := ask(t, h, query{name: name, qtype: dns.TypeA, ecs: c.ecs})
			got, m := "", messageOf(reply)
			if len(reply.Answer) > 0 {
				got = reply.Answer[0].(*dns.A).A.String()
			}
			if got != c.answers[i] || m.scope <= c.carrier || m.scope > c.carrier+24 {
				t.Errorf("%s: %v, want %q with a scope of at most %d", c.ecs, m, c.answers[i], c.carrier+24)
			}
			if i == 0 && reply.Rcode != c.servfail {
				t.Errorf("%s: %s", c.ecs, dns.RcodeToString[reply.Rcode])
			}
		}
	}
}
