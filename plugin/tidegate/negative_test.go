package tidegate

import (
	"testing"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// RFC 2308 section 3: "The TTL of this record is set from the minimum of the MINIMUM field of the SOA record and the TTL of
// the SOA itself, and indicates how long a resolver may cache the negative answer."
func TestNegativeTTLIsTheSmallerOne(t *testing.T) {
	for soa, want := range map[string]uint32{
		"3600 IN SOA ns1.edge.example. box.edge.example. 5 7200 1800 1209600 60":  60,
		"45 IN SOA ns1.edge.example. box.edge.example. 5 7200 1800 1209600 86400": 45,
	} {
		m := &plan.Map{Schema: plan.Schema, Zones: []plan.Zone{{
			Name: "own.example.", Nameservers: []gslb.Name{"ns1.edge.example."},
			Records: []string{"own.example. " + soa, "www.own.example. 300 IN A 192.0.2.80"},
		}}}
		h := handlerOf(snapshotOf(t, m, tableOf(t)))
		for name, q := range map[string]query{
			"NXDOMAIN": {name: "nothing.own.example.", qtype: dns.TypeA}, "NODATA": {name: "www.own.example.", qtype: dns.TypeAAAA},
			"NODATA at the apex": {name: "own.example.", qtype: dns.TypeTXT},
		} {
			reply := ask(t, h, q)
			if len(reply.Ns) != 1 || reply.Ns[0].Header().Ttl != want {
				t.Errorf("%s, SOA %q: %v, want one SOA of %d s", name, soa, reply.Ns, want)
			}
		}
		asked := ask(t, h, query{name: "own.example.", qtype: dns.TypeSOA})
		if rr, _ := dns.NewRR("own.example. " + soa); len(asked.Answer) != 1 || asked.Answer[0].String() != rr.String() {
			t.Errorf("asked for the SOA: %v, want %q as it is", asked.Answer, soa)
		}
	}
}
