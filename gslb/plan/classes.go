package plan

import (
	"net/netip"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
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
	// Line is the clients' ISP line if some address of these sites tells it apart, else NoLine.
	Line gslb.Line
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
	groups *geodata.Groups
	list   []packedClass // by geodata.Group
	lists  []Candidate   // the candidates of all classes, one list after the other
	lines  []gslb.Line   // NoLine, then those that tell clients apart
}

// packedClass points into the lists: there may be tens of thousands of classes, and thousands of services.
type packedClass struct {
	first uint32
	count uint8
	line  uint16
}

// Lookup returns the class of a unit and the prefix length of the widest network around it that is all of that class.
// The class' candidates must not be changed.
func (c *Classes) Lookup(unit netip.Prefix) (class Class, scopeBits int) {
	group, bits := c.groups.Find(unit.Addr())
	return c.at(group), bits
}

func (c *Classes) at(group geodata.Group) Class {
	packed := c.list[group]
	end := packed.first + uint32(packed.count)
	return Class{Candidates: c.lists[packed.first:end:end], Line: c.lines[packed.line]}
}

// Len is the number of classes.
func (c *Classes) Len() int { return len(c.list) }

// classKey says which classes a set of endpoints needs: equal keys share one table.
type classKey struct {
	sites string // proximity: the sites in order of their names, with their locations; else empty
	lines string // lines that some address tells apart
}
