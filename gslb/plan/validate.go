package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb"
)

// Limits of a map. What is above them is refused with keep-last-good, never served in part.
const (
	MaxSites            = 1_000
	MaxServices         = 200_000
	MaxEndpointsPerName = 1_000
	MaxAddresses        = 16
	MaxHeavyResolvers   = 10_000
	MinTTL              = time.Second
	MaxTTL              = 24 * time.Hour
	MinProbeInterval    = 100 * time.Millisecond
	MaxProbeInterval    = time.Hour
	MaxMatchBytes       = 255
)

// Problem is one thing that is wrong with a map, and where: "services[3].endpoints[0].capacity".
type Problem struct {
	Path string
	Err  error
}

func (p *Problem) Error() string { return p.Path + ": " + p.Err.Error() }

func (p *Problem) Unwrap() error { return p.Err }

// Validate returns every problem of the map, joined, or nil. A valid map compiles.
func (m *Map) Validate() error {
	v := validator{
		names: map[gslb.Name]string{}, sites: map[gslb.SiteID]bool{}, zones: map[gslb.Name]bool{}, static: map[gslb.Name]uint16{},
	}
	v.allSites(m.Sites)
	v.allZones(m.Zones)
	v.allServices(m.Services)
	v.heavyResolvers(m.HeavyResolvers)
	return errors.Join(v.problems...)
}

// Problems lists what an error of Validate joins.
func Problems(err error) []*Problem {
	var list []*Problem
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = append(list, Problems(e)...)
		}
		return list
	}
	var p *Problem
	if errors.As(err, &p) {
		list = append(list, p)
	}
	return list
}

type validator struct {
	problems []error
	sites    map[gslb.SiteID]bool
	zones    map[gslb.Name]bool
	names    map[gslb.Name]string // name -> path of its first use
	static   map[gslb.Name]uint16 // name -> type of a static record that no steered name can have beside it
}

func (v *validator) fail(path, format string, args ...any) {
	v.problems = append(v.problems, &Problem{Path: path, Err: fmt.Errorf(format, args...)})
}

func (v *validator) allSites(sites []Site) {
	if len(sites) > MaxSites {
		v.fail("sites", "%d sites, the limit is %d", len(sites), MaxSites)
	}
	for i, s := range sites {
		path := fmt.Sprintf("sites[%d]", i)
		if err := gslb.CheckLabel(string(s.ID)); err != nil {
			v.fail(path+".name", "%w", err)
		}
		if v.sites[s.ID] {
			v.fail(path+".name", "site %q is listed twice", s.ID)
		}
		v.sites[s.ID] = true
		if !s.Location.Valid() {
			v.fail(path+".location", "latitude must be within 90 degrees and longitude within 180")
		}
		for j, line := range s.Lines {
			v.line(fmt.Sprintf("%s.lines[%d]", path, j), line)
		}
	}
}

func (v *validator) line(path string, line gslb.Line) {
	if err := gslb.CheckLabel(string(line)); err != nil {
		v.fail(path, "line %q: want a lower-case word such as telecom, or default", line)
	}
}

func (v *validator) allZones(zones []Zone) {
	if len(zones) == 0 {
		v.fail("zones", "no zone: add the one that the names are in")
	}
	for i, z := range zones {
		path := fmt.Sprintf("zones[%d]", i)
		v.name(path+".name", z.Name)
		if v.zones[z.Name] {
			v.fail(path+".name", "zone %s is listed twice", z.Name)
		}
		v.zones[z.Name] = true
		if len(z.Nameservers) == 0 {
			v.fail(path+".nameservers", "no name server: add the names that the parent zone delegates to")
		}
		for j, ns := range z.Nameservers {
			v.name(fmt.Sprintf("%s.nameservers[%d]", path, j), ns)
		}
		v.records(path, &z)
	}
}

func (v *validator) records(path string, z *Zone) {
	if len(z.Records) > MaxRecords {
		v.fail(path+".records", "%d records, the limit is %d", len(z.Records), MaxRecords)
		return
	}
	for i, line := range z.Records {
		rr, err := ParseRecord(z.Name, line)
		if err != nil {
			v.fail(fmt.Sprintf("%s.records[%d]", path, i), "%w", err)
			continue
		}
		switch header := rr.Header(); header.Rrtype {
		case dns.TypeA, dns.TypeAAAA, dns.TypeCNAME:
			v.static[gslb.Name(dns.CanonicalName(header.Name))] = header.Rrtype
		}
	}
}

func (v *validator) name(path string, name gslb.Name) {
	if parsed, err := gslb.ParseName(string(name)); err != nil {
		v.fail(path, "%w", err)
	} else if parsed != name {
		v.fail(path, "%q must be written %q", name, parsed)
	}
}

func (v *validator) allServices(services []Service) {
	if len(services) > MaxServices {
		v.fail("services", "%d services, the limit is %d", len(services), MaxServices)
	}
	for i := range services {
		v.service(fmt.Sprintf("services[%d]", i), &services[i])
	}
}

func (v *validator) service(path string, s *Service) {
	v.owned(path+".name", s.Name)
	for i, alias := range s.Aliases {
		v.owned(fmt.Sprintf("%s.aliases[%d]", path, i), alias)
	}
	if s.TTL < MinTTL || s.TTL > MaxTTL || s.TTL%time.Second != 0 {
		v.fail(path+".ttl", "%v, want whole seconds from %v to %v", s.TTL, MinTTL, MaxTTL)
	}
	v.steering(path+".steering", &s.Steering)
	if err := s.Steering.CheckTTL(s.TTL); err != nil {
		v.fail(path+".steering.calmTTL", "%w", err)
	}
	if s.Health != nil {
		v.health(path+".health", *s.Health)
	}
	v.endpoints(path, s.Endpoints)
	v.splits(path, s.Splits)
}

// owned checks a name and that nothing else in the map has it.
func (v *validator) owned(path string, name gslb.Name) {
	v.name(path, name)
	if first, taken := v.names[name]; taken {
		v.fail(path, "%s is also the name of %s: a name has one owner", name, first)
		return
	}
	v.names[name] = path
	if rrtype, taken := v.static[name]; taken {
		v.fail(path, "%s has a static %s record, which steering would hide: remove one of them", name, dns.TypeToString[rrtype])
	}
	if !v.inZone(name) {
		v.fail(path, "%s is in none of the zones: add its zone, or export it by CNAME", name)
	}
}

func (v *validator) inZone(name gslb.Name) bool {
	for ; name != "."; name = name.Parent() {
		if v.zones[name] {
			return true
		}
	}
	return false
}

func (v *validator) health(path string, h Health) {
	switch h.Type {
	case ProbeHTTP, ProbeHTTPS:
		if !strings.HasPrefix(h.Path, "/") || strings.ContainsAny(h.Path, " \r\n") {
			v.fail(path+".path", "%q, want a path such as /healthz", h.Path)
		}
		if len(h.Match) > MaxMatchBytes {
			v.fail(path+".match", "%d bytes, the limit is %d", len(h.Match), MaxMatchBytes)
		}
	case ProbeTCP, ProbeGRPC:
		if h.Path != "" || h.Match != "" {
			v.fail(path+".path", "only an http or https probe has a path and a match")
		}
	default:
		v.fail(path+".type", "%q, want http, https, tcp or grpc", h.Type)
	}
	if h.Port == 0 {
		v.fail(path+".port", "missing: give the port to probe")
	}
	if h.Interval < MinProbeInterval || h.Interval > MaxProbeInterval {
		v.fail(path+".interval", "%v, want %v to %v", h.Interval, MinProbeInterval, MaxProbeInterval)
	}
}

func (v *validator) endpoints(path string, endpoints []Endpoint) {
	if len(endpoints) == 0 || len(endpoints) > MaxEndpointsPerName {
		v.fail(path+".endpoints", "%d endpoints, want 1 to %d", len(endpoints), MaxEndpointsPerName)
	}
	seen := map[gslb.SiteID]bool{}
	for i, e := range endpoints {
		at := fmt.Sprintf("%s.endpoints[%d]", path, i)
		if !v.sites[e.Site] {
			v.fail(at+".site", "no site is called %q: add it to sites", e.Site)
		}
		if seen[e.Site] {
			v.fail(at+".site", "site %q has two endpoints: give one endpoint several addresses", e.Site)
		}
		seen[e.Site] = true
		if e.Capacity < 0 || e.Capacity > gslb.MaxRate {
			v.fail(at+".capacity", "%v requests/s, want 0 to %v", e.Capacity, gslb.MaxRate)
		}
		v.addresses(at, e.Addresses)
	}
}

func (v *validator) addresses(path string, addresses []Address) {
	if len(addresses) == 0 || len(addresses) > MaxAddresses {
		v.fail(path+".addresses", "%d addresses, want 1 to %d", len(addresses), MaxAddresses)
	}
	seen := map[netip.Addr]bool{}
	for i, a := range addresses {
		at := fmt.Sprintf("%s.addresses[%d]", path, i)
		switch {
		case !unicast(a.Addr):
			v.fail(at+".address", "%v cannot be served: want a unicast IPv4 or IPv6 address", a.Addr)
		case seen[a.Addr]:
			v.fail(at+".address", "%v is listed twice", a.Addr)
		}
		seen[a.Addr] = true
		if a.Line != gslb.NoLine {
			v.line(at+".line", a.Line)
		}
		if a.Region == NoRegion {
			continue
		}
		if err := a.Region.check(); err != nil {
			v.fail(at+".region", "%w", err)
		}
	}
}

func unicast(addr netip.Addr) bool {
	return gslb.Unicast(addr)
}
