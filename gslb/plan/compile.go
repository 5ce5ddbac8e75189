package plan

import (
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"

	"tidegate.dev/tidegate/gslb"
)

// Family is an address family, which is what the type of a question asks for.
type Family int

// The families; Families is their number.
const (
	IPv4 Family = iota
	IPv6
	Families
)

// FamilyOf is the family of an address.
func FamilyOf(addr netip.Addr) Family {
	if addr.Is4() {
		return IPv4
	}
	return IPv6
}

// Compiled is a map ready to be asked. It is immutable.
type Compiled struct {
	Map      *Map
	Digest   Digest
	Geo      *Geo
	Services []CompiledService // parallel to Map.Services

	// UnknownSplits counts splits that name no demand class that there is: the map was planned with another geo table, or
	// other sites. They are ignored.
	UnknownSplits int
	// UnknownTimes are the sites that the geo table has measured times to and the map does not have. The times are ignored.
	UnknownTimes UnknownTimes

	heavy   map[netip.Addr]bool
	names   map[gslb.Name]int32
	inner   map[gslb.Name]bool // empty non-terminals: names above steered ones
	zones   map[gslb.Name]*Zone
	classes map[classKey]*Classes
}

// CompiledService is a service with its endpoints prepared.
type CompiledService struct {
	Spec      *Service
	Endpoints []CompiledEndpoint
	// ByFamily is nil for a family that no endpoint has.
	ByFamily [Families]*Choice
	// All is the choice among all endpoints, whatever their families: by its demand classes demand is counted and split.
	All *Choice
	// Demand is the demand classes of All; nil where the loop has nothing to steer: a method that does not ask where clients
	// are, or one endpoint.
	Demand *Demand
	// Splits is nil if the service has none.
	Splits *Splits
	// Fallback is the addresses that answer in place of all endpoints, by family.
	Fallback [Families][]netip.Addr

	allowed [][]bool // by residency rule and endpoint
}

// CompiledEndpoint is an endpoint with the lines of its addresses looked up.
type CompiledEndpoint struct {
	Site gslb.SiteID
	// Seed distinguishes the endpoint in weighted choices; it depends on names only, so it survives every change.
	Seed      uint64
	Addresses []Address
}

// Choice is a set of endpoints, those that have addresses of one family or all, with the classes of the clients that choose.
type Choice struct {
	Classes *Classes
	// Endpoints are indices into the service's, in the order of failover.
	Endpoints []int32
	// BySite maps a candidate's Site to an index into the service's endpoints.
	BySite []int32
}

// Compile prepares a valid map for queries. Classes of the previous result are used again where they still fit.
func Compile(m *Map, digest Digest, geo *Geo, previous *Compiled) *Compiled {
	c := &Compiled{
		Map: m, Digest: digest, Geo: geo,
		Services: make([]CompiledService, len(m.Services)),
		names:    make(map[gslb.Name]int32, len(m.Services)),
		inner:    map[gslb.Name]bool{},
		zones:    make(map[gslb.Name]*Zone, len(m.Zones)),
		classes:  map[classKey]*Classes{},
	}
	for _, addr := range m.HeavyResolvers {
		if c.heavy == nil {
			c.heavy = make(map[netip.Addr]bool, len(m.HeavyResolvers))
		}
		c.heavy[addr] = true
	}
	for i := range m.Zones {
		c.zones[m.Zones[i].Name] = &m.Zones[i]
	}
	sites := make(map[gslb.SiteID]*Site, len(m.Sites))
	for i := range m.Sites {
		sites[m.Sites[i].ID] = &m.Sites[i]
	}
	c.UnknownTimes = unknownTimes(geo.measured(), sites)
	for i := range m.Services {
		c.Services[i] = c.service(&m.Services[i], sites, previous)
		c.index(&m.Services[i], int32(i))
	}
	return c
}

// Service returns the service that has a name.
func (c *Compiled) Service(name gslb.Name) (index int, ok bool) {
	i, ok := c.names[name]
	return int(i), ok
}

// Heavy says whether a resolver carries more than 1/32 of a demand class.
func (c *Compiled) Heavy(resolver netip.Addr) bool { return c.heavy[resolver] }

// Inner says whether a name exists only because a steered name lies below it (RFC 4592 section 2.2.2: an empty
// non-terminal).
func (c *Compiled) Inner(name gslb.Name) bool { return c.inner[name] }

// Zone returns the closest zone around a name.
func (c *Compiled) Zone(name gslb.Name) (*Zone, bool) {
	for {
		if zone, ok := c.zones[name]; ok {
			return zone, true
		}
		if name == "." {
			return nil, false
		}
		name = name.Parent()
	}
}

func (c *Compiled) index(s *Service, i int32) {
	for _, name := range append([]gslb.Name{s.Name}, s.Aliases...) {
		c.names[name] = i
		zone, ok := c.Zone(name)
		for up := name; ok && up != zone.Name; up = up.Parent() {
			if up != name {
				c.inner[up] = true
			}
		}
	}
}

func (c *Compiled) service(s *Service, sites map[gslb.SiteID]*Site, previous *Compiled) CompiledService {
	out := CompiledService{Spec: s, Endpoints: make([]CompiledEndpoint, len(s.Endpoints))}
	for i, e := range s.Endpoints {
		out.Endpoints[i] = CompiledEndpoint{
			Site: e.Site, Seed: seed(s.Name, e.Site), Addresses: c.resolveLines(e.Addresses),
		}
	}
	out.allowed = allowedOf(s.Steering.Residency, sitesOf(s.Endpoints, sites))
	for _, addr := range s.Steering.Fallback {
		out.Fallback[FamilyOf(addr)] = append(out.Fallback[FamilyOf(addr)], addr)
	}
	for family := range Families {
		has := func(a Address) bool { return FamilyOf(a.Addr) == family }
		out.ByFamily[family] = c.choice(out.Endpoints, has, s.Steering, sites, previous)
	}
	if out.All = out.ByFamily[IPv4]; out.All == nil {
		out.All = out.ByFamily[IPv6]
	} else if out.ByFamily[IPv6] != nil {
		out.All = c.choice(out.Endpoints, func(Address) bool { return true }, s.Steering, sites, previous)
	}
	if s.Steering.Method == Proximity && len(s.Endpoints) > 1 || len(s.Splits) > 0 {
		out.Demand = out.All.Classes.Demand()
	}
	unknown := 0
	out.Splits, unknown = out.splits()
	c.UnknownSplits += unknown
	return out
}

func seed(name gslb.Name, site gslb.SiteID) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	h.Write([]byte{0})
	h.Write([]byte(site))
	return h.Sum64()
}

// resolveLines looks the line of an address up that declares neither line nor region.
func (c *Compiled) resolveLines(addresses []Address) []Address {
	out := slices.Clone(addresses)
	for i, a := range out {
		switch {
		case a.Line == gslb.DefaultLine:
			out[i].Line = gslb.NoLine
		case a.Line == gslb.NoLine && a.Region == NoRegion:
			out[i].Line = LineOf(c.Geo.Table, a.Addr)
		}
	}
	return out
}

// choice collects what is chosen from by addresses that count, or nil if no endpoint has one.
func (c *Compiled) choice(endpoints []CompiledEndpoint, counts func(Address) bool, steering Steering, sites map[gslb.SiteID]*Site, previous *Compiled) *Choice {
	choice := &Choice{}
	var tags []Tag
	for i, e := range endpoints {
		has := false
		for _, a := range e.Addresses {
			if counts(a) {
				has = true
				tags = append(tags, a.Tag())
			}
		}
		if has {
			choice.Endpoints = append(choice.Endpoints, int32(i))
		}
	}
	if len(choice.Endpoints) == 0 {
		return nil
	}
	choice.BySite = bySiteName(choice.Endpoints, endpoints)
	wanted := classesWanted{tags: NewTagSet(tags, steering.Precedence), rounding: steering.Near.rounding(), residency: steering.Residency}
	if steering.Method == Proximity {
		for _, i := range choice.BySite {
			wanted.sites = append(wanted.sites, sites[endpoints[i].Site])
		}
	}
	choice.Classes = c.classesFor(wanted, previous)
	return choice
}

func sitesOf(endpoints []Endpoint, sites map[gslb.SiteID]*Site) (list []*Site) {
	for _, e := range endpoints {
		list = append(list, sites[e.Site])
	}
	return list
}

// Rules is how many residency rules there are.
func (s *CompiledService) Rules() int { return len(s.allowed) }

// Allows says whether an endpoint may serve the clients of a residency rule, which every one may of NoResidency.
func (s *CompiledService) Allows(rule uint16, endpoint int) bool {
	return rule == NoResidency || s.allowed[rule-1][endpoint]
}

func bySiteName(indices []int32, endpoints []CompiledEndpoint) []int32 {
	sorted := slices.Clone(indices)
	slices.SortFunc(sorted, func(a, b int32) int {
		return strings.Compare(string(endpoints[a].Site), string(endpoints[b].Site))
	})
	return sorted
}

// classesWanted is what classes are made of.
type classesWanted struct {
	sites     []*Site
	tags      *TagSet
	rounding  Rounding
	residency []Residency
}

// classesFor returns the classes of a set of sites, from this compilation, from the previous one, or freshly compiled.
func (c *Compiled) classesFor(wanted classesWanted, previous *Compiled) *Classes {
	key := wanted.key()
	if known := c.classes[key]; known != nil {
		return known
	}
	if previous != nil && previous.Geo == c.Geo && previous.classes[key] != nil {
		c.classes[key] = previous.classes[key]
		return c.classes[key]
	}
	c.classes[key] = c.Geo.ClassesWithin(wanted.sites, wanted.tags, wanted.rounding, wanted.residency)
	return c.classes[key]
}

func (w classesWanted) key() classKey {
	var key []byte
	for _, s := range w.sites {
		key = append(append(key, s.ID...), 0)
		for shift := 0; shift < 32; shift += 8 {
			key = append(key, byte(s.Location.LatMicro>>shift), byte(s.Location.LonMicro>>shift))
		}
	}
	return classKey{sites: string(key), tags: w.tags.key(), rounding: w.rounding, residency: residencyKey(w.residency, w.sites)}
}
