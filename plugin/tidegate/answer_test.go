package tidegate

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const (
	soaText     = "edge.example. 30 IN SOA ns1.edge.example. hostmaster.edge.example. 7 7200 1800 1209600 30"
	bareSOAText = "bare.example. 30 IN SOA ns1.edge.example. hostmaster.bare.example. 7 7200 1800 1209600 30"
	wildSOAText = "wild.example. 30 IN SOA ns1.edge.example. hostmaster.wild.example. 7 7200 1800 1209600 30"
	ns1Text     = "edge.example. 3600 IN NS ns1.edge.example."
	ns2Text     = "edge.example. 3600 IN NS ns2.edge.example."
	germany     = "84.128.0.1"
	virginia    = "3.208.0.1"
)

// TestAnswers asks for every kind of name and type. A row of want is a section and a record.
func TestAnswers(t *testing.T) {
	h := exampleHandler(t)
	for _, c := range []struct {
		name  string
		query query
		rcode int
		want  []string
	}{
		{"address of the nearest site", query{name: "chat.edge.example.", qtype: dns.TypeA, remote: germany}, dns.RcodeSuccess,
			[]string{"an chat.edge.example. 30 IN A 192.0.2.30"}},
		{"address of another nearest site", query{name: "chat.edge.example.", qtype: dns.TypeA, remote: virginia}, dns.RcodeSuccess,
			[]string{"an chat.edge.example. 30 IN A 192.0.2.40"}},
		{"IPv6 address of the same site", query{name: "chat.edge.example.", qtype: dns.TypeAAAA, remote: germany}, dns.RcodeSuccess,
			[]string{"an chat.edge.example. 30 IN AAAA 2001:db8:1::30"}},
		{"alias", query{name: "talk.edge.example.", qtype: dns.TypeA, remote: germany}, dns.RcodeSuccess,
			[]string{"an talk.edge.example. 30 IN A 192.0.2.30"}},
		{"the TTL is the service's", query{name: "four.edge.example.", qtype: dns.TypeA}, dns.RcodeSuccess,
			[]string{"an four.edge.example. 300 IN A 192.0.2.41"}},
		{"a family that no site has", query{name: "four.edge.example.", qtype: dns.TypeAAAA}, dns.RcodeSuccess,
			[]string{"ns " + soaText}},
		{"HTTPS at a steered name", query{name: "chat.edge.example.", qtype: dns.TypeHTTPS}, dns.RcodeSuccess,
			[]string{"ns " + soaText}},
		{"static record at a steered name", query{name: "chat.edge.example.", qtype: dns.TypeTXT}, dns.RcodeSuccess,
			[]string{`an chat.edge.example. 300 IN TXT "beside the steered addresses"`}},
		{"ANY at a steered name", query{name: "chat.edge.example.", qtype: dns.TypeANY}, dns.RcodeSuccess,
			[]string{`an chat.edge.example. 30 IN HINFO "RFC8482" ""`}},
		{"ANY at a static name", query{name: "ns1.edge.example.", qtype: dns.TypeANY}, dns.RcodeSuccess,
			[]string{`an ns1.edge.example. 30 IN HINFO "RFC8482" ""`}},
		{"ANY at a CNAME", query{name: "www.edge.example.", qtype: dns.TypeANY}, dns.RcodeSuccess,
			[]string{"an www.edge.example. 300 IN CNAME chat.edge.example."}},
		{"AXFR", query{name: "edge.example.", qtype: dns.TypeAXFR}, dns.RcodeRefused, nil},
		{"IXFR", query{name: "edge.example.", qtype: dns.TypeIXFR}, dns.RcodeRefused, nil},
		{"OPT as a question", query{name: "edge.example.", qtype: dns.TypeOPT}, dns.RcodeFormatError, nil},
		{"ANY at the apex", query{name: "bare.example.", qtype: dns.TypeANY}, dns.RcodeSuccess,
			[]string{`an bare.example. 30 IN HINFO "RFC8482" ""`}},
		{"ANY at no name", query{name: "nothing.edge.example.", qtype: dns.TypeANY}, dns.RcodeNameError,
			[]string{"ns " + soaText}},
		{"ANY at an empty non-terminal", query{name: "empty.edge.example.", qtype: dns.TypeANY}, dns.RcodeSuccess,
			[]string{"ns " + soaText}},
		{"SOA", query{name: "edge.example.", qtype: dns.TypeSOA}, dns.RcodeSuccess,
			[]string{"an " + soaText, "ns " + ns1Text, "ns " + ns2Text}},
		{"NS with the addresses of the name servers", query{name: "edge.example.", qtype: dns.TypeNS}, dns.RcodeSuccess,
			[]string{"an " + ns1Text, "an " + ns2Text, "ar ns1.edge.example. 3600 IN A 192.0.2.53", "ar ns2.edge.example. 3600 IN A 192.0.2.54"}},
		{"address of an apex without records", query{name: "bare.example.", qtype: dns.TypeA}, dns.RcodeSuccess,
			[]string{"ns " + bareSOAText}},
		{"no such name", query{name: "nothing.edge.example.", qtype: dns.TypeA}, dns.RcodeNameError, []string{"ns " + soaText}},
		{"no such name below a steered one", query{name: "x.chat.edge.example.", qtype: dns.TypeA}, dns.RcodeNameError,
			[]string{"ns " + soaText}},
		{"empty non-terminal above a static name", query{name: "empty.edge.example.", qtype: dns.TypeA}, dns.RcodeSuccess,
			[]string{"ns " + soaText}},
		{"empty non-terminal above a steered name", query{name: "eu.deep.edge.example.", qtype: dns.TypeA}, dns.RcodeSuccess,
			[]string{"ns " + soaText}},
		{"two labels above a steered name", query{name: "deep.edge.example.", qtype: dns.TypeA}, dns.RcodeSuccess,
			[]string{"ns " + soaText}},
		{"CNAME to a steered name", query{name: "www.edge.example.", qtype: dns.TypeA, remote: germany}, dns.RcodeSuccess,
			[]string{"an chat.edge.example. 30 IN A 192.0.2.30", "an www.edge.example. 300 IN CNAME chat.edge.example."}},
		{"two CNAMEs to a steered name", query{name: "web.edge.example.", qtype: dns.TypeA, remote: virginia}, dns.RcodeSuccess,
			[]string{"an chat.edge.example. 30 IN A 192.0.2.40", "an web.edge.example. 300 IN CNAME www.edge.example.", "an www.edge.example. 300 IN CNAME chat.edge.example."}},
		{"wildcard CNAME to a steered name", query{name: "any.star.edge.example.", qtype: dns.TypeA, remote: germany}, dns.RcodeSuccess,
			[]string{"an any.star.edge.example. 300 IN CNAME chat.edge.example.", "an chat.edge.example. 30 IN A 192.0.2.30"}},
		{"the CNAME itself", query{name: "www.edge.example.", qtype: dns.TypeCNAME}, dns.RcodeSuccess,
			[]string{"an www.edge.example. 300 IN CNAME chat.edge.example.", "ns " + ns1Text, "ns " + ns2Text}},
		{"CNAME out of our zones", query{name: "out.edge.example.", qtype: dns.TypeA}, dns.RcodeSuccess,
			[]string{"an out.edge.example. 300 IN CNAME www.example.net."}},
		{"CNAME to no name", query{name: "lost.edge.example.", qtype: dns.TypeA}, dns.RcodeNameError,
			[]string{"an lost.edge.example. 300 IN CNAME missing.edge.example.", "ns " + soaText}},
		{"CNAMEs in a ring", query{name: "tick.edge.example.", qtype: dns.TypeA}, dns.RcodeServerFailure, nil},
		{"CNAME to itself", query{name: "self.edge.example.", qtype: dns.TypeA}, dns.RcodeServerFailure, nil},
		{"delegation", query{name: "host.sub.edge.example.", qtype: dns.TypeA}, dns.RcodeSuccess,
			[]string{"ar ns.sub.edge.example. 300 IN A 192.0.2.55", "ns sub.edge.example. 300 IN NS ns.sub.edge.example."}},
		{"mail exchanger with its address", query{name: "edge.example.", qtype: dns.TypeMX}, dns.RcodeSuccess,
			[]string{"an edge.example. 300 IN MX 10 mail.edge.example.", "ar mail.edge.example. 300 IN A 192.0.2.25", "ns " + ns1Text, "ns " + ns2Text}},
		{"wildcard", query{name: "any.wild.example.", qtype: dns.TypeA}, dns.RcodeSuccess,
			[]string{"an any.wild.example. 300 IN A 192.0.2.100", "ns wild.example. 3600 IN NS ns1.edge.example."}},
		{"no wildcard below a steered name", query{name: "x.chat.wild.example.", qtype: dns.TypeA}, dns.RcodeNameError,
			[]string{"ns " + wildSOAText}},
		{"no wildcard in place of an empty non-terminal", query{name: "inner.wild.example.", qtype: dns.TypeA}, dns.RcodeSuccess,
			[]string{"ns " + wildSOAText}},
		{"steered name beside a wildcard", query{name: "chat.wild.example.", qtype: dns.TypeA}, dns.RcodeSuccess,
			[]string{"an chat.wild.example. 30 IN A 192.0.2.34"}},
		{"the type that marks steered names", query{name: "chat.wild.example.", qtype: typePresent}, dns.RcodeSuccess,
			[]string{"ns " + wildSOAText}},
		{"all unhealthy, and the owner wants SERVFAIL", query{name: "shut.edge.example.", qtype: dns.TypeA}, dns.RcodeServerFailure, nil},
		{"outside our zones", query{name: "www.example.net.", qtype: dns.TypeA}, dns.RcodeRefused, nil},
		{"a dot inside a label does not begin our zone", query{name: `x\.edge.example.`, qtype: dns.TypeA}, dns.RcodeRefused, nil},
		{"a dot inside a label of our zone", query{name: `x\.chat.edge.example.`, qtype: dns.TypeA}, dns.RcodeNameError, []string{"ns " + soaText}},
	} {
		t.Run(c.name, func(t *testing.T) {
			reply := ask(t, h, c.query)
			if got := sections(reply); reply.Rcode != c.rcode || !slices.Equal(got, c.want) {
				t.Errorf("got %s\n%s\nwant %s\n%s", dns.RcodeToString[reply.Rcode], strings.Join(got, "\n"),
					dns.RcodeToString[c.rcode], strings.Join(c.want, "\n"))
			}
		})
	}
}

// sections lists the records of a message but OPT, each after its section, sorted.
func sections(m *dns.Msg) (rows []string) {
	for section, records := range map[string][]dns.RR{"an": m.Answer, "ns": m.Ns, "ar": m.Extra} {
		for _, rr := range records {
			if rr.Header().Rrtype != dns.TypeOPT {
				rows = append(rows, section+" "+strings.ReplaceAll(rr.String(), "\t", " "))
			}
		}
	}
	slices.Sort(rows)
	return rows
}

func TestAuthoritativeBit(t *testing.T) {
	h := exampleHandler(t)
	for name, want := range map[string]bool{
		"chat.edge.example.": true, "nothing.edge.example.": true, "host.sub.edge.example.": false, "www.example.net.": false,
	} {
		if got := ask(t, h, query{name: name, qtype: dns.TypeA}).Authoritative; got != want {
			t.Errorf("%s: AA is %v, want %v", name, got, want)
		}
	}
}

// draft-vixie-dnsext-dns0x20: a resolver hides a nonce in the case of its question.
func TestCaseOfTheQuestionIsKept(t *testing.T) {
	reply := ask(t, exampleHandler(t), query{name: "ChAt.eDGe.EXAMPLE.", qtype: dns.TypeA, remote: germany})
	if got := reply.Question[0].Name; got != "ChAt.eDGe.EXAMPLE." {
		t.Errorf("question came back as %s", got)
	}
	if len(reply.Answer) != 1 || reply.Answer[0].Header().Name != "ChAt.eDGe.EXAMPLE." {
		t.Errorf("answer %v, want one owned by ChAt.eDGe.EXAMPLE.", reply.Answer)
	}
}
