package tidegate

import (
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
)

// steered answers for a steered name and returns the scope. Other types than addresses come from the static zone.
func (a *answerer) steered(m *dns.Msg, name gslb.Name, index int) (scope int) {
	family := plan.IPv4
	switch a.request.QType() {
	case dns.TypeA:
	case dns.TypeAAAA:
		family = plan.IPv6
	case dns.TypeANY:
		// RFC 8482 section 4.2: "the HINFO RDATA's CPU field SHOULD be set to 'RFC8482'".
		a.reason = byANY
		m.Answer = append(m.Answer, a.hinfo(name, a.snapshot.Plan.Services[index].Spec.TTL))
		return 0
	default:
		a.otherType(m, name)
		return 0
	}
	query := steer.Query{Service: index, Family: family, Client: a.client.subnet}
	if !query.Client.FromECS {
		query.At = time.Now().Unix() // slots are of resolvers that send no client subnet
	}
	d := steer.Decide(a.snapshot, query)
	a.reason = answerReason(d.Reason)
	switch d.Outcome {
	case steer.NoFamily:
		a.noData(m)
		return a.scope(index, d)
	case steer.Unavailable:
		m.Rcode = dns.RcodeServerFailure
		m.Answer = nil
		return a.scope(index, d)
	}
	a.count(index, d)
	for _, addr := range d.Addresses {
		m.Answer = append(m.Answer, a.address(name, addr, d.TTL))
	}
	return a.scope(index, d)
}

// scope is how wide an answer is good for.
func (a *answerer) scope(index int, d steer.Decision) int {
	if d.Endpoint < 0 && a.snapshot.Plan.Services[index].Rules() == 0 {
		return 0 // nothing of the client decides, not even what carries its address
	}
	return a.client.subnet.CarrierBits + d.ScopeBits
}

// count adds the answer to what the hub's loop hears of: by whom it was asked for, too, where the resolver is all that is
// known of the clients.
func (a *answerer) count(index int, d steer.Decision) {
	tally, seconds := a.snapshot.Service(index).Tally, int64(d.TTL/time.Second)
	tally.Add(d.Demand, d.Endpoint, seconds)
	if client := &a.client.subnet; !client.FromECS {
		tally.AddResolver(d.Demand, d.Endpoint, client.Prefix.Addr(), seconds)
	}
}

func (a *answerer) address(name gslb.Name, addr netip.Addr, ttl time.Duration) dns.RR {
	header := dns.RR_Header{Name: a.owner(name), Class: dns.ClassINET, Ttl: uint32(ttl / time.Second)}
	if addr.Is4() {
		header.Rrtype = dns.TypeA
		return &dns.A{Hdr: header, A: addr.AsSlice()}
	}
	header.Rrtype = dns.TypeAAAA
	return &dns.AAAA{Hdr: header, AAAA: addr.AsSlice()}
}

func (a *answerer) hinfo(name gslb.Name, ttl time.Duration) dns.RR {
	header := dns.RR_Header{
		Name: a.owner(name), Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: uint32(ttl / time.Second),
	}
	return &dns.HINFO{Hdr: header, Cpu: "RFC8482"}
}

// otherType answers a question for neither addresses nor ANY at a steered name: what the zone file has, or NODATA.
func (a *answerer) otherType(m *dns.Msg, name gslb.Name) {
	answer, _, extra, result := a.static.lookup(a.ctx, a.request, name)
	if result == found && len(answer) > 0 && answer[0].Header().Rrtype == a.request.QType() {
		m.Answer, m.Extra = append(m.Answer, answer...), append(m.Extra, extra...)
		return
	}
	a.noData(m)
}

// noData is an empty answer with the SOA (RFC 2308 section 2.2).
func (a *answerer) noData(m *dns.Msg) {
	m.Ns = append(m.Ns, a.static.soa())
}

// lookupStatic answers from the zone's static records. It returns the name to go on with, if the answer is a CNAME that
// ends inside our own names.
func (a *answerer) lookupStatic(m *dns.Msg, name gslb.Name) (next gslb.Name, more bool) {
	answer, authority, extra, result := a.static.lookup(a.ctx, a.request, name)
	if result != delegated && (a.static.inner(name) || a.snapshot.Plan.Inner(name) && !a.static.owns(name)) {
		a.noData(m) // an empty non-terminal exists, so no wildcard stands in for it (RFC 4592 section 2.2.2)
		return "", false
	}
	if a.request.QType() == dns.TypeANY && result == found {
		a.reason = byANY
		m.Answer = append(m.Answer, a.any(name, answer)...)
		return "", false
	}
	m.Answer = append(m.Answer, answer...)
	if target, ok := danglingTarget(answer, a.request.QType()); ok {
		if aliases(m.Answer, target) {
			m.Rcode, m.Answer = dns.RcodeServerFailure, nil // RFC 1034 section 3.6.2: "CNAME loops should be signalled as an error"
			return "", false
		}
		return target, true
	}
	m.Ns, m.Extra = append(m.Ns, authority...), append(m.Extra, extra...)
	switch result {
	case missing:
		m.Rcode = dns.RcodeNameError
	case delegated:
		m.Authoritative = len(m.Answer) > 0
	case failed:
		m.Rcode = dns.RcodeServerFailure
	}
	return "", false
}

// aliases says whether one of the records makes an alias of a name.
func aliases(records []dns.RR, name gslb.Name) bool {
	return slices.ContainsFunc(records, func(rr dns.RR) bool {
		return rr.Header().Rrtype == dns.TypeCNAME && dns.CanonicalName(rr.Header().Name) == string(name)
	})
}

// any answers ANY at a static name. RFC 8482 section 4.2 synthesizes HINFO only where "there is no CNAME present at the
// owner name"; a CNAME is what ANY matches, so it is given and not followed (RFC 1034 section 3.6.2).
func (a *answerer) any(name gslb.Name, answer []dns.RR) []dns.RR {
	if len(answer) > 0 {
		switch answer[0].Header().Rrtype {
		case dns.TypeCNAME:
			return answer[:1]
		case dns.TypeDNAME:
			return answer[:min(2, len(answer))] // with the CNAME that it makes
		}
	}
	return []dns.RR{a.hinfo(name, negativeTTL)}
}

// danglingTarget is the target of the answer's last CNAME, if nothing follows it.
func danglingTarget(answer []dns.RR, qtype uint16) (gslb.Name, bool) {
	if len(answer) == 0 || qtype == dns.TypeCNAME {
		return "", false
	}
	cname, ok := answer[len(answer)-1].(*dns.CNAME)
	if !ok {
		return "", false
	}
	return gslb.Name(dns.CanonicalName(cname.Target)), true
}
