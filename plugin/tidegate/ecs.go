package tidegate

import (
	"net/netip"

	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb"
)

// client is on whose behalf a query came, and the option to echo.
type client struct {
	subnet gslb.ClientSubnet
	option *dns.EDNS0_SUBNET // nil: the query had none, and none goes out
}

// Address families of RFC 7871 section 6 (IANA Address Family Numbers).
const (
	familyNone = 0
	familyIPv4 = 1
	familyIPv6 = 2
)

// clientOf reads the client from the EDNS client subnet option, or else from the transport. It is not ok if the option
// is malformed, which is a FORMERR.
func clientOf(r *request.Request) (c client, ok bool) {
	remote, err := netip.ParseAddr(r.IP())
	if err != nil {
		return client{}, false
	}
	c.subnet = gslb.Resolver(remote)
	opt, ok := optOf(r.Req)
	if opt == nil || !ok {
		return c, ok
	}
	for _, o := range opt.Option {
		subnet, isSubnet := o.(*dns.EDNS0_SUBNET)
		if !isSubnet {
			continue
		}
		if c.option != nil {
			return client{}, false // two options: neither is to be believed
		}
		c.option = subnet
		prefix, ok := prefixOf(subnet)
		if !ok {
			return client{}, false
		}
		if prefix.Bits() > 0 {
			c.subnet = gslb.Client(prefix, true)
		}
	}
	return c, true
}

// optOf returns the query's OPT record. RFC 6891 section 6.1.1: "If a query message with more than one OPT RR is
// received, a FORMERR (RCODE=1) MUST be returned", and its owner name "MUST be 0 (root domain)".
func optOf(query *dns.Msg) (opt *dns.OPT, ok bool) {
	for _, rr := range query.Extra {
		if rr.Header().Rrtype != dns.TypeOPT {
			continue
		}
		if opt != nil || rr.Header().Name != "." {
			return nil, false
		}
		if opt, ok = rr.(*dns.OPT); !ok {
			return nil, false
		}
	}
	return opt, true
}

// prefixOf reads the option's network. RFC 7871 section 6: "SCOPE PREFIX-LENGTH [...] MUST be set to 0" in queries,
// and all bits past the source prefix length "MUST be set to 0"; section 7.1.2 lets a resolver opt out with a source
// prefix length of 0.
func prefixOf(o *dns.EDNS0_SUBNET) (netip.Prefix, bool) {
	if o.SourceScope != 0 {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(o.Address)
	switch {
	case o.Family == familyNone && o.SourceNetmask == 0:
		return netip.Prefix{}, true
	case !ok:
		return netip.Prefix{}, false
	case o.Family == familyIPv4:
		addr = addr.Unmap()
		ok = addr.Is4()
	case o.Family == familyIPv6:
		addr = netip.AddrFrom16(addr.As16())
	default:
		return netip.Prefix{}, false
	}
	prefix := netip.PrefixFrom(addr, int(o.SourceNetmask))
	if !ok || !prefix.IsValid() || prefix != prefix.Masked() {
		return netip.Prefix{}, false
	}
	return prefix, true
}

// setEDNS gives the answer an OPT record if the query had one: the client subnet with its scope (RFC 7871 section
// 7.2.1: FAMILY, SOURCE PREFIX-LENGTH and ADDRESS "MUST match those in the query"), and an extended error if there is
// one (RFC 8914).
func (a *answerer) setEDNS(m *dns.Msg, scope int, ede *dns.EDNS0_EDE) {
	asked := a.request.Req.IsEdns0()
	if asked == nil {
		return
	}
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.SetUDPSize(asked.UDPSize())
	if asked.Do() {
		opt.SetDo()
	}
	if echo := a.client.option; echo != nil {
		answered := *echo
		answered.SourceScope = 0
		if a.client.subnet.FromECS {
			answered.SourceScope = uint8(scope)
		}
		opt.Option = append(opt.Option, &answered)
	}
	if ede != nil {
		opt.Option = append(opt.Option, ede)
	}
	m.Extra = append(m.Extra, opt)
}

// maxUDPOctets is the largest UDP payload that is sent or advertised: it fits every path without fragments (RFC 9715).
const maxUDPOctets = 1232

// boundSize holds the query's payload size between 512 (RFC 6891 section 6.2.3) and ours. CoreDNS' writer cuts the answer
// to it, and advertises it: never more than we take.
func boundSize(query *dns.Msg) {
	if opt := query.IsEdns0(); opt != nil {
		opt.SetUDPSize(min(max(opt.UDPSize(), dns.MinMsgSize), maxUDPOctets))
	}
}
