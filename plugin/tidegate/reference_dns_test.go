package tidegate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// message is what is compared of an answer.
type message struct {
	rcode   string
	answers []string // sorted, owners in lower case
	soa     bool
	scope   int // -1: no client subnet option
}

func (m message) String() string {
	return fmt.Sprintf("%s %v soa=%v scope=%d", m.rcode, m.answers, m.soa, m.scope)
}

func messageOf(m *dns.Msg) message {
	out := message{rcode: dns.RcodeToString[m.Rcode], scope: -1}
	for _, rr := range m.Answer {
		out.answers = append(out.answers, textOf(rr))
	}
	slices.Sort(out.answers)
	for _, rr := range m.Ns {
		out.soa = out.soa || rr.Header().Rrtype == dns.TypeSOA
	}
	if subnet := subnetIn(m); subnet != nil {
		out.scope = int(subnet.SourceScope)
	}
	return out
}

func textOf(rr dns.RR) string {
	rr = dns.Copy(rr)
	rr.Header().Name = strings.ToLower(rr.Header().Name)
	return strings.ReplaceAll(rr.String(), "\t", " ")
}

// answer is every message that is right for a query: more than one only where sites draw too closely to tell.
func (r *reference) answer(q query) []message {
	return r.resolve(strings.ToLower(q.name), q, nil, message{rcode: "NOERROR", scope: scopeWithout(q)})
}

// scopeWithout is the scope of an answer that does not depend on the client.
func scopeWithout(q query) int {
	if q.ecs == "" {
		return -1
	}
	return 0
}

func (r *reference) resolve(name string, q query, chain []string, m message) []message {
	m.answers = chain
	zone := r.zoneOf(name)
	switch {
	case zone == nil && chain == nil:
		m.rcode = "REFUSED"
		return []message{m}
	case zone == nil || chain != nil && zone != r.zoneOf(strings.ToLower(q.name)):
		return []message{m}
	}
	if s := r.serviceOf(name); s != nil && (q.qtype == dns.TypeA || q.qtype == dns.TypeAAAA) {
		return r.steered(name, s, q, m)
	}
	owned := r.recordsAt(name, zone)
	switch {
	case q.qtype == dns.TypeANY && cnameOf(owned) != "":
		m.answers = append(m.answers, ofType(owned, dns.TypeCNAME)...)
	case q.qtype == dns.TypeANY && (len(owned) > 0 || r.serviceOf(name) != nil):
		m.answers = append(m.answers, fmt.Sprintf("%s %d IN HINFO \"RFC8482\" \"\"", name, r.anyTTL(name)))
	case q.qtype != dns.TypeCNAME && cnameOf(owned) != "":
		return r.resolve(cnameOf(owned), q, append(chain, owned...), m)
	default:
		m.answers = append(m.answers, ofType(owned, q.qtype)...)
		m.soa = len(ofType(owned, q.qtype)) == 0
		if !r.exists(name) {
			m.rcode = "NXDOMAIN"
		}
	}
	slices.Sort(m.answers)
	return []message{m}
}

func (r *reference) steered(name string, s *plan.Service, q query, m message) (all []message) {
	family, rrtype := plan.IPv4, "A"
	if q.qtype == dns.TypeAAAA {
		family, rrtype = plan.IPv6, "AAAA"
	}
	v := r.decide(s, family, q)
	if v.nodata {
		m.soa = true
		return []message{m}
	}
	if v.servfail {
		m.rcode, m.answers = "SERVFAIL", nil
		return []message{m}
	}
	if v.fallback != nil {
		return []message{m.withFallback(name, rrtype, s, v.fallback)}
	}
	if bits := sourceBits(q); bits > 0 {
		m.scope = v.scope
	}
	for _, site := range v.sites {
		one := m
		one.answers = slices.Clone(m.answers)
		for _, addr := range v.addresses[site] {
			one.answers = append(one.answers, fmt.Sprintf("%s %d IN %s %s", name, v.ttl[site], rrtype, addr))
		}
		slices.Sort(one.answers)
		all = append(all, one)
	}
	return all
}

// withFallback does not depend on the client.
func (m message) withFallback(name, rrtype string, s *plan.Service, list []netip.Addr) message {
	m.answers = slices.Clone(m.answers)
	for _, addr := range list {
		m.answers = append(m.answers, fmt.Sprintf("%s %d IN %s %s", name, min(10, int(s.TTL.Seconds())), rrtype, addr))
	}
	slices.Sort(m.answers)
	return m
}

func sourceBits(q query) int {
	if q.ecs == "" {
		return 0
	}
	return netip.MustParsePrefix(q.ecs).Bits()
}

func clientAddress(q query) netip.Addr {
	if sourceBits(q) > 0 {
		return netip.MustParsePrefix(q.ecs).Addr()
	}
	return netip.MustParseAddr(q.remote)
}

func (r *reference) serviceOf(name string) *plan.Service {
	for i := range r.world.Services {
		s := &r.world.Services[i]
		if string(s.Name) == name || slices.Contains(s.Aliases, gslb.Name(name)) {
			return s
		}
	}
	return nil
}

// zoneOf is the zone with the longest name around a name.
func (r *reference) zoneOf(name string) (best *plan.Zone) {
	for i := range r.world.Zones {
		z := &r.world.Zones[i]
		if dns.IsSubDomain(string(z.Name), name) && (best == nil || len(z.Name) > len(best.Name)) {
			best = z
		}
	}
	return best
}

// recordsAt lists what a zone has at a name, with what it says by itself at its apex.
func (r *reference) recordsAt(name string, zone *plan.Zone) (list []string) {
	for _, record := range zone.Records {
		if owner, _, _ := strings.Cut(record, " "); owner == name {
			list = append(list, record)
		}
	}
	if name == string(zone.Name) {
		list = append(list, fmt.Sprintf("%s 30 IN SOA %s hostmaster.%s 7 7200 1800 1209600 30", name, zone.Nameservers[0], name))
		for _, ns := range zone.Nameservers {
			list = append(list, fmt.Sprintf("%s 3600 IN NS %s", name, ns))
		}
	}
	return list
}

func cnameOf(records []string) string {
	for _, record := range records {
		if fields := strings.Fields(record); fields[3] == "CNAME" {
			return fields[4]
		}
	}
	return ""
}

func ofType(records []string, qtype uint16) (list []string) {
	for _, record := range records {
		if strings.Fields(record)[3] == dns.TypeToString[qtype] {
			list = append(list, record)
		}
	}
	return list
}

// exists says whether something is at a name or below it.
func (r *reference) exists(name string) bool {
	below := func(other string) bool { return dns.IsSubDomain(name, other) }
	for _, z := range r.world.Zones {
		if below(string(z.Name)) {
			return true
		}
		for _, record := range z.Records {
			if owner, _, _ := strings.Cut(record, " "); below(owner) {
				return true
			}
		}
	}
	for _, s := range r.world.Services {
		if below(string(s.Name)) || slices.ContainsFunc(s.Aliases, func(a gslb.Name) bool { return below(string(a)) }) {
			return true
		}
	}
	return false
}

func (r *reference) anyTTL(name string) int {
	if s := r.serviceOf(name); s != nil {
		return int(s.TTL.Seconds())
	}
	return 30
}
