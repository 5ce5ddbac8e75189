package tidegate

import (
	"context"
	"strings"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// pluginName is the directive in a Corefile.
const pluginName = "tidegate"

// Handler answers queries from the store's current snapshot.
type Handler struct {
	Next  plugin.Handler
	store *world.Store
	zones zoneCache
}

var _ plugin.Handler = (*Handler)(nil)

// Name implements plugin.Handler.
func (h *Handler) Name() string { return pluginName }

// Ready implements ready.Readiness: there is a map to serve.
func (h *Handler) Ready() bool { return h.store.Load().Plan != nil }

// ServeDNS implements plugin.Handler. What is in none of the world's zones is REFUSED.
func (h *Handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	a := answerer{ctx: ctx, snapshot: h.store.Load(), request: request.Request{W: w, Req: r}}
	if r.Opcode != dns.OpcodeQuery {
		return dns.RcodeNotImplemented, nil
	}
	boundSize(r)
	message := a.answer(&h.zones)
	counters := &outside
	if a.static != nil {
		counters = &a.static.counters
	}
	counters.count(message.Rcode, a.reason)
	if err := w.WriteMsg(message); err != nil {
		return dns.RcodeServerFailure, err
	}
	return message.Rcode, nil
}

// answerer answers one query from one snapshot.
type answerer struct {
	ctx      context.Context
	snapshot *world.Snapshot
	request  request.Request
	client   client
	zone     *plan.Zone
	static   *staticZone
	reason   answerReason
}

func (a *answerer) answer(zones *zoneCache) *dns.Msg {
	m := new(dns.Msg).SetReply(a.request.Req)
	m.Authoritative = true
	a.reason = byStatic
	var ok bool
	if a.client, ok = clientOf(&a.request); !ok {
		return a.refuse(m, dns.RcodeFormatError, nil)
	}
	switch a.request.QType() {
	case dns.TypeAXFR, dns.TypeIXFR:
		return a.refuse(m, dns.RcodeRefused, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeProhibited})
	case dns.TypeOPT: // a pseudo-type: RFC 6891 section 6.1.1 knows it in the additional section only
		return a.refuse(m, dns.RcodeFormatError, nil)
	}
	if a.snapshot.Plan == nil {
		return a.refuse(m, dns.RcodeServerFailure, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNotReady})
	}
	name := gslb.Name(a.request.Name())
	if a.zone, ok = a.snapshot.Plan.Zone(name); !ok {
		return a.refuse(m, dns.RcodeRefused, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNotAuthoritative})
	}
	a.static = zones.get(a.snapshot, a.zone)
	scope := a.resolve(m, name)
	m.Compress = true
	a.setEDNS(m, scope, nil)
	return m
}

// refuse ends with an error code; nothing of the zones is in the message.
func (a *answerer) refuse(m *dns.Msg, rcode int, ede *dns.EDNS0_EDE) *dns.Msg {
	m.Authoritative = false
	m.Rcode = rcode
	a.reason = byRefusal
	a.setEDNS(m, 0, ede)
	return m
}

// maxChain bounds the CNAME records that are followed inside our own zones.
const maxChain = 8

// resolve fills in the answer, following CNAME records of the static zone to steered names, and returns the scope.
func (a *answerer) resolve(m *dns.Msg, name gslb.Name) (scope int) {
	for range maxChain {
		if index, ok := a.snapshot.Plan.Service(name); ok {
			return a.steered(m, name, index)
		}
		next, ok := a.lookupStatic(m, name)
		if !ok {
			return 0
		}
		zone, known := a.snapshot.Plan.Zone(next)
		if !known || zone != a.zone {
			return 0
		}
		name = next
	}
	return 0
}

// owner writes a name in the case of the question where it is the question's (0x20).
func (a *answerer) owner(name gslb.Name) string {
	if asked := a.request.QName(); strings.EqualFold(asked, string(name)) {
		return asked
	}
	return string(name)
}
