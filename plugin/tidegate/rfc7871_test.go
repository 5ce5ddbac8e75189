package tidegate

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// Each test quotes the sentences of RFC 7871 that it checks.

const chat = "chat.edge.example."

// Section 7.2.1: "When a query containing an ECS option is received, an Authoritative Nameserver supporting ECS MAY use
// the address information specified in the option to generate a tailored response."
func TestSubnetDecidesBeforeTheResolver(t *testing.T) {
	reply := ask(t, exampleHandler(t), query{name: chat, qtype: dns.TypeA, remote: germany, ecs: "3.208.0.0/24"})
	if got := sections(reply); len(got) != 1 || got[0] != "an chat.edge.example. 30 IN A 192.0.2.40" {
		t.Errorf("a client in Virginia behind a German resolver gets %v", got)
	}
}

// Section 7.2.1: "The FAMILY, SOURCE PREFIX-LENGTH, and ADDRESS in the response MUST match those in the query."
func TestSubnetIsEchoed(t *testing.T) {
	h := exampleHandler(t)
	for _, ecs := range []string{"84.128.0.0/24", "84.128.0.0/9", "84.128.7.3/32", "2003:0:100::/56", "2003::/19", "2003:0:100::1/128", "0.0.0.0/0", "::/0"} {
		got := subnetIn(ask(t, h, query{name: chat, qtype: dns.TypeA, ecs: ecs}))
		if got == nil {
			t.Fatalf("%s: no option came back", ecs)
		}
		want := overWire(t, query{name: chat, qtype: dns.TypeA, ecs: ecs}.message()).IsEdns0().Option[0].(*dns.EDNS0_SUBNET)
		if got.Family != want.Family || got.SourceNetmask != want.SourceNetmask || !got.Address.Equal(want.Address) {
			t.Errorf("%s: came back as %v", ecs, got)
		}
	}
}

// Section 7.2.1: "An Authoritative Nameserver that has implemented this protocol and receives an ECS option MUST include
// an ECS option in its response to indicate that it SHOULD be cached accordingly, regardless of whether the client
// information was needed to formulate an answer."
func TestSubnetComesBackWhateverTheAnswer(t *testing.T) {
	h := exampleHandler(t)
	for _, name := range []string{chat, "ns1.edge.example.", "nothing.edge.example.", "www.example.net.", "shut.edge.example.", "host.sub.edge.example."} {
		if subnetIn(ask(t, h, query{name: name, qtype: dns.TypeA, ecs: "84.128.0.0/24"})) == nil {
			t.Errorf("%s: no option came back", name)
		}
	}
}

// Section 7.2.1: "If an ECS option was not included in a query, one MUST NOT be included in the response even if the
// server is providing a Tailored Response -- presumably based on the address from which it received the query."
func TestNoSubnetInNoneOut(t *testing.T) {
	h := exampleHandler(t)
	for _, edns := range []bool{false, true} {
		reply := ask(t, h, query{name: chat, qtype: dns.TypeA, remote: germany, edns: edns})
		if subnetIn(reply) != nil {
			t.Errorf("edns=%v: an option came out", edns)
		}
		if got := reply.IsEdns0() != nil; got != edns {
			t.Errorf("edns=%v: OPT record %v", edns, got)
		}
	}
}

// Section 7.1.2: "A SOURCE PREFIX-LENGTH value of 0 means that the Recursive Resolver MUST NOT add the client's address
// information to its queries." The answer is then the resolver's, and its scope 0.
func TestSourceZeroOptsOut(t *testing.T) {
	h := exampleHandler(t)
	for _, ecs := range []string{"0.0.0.0/0", "::/0"} {
		reply := ask(t, h, query{name: chat, qtype: dns.TypeA, remote: virginia, ecs: ecs})
		if got := sections(reply); len(got) != 1 || got[0] != "an chat.edge.example. 30 IN A 192.0.2.40" {
			t.Errorf("%s: %v, want the resolver's nearest site", ecs, got)
		}
		if scope := subnetIn(reply).SourceScope; scope != 0 {
			t.Errorf("%s: scope %d, want 0", ecs, scope)
		}
	}
}

// Section 6: "SCOPE PREFIX-LENGTH, an unsigned octet representing the leftmost number of significant bits of ADDRESS that
// the response covers." Section 7.2.1: "A SCOPE PREFIX-LENGTH value longer than SOURCE PREFIX-LENGTH indicates that the
// provided prefix length was not specific enough to select the most appropriate Tailored Response."
func TestScopeCoversWhatAnswersAlike(t *testing.T) {
	geo := tableOf(t,
		network{"20.0.0.0/8", placeAt(50, 8, "DE", "")}, network{"20.128.0.0/10", placeAt(39, -77, "US", "")},
		network{"2400::/20", placeAt(50, 8, "DE", "")},
	)
	h := handlerOf(snapshotOf(t, exampleHandler(t).store.Load().Plan.Map, geo))
	for ecs, want := range map[string]uint8{
		"20.0.0.0/24":      9,  // 20.0.0.0/9 is German, the other half is not
		"20.0.0.0/8":       9,  // the answer is for its first address
		"20.200.0.0/24":    10, // what is left of the other half
		"20.129.0.0/16":    10,
		"20.129.3.3/32":    10,
		"2400::/56":        20,
		"2400:0800::1/128": 20,
	} {
		if got := subnetIn(ask(t, h, query{name: chat, qtype: dns.TypeA, ecs: ecs})); got == nil || got.SourceScope != want {
			t.Errorf("%s: %v, want scope %d", ecs, got, want)
		}
	}
}

// Section 7.4: "It is RECOMMENDED that no specific behavior regarding negative answers be relied upon, but that
// Authoritative Nameservers should conservatively expect that Intermediate Nameservers will treat all negative answers
// as /0; therefore, they SHOULD set SCOPE PREFIX-LENGTH accordingly."
func TestScopeOfNegativeAndStaticAnswersIsZero(t *testing.T) {
	h := exampleHandler(t)
	for _, q := range []query{
		{name: "nothing.edge.example.", qtype: dns.TypeA}, {name: chat, qtype: dns.TypeHTTPS}, {name: "four.edge.example.", qtype: dns.TypeAAAA},
		{name: "edge.example.", qtype: dns.TypeSOA}, {name: "ns1.edge.example.", qtype: dns.TypeA}, {name: chat, qtype: dns.TypeANY},
		{name: "www.example.net.", qtype: dns.TypeA}, {name: "four.edge.example.", qtype: dns.TypeA},
	} {
		q.ecs = "84.128.0.0/24"
		if scope := subnetIn(ask(t, h, q)).SourceScope; scope != 0 {
			t.Errorf("%s %s: scope %d, want 0", q.name, dns.TypeToString[q.qtype], scope)
		}
	}
}

// The scope of an answer at the end of a CNAME is that of the whole answer.
func TestScopeThroughCNAME(t *testing.T) {
	h := exampleHandler(t)
	q := query{name: chat, qtype: dns.TypeA, ecs: "84.128.0.0/24"}
	direct := subnetIn(ask(t, h, q)).SourceScope
	q.name = "web.edge.example."
	if through := subnetIn(ask(t, h, q)).SourceScope; through != direct || direct == 0 {
		t.Errorf("scope %d through CNAMEs, %d directly", through, direct)
	}
}

// Section 6: "In queries, it [SCOPE PREFIX-LENGTH] MUST be set to 0." And: "A server receiving an ECS option that uses
// either too few or too many ADDRESS octets, or that has non-zero ADDRESS bits set beyond SOURCE PREFIX-LENGTH, SHOULD
// return FORMERR to reject the packet".
func TestMalformedSubnetIsFormErr(t *testing.T) {
	h := exampleHandler(t)
	good := func() *dns.EDNS0_SUBNET { return subnetOption(netip.MustParsePrefix("84.128.0.0/24")) }
	for name, change := range map[string]func(*dns.EDNS0_SUBNET){
		"scope in a query":         func(o *dns.EDNS0_SUBNET) { o.SourceScope = 24 },
		"bits beyond the source":   func(o *dns.EDNS0_SUBNET) { o.SourceNetmask = 9; o.Address[2] = 1 },
		"unknown family":           func(o *dns.EDNS0_SUBNET) { o.Family = 3 },
		"IPv4 longer than 32 bits": func(o *dns.EDNS0_SUBNET) { o.SourceNetmask = 33 },
		"no address":               func(o *dns.EDNS0_SUBNET) { o.Address = nil },
	} {
		o := good()
		change(o)
		m := new(dns.Msg).SetQuestion(chat, dns.TypeA).SetEdns0(1232, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, o)
		expectFormErr(t, h, name, m)
	}
	m := new(dns.Msg).SetQuestion(chat, dns.TypeA).SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, good(), good())
	expectFormErr(t, h, "two options", m)
}

// expectFormErr goes around the wire: the DNS library would refuse to write some of these.
func expectFormErr(t *testing.T, h *Handler, name string, m *dns.Msg) {
	t.Helper()
	w := &recorder{remote: remoteAddr(germany)}
	if _, err := h.ServeDNS(t.Context(), w, m); err != nil {
		t.Fatal(err)
	}
	if w.reply.Rcode != dns.RcodeFormatError || len(w.reply.Answer) > 0 || subnetIn(w.reply) != nil {
		t.Errorf("%s: got %v, want a bare FORMERR", name, w.reply)
	}
}

// An IPv6 option whose address carries an IPv4 one is answered as that one; the scope counts from the first bit of the
// IPv6 address, so that it covers nobody else. One that is too short to carry anything is answered by its own place.
func TestSubnetThatCarriesIPv4(t *testing.T) {
	h := exampleHandler(t)
	for _, carrier := range []string{"::ffff:0:0", "64:ff9b::"} {
		octets := netip.MustParseAddr(carrier).As16()
		copy(octets[12:], netip.MustParseAddr("84.128.0.0").AsSlice())
		for _, bits := range []int{9, 16, 24, 32} {
			plain := ask(t, h, query{name: chat, qtype: dns.TypeA, ecs: fmt.Sprintf("84.128.0.0/%d", bits)})
			carried := ask(t, h, query{name: chat, qtype: dns.TypeA, ecs: fmt.Sprintf("%s/%d", netip.AddrFrom16(octets), 96+bits)})
			if got, want := fmt.Sprint(sections(carried)), fmt.Sprint(sections(plain)); got != want {
				t.Errorf("%s/%d: %s, want %s", carrier, 96+bits, got, want)
			}
			if got, want := subnetIn(carried).SourceScope, 96+subnetIn(plain).SourceScope; got != want {
				t.Errorf("%s/%d: scope %d, want %d", carrier, 96+bits, got, want)
			}
		}
		short := ask(t, h, query{name: chat, qtype: dns.TypeA, ecs: fmt.Sprintf("%s/64", netip.PrefixFrom(netip.AddrFrom16(octets), 64).Masked().Addr())})
		if scope := subnetIn(short).SourceScope; scope < 64 {
			t.Errorf("%s/64: scope %d covers addresses that carry IPv4", carrier, scope)
		}
	}
}
