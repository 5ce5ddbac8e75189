package tidegate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin/file"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// The SOA of a zone without one of its own. The negative TTL is short, so that a name that was asked for too early does
// not stay missing (RFC 2308 section 5).
const (
	negativeTTL   = 30 * time.Second
	authorityTTL  = time.Hour
	soaRefresh    = 2 * time.Hour
	soaRetry      = 30 * time.Minute
	soaExpire     = 14 * 24 * time.Hour
	hostmasterBox = "hostmaster."
)

// staticZone answers for what is not steered: it wraps the zone engine of CoreDNS' file plugin.
type staticZone struct {
	zone     *file.Zone
	negative *dns.SOA
	counters answerCounters
}

// result is how a static lookup ended.
type result int

const (
	found     result = iota // an answer, or NODATA
	missing                 // NXDOMAIN
	delegated               // a referral
	failed                  // SERVFAIL
)

func (z *staticZone) lookup(ctx context.Context, r request.Request, name gslb.Name) (answer, authority, extra []dns.RR, _ result) {
	if r.QType() == typePresent {
		return nil, []dns.RR{z.soa()}, nil, found
	}
	answer, authority, extra, outcome := z.zone.Lookup(ctx, r, string(name))
	switch outcome {
	case file.NameError:
		return answer, z.negatively(authority), extra, missing
	case file.Delegation:
		return answer, authority, extra, delegated
	case file.ServerFailure:
		// The engine gives up on a CNAME whose target is not in the zone file; the caller follows it.
		if _, dangling := danglingTarget(answer, r.QType()); dangling {
			return answer, nil, nil, found
		}
		return nil, nil, nil, failed
	case file.NoData:
		authority = z.negatively(authority)
	}
	return answer, authority, extra, found
}

// negatively is the authority section of a negative answer. RFC 2308 section 3: "The TTL of this record is set from the
// minimum of the MINIMUM field of the SOA record and the TTL of the SOA itself".
func (z *staticZone) negatively(authority []dns.RR) []dns.RR {
	authority = slices.Clone(authority)
	for i, rr := range authority {
		if rr.Header().Rrtype == dns.TypeSOA {
			authority[i] = z.negative
		}
	}
	return authority
}

// typePresent is the type, of the range for private use (RFC 6895 section 3.1), of a record that is never served. It tells
// the zone engine that a name exists: the apex, and a steered name that a wildcard must not stand in for.
const typePresent = 65280

func (z *staticZone) present(name gslb.Name) error {
	header := dns.RR_Header{Name: string(name), Rrtype: typePresent, Class: dns.ClassINET}
	return z.zone.Insert(&dns.RFC3597{Hdr: header})
}

// owns says whether the zone has a record at a name.
func (z *staticZone) owns(name gslb.Name) bool {
	_, ok := z.zone.Search(string(name))
	return ok
}

// inner says whether a name exists only because records lie below it.
func (z *staticZone) inner(name gslb.Name) bool {
	if z.owns(name) {
		return false
	}
	next, ok := z.zone.Next(string(name))
	return ok && dns.IsSubDomain(string(name), next.Name())
}

// soa is the record for a negative answer.
func (z *staticZone) soa() dns.RR { return z.negative }

// newStaticZone builds a zone's records; what a zone needs and does not say is added.
func newStaticZone(zone *plan.Zone, generation uint64) (*staticZone, error) {
	z := file.NewZone(string(zone.Name), "")
	for _, line := range zone.Records {
		rr, err := plan.ParseRecord(zone.Name, line)
		if err == nil {
			err = z.Insert(rr)
		}
		if err != nil {
			return nil, fmt.Errorf("zone %s: record %q: %w", zone.Name, line, err)
		}
	}
	if z.SOA == nil {
		z.SOA = soaOf(zone, generation)
	}
	if len(z.NS) == 0 {
		for _, ns := range zone.Nameservers {
			header := dns.RR_Header{Name: string(zone.Name), Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: uint32(authorityTTL / time.Second)}
			z.NS = append(z.NS, &dns.NS{Hdr: header, Ns: string(ns)})
		}
	}
	out := &staticZone{zone: z, negative: negativeOf(z.SOA), counters: answerCounters{zone: string(zone.Name)}}
	return out, out.present(zone.Name)
}

func negativeOf(soa *dns.SOA) *dns.SOA {
	negative := *soa
	negative.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
	return &negative
}

func soaOf(zone *plan.Zone, generation uint64) *dns.SOA {
	return &dns.SOA{
		Hdr:     dns.RR_Header{Name: string(zone.Name), Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: uint32(negativeTTL / time.Second)},
		Ns:      string(zone.Nameservers[0]),
		Mbox:    hostmasterBox + string(zone.Name),
		Serial:  uint32(generation),
		Refresh: uint32(soaRefresh / time.Second),
		Retry:   uint32(soaRetry / time.Second),
		Expire:  uint32(soaExpire / time.Second),
		Minttl:  uint32(negativeTTL / time.Second),
	}
}

// zoneCache holds the static zones of the plan that is served, of the next one, and of the one before: queries of two
// snapshots overlap for a moment, and each finds its own.
type zoneCache struct {
	current, next, last atomic.Pointer[builtZones]
}

type builtZones struct {
	plan  *plan.Compiled
	zones map[*plan.Zone]*staticZone
}

// prepare builds the zones of a plan before it is served, so that no query waits for them.
func (c *zoneCache) prepare(compiled *plan.Compiled, generation uint64) {
	c.next.Store(buildZones(compiled, generation))
}

// get returns a zone of the snapshot that a query is answered from.
func (c *zoneCache) get(snapshot *world.Snapshot, zone *plan.Zone) *staticZone {
	for _, place := range [...]*atomic.Pointer[builtZones]{&c.current, &c.next, &c.last} {
		built := place.Load()
		if built == nil || built.plan != snapshot.Plan {
			continue
		}
		if place == &c.next {
			c.last.Store(c.current.Swap(built))
		}
		return built.zones[zone]
	}
	built := buildZones(snapshot.Plan, snapshot.Generation) // nobody prepared it
	c.last.Store(c.current.Swap(built))
	return built.zones[zone]
}

func buildZones(compiled *plan.Compiled, generation uint64) *builtZones {
	built := &builtZones{plan: compiled, zones: map[*plan.Zone]*staticZone{}}
	for i := range compiled.Map.Zones {
		zone := &compiled.Map.Zones[i]
		static, err := newStaticZone(zone, generation)
		if err != nil {
			// The records were read once before; without them the zone still has its SOA and NS.
			log.Errorf("%v: the zone is served without its static records", err)
			bare := plan.Zone{Name: zone.Name, Nameservers: zone.Nameservers}
			static, _ = newStaticZone(&bare, generation)
		}
		built.zones[zone] = static
	}
	markSteered(built, compiled)
	return built
}

// markSteered tells zones with wildcards which names are steered.
func markSteered(built *builtZones, compiled *plan.Compiled) {
	for _, s := range compiled.Map.Services {
		for _, name := range append([]gslb.Name{s.Name}, s.Aliases...) {
			zone, ok := compiled.Zone(name)
			if !ok || !hasWildcard(zone) {
				continue
			}
			if err := built.zones[zone].present(name); err != nil {
				log.Errorf("zone %s: a wildcard may answer below %s: %v", zone.Name, name, err)
			}
		}
	}
}

func hasWildcard(zone *plan.Zone) bool {
	return slices.ContainsFunc(zone.Records, func(r string) bool { return strings.HasPrefix(r, "*") || strings.Contains(r, ".*.") })
}
