package plan

import (
	"net/netip"

	"tidegate.dev/tidegate/geodata"
)

// MaxCandidates bounds a class's list: longer lists would split the address space, and so the ECS scopes, for sites
// that a client hardly ever gets. When all of them are gone, every other site of the service follows.
const MaxCandidates = 8

// NearEqualKm is the detour that no client notices: 100 km of fibre and back take one millisecond. Sites within it of
// the nearest one share a tier, and capacity decides among them.
const NearEqualKm = 100

// Class is what client networks have in common that get the same candidates from one set of sites.
type Class struct {
	// Candidates are the sites by tier, then by name, at most MaxCandidates. None: the place of these clients is
	// unknown, or the steering method does not ask for it; all sites are then alike.
	Candidates []Candidate
	// Tags are those tags of the sites' addresses that match the clients, in the order of the policy's precedence.
	Tags []TagID
	// Residency is the rule of the policy that keeps the clients at some sites, counted from 1; else NoResidency.
	Residency uint16

	group geodata.Group
}

// Candidate is a site that a class may get.
type Candidate struct {
	// Site is an index into the sites that the classes were compiled for.
	Site uint16
	// Tier counts from 0: sites of one tier are near-equal.
	Tier uint8
}

// Classes maps every client network to its class, for one steering method and one set of sites. The table of places is
// shared; a set of sites adds one number for each place and a few bits for each network.
type Classes struct {
	// Tags are what tells clients apart beside their place; nil if nothing does.
	Tags *TagSet

	table    *geodata.Table
	groups   *geodata.Groups
	demand   func() *Demand // computed once
	demandOf func(most int) *Demand
	list     []packedClass // by geodata.Group
	lists    []Candidate   // the candidates of all classes, one list after the other
	// matches is what classes match, one list after the other: how many tags, the tags, and the residency. The first is empty.
	matches []TagID
}

// packedClass points into the lists: there may be tens of thousands of classes, and thousands of services.
type packedClass struct {
	first uint32 // of its candidates
	rest  uint32 // where its tags begin in matches, and in the last bits how many candidates it has
}

// countBits hold any number up to MaxCandidates.
const countBits = 4

func pack(list listRef, matches uint32) packedClass {
	return packedClass{first: list.first, rest: matches<<countBits | uint32(list.count)}
}

func (p packedClass) count() uint32   { return p.rest & (1<<countBits - 1) }
func (p packedClass) matches() uint32 { return p.rest >> countBits }

// Lookup returns the class of a unit and the prefix length of the widest network around it that is all of that class.
// The class' lists must not be changed.
func (c *Classes) Lookup(unit netip.Prefix) (class Class, scopeBits int) {
	scopeBits = c.LookupInto(&class, unit.Addr())
	return class, scopeBits
}

// LookupInto is Lookup, by a unit's address, for the query path: to copy a class takes about as long as to find it.
func (c *Classes) LookupInto(class *Class, unit netip.Addr) (scopeBits int) {
	group, bits := c.groups.Find(unit)
	c.fill(class, group)
	return bits
}

// LookupResolver returns the class of the clients of a known resolver, by its address; not known for any other.
func (c *Classes) LookupResolver(addr netip.Addr) (class Class, known bool) {
	known = c.LookupResolverInto(&class, addr)
	return class, known
}

// LookupResolverInto is LookupResolver for the query path.
func (c *Classes) LookupResolverInto(class *Class, addr netip.Addr) (known bool) {
	id, known := c.table.KnownResolver(addr)
	if known {
		c.fill(class, c.groups.Of(id))
	}
	return known
}

func (c *Classes) at(group geodata.Group) (class Class) {
	c.fill(&class, group)
	return class
}

func (c *Classes) fill(class *Class, group geodata.Group) {
	packed := c.list[group]
	end := packed.first + packed.count()
	begin := packed.matches()
	tags := c.matches[begin:]
	count := tags[0]
	class.Candidates, class.Tags = c.lists[packed.first:end:end], tags[1:1+count:1+count]
	class.Residency, class.group = c.residency(begin), group
}

// residency is that of a list of matches.
func (c *Classes) residency(begin uint32) uint16 {
	return uint16(c.matches[begin+1+uint32(c.matches[begin])])
}

// Len is the number of classes.
func (c *Classes) Len() int { return len(c.list) }

// classKey says which classes a set of endpoints needs: equal keys share one table.
type classKey struct {
	sites     string // proximity: the sites in order of their names, with their locations; else empty
	tags      string // what tells clients apart beside their place
	rounding  Rounding
	residency string
}
