package plan

import (
	"slices"
	"strings"

	"tidegate.dev/tidegate/geodata/regions"
)

// Residency keeps clients of some regions at sites of some regions, as the law of their data may ask. It is kept whatever is
// down: with no site that may serve them a client gets the policy's fallback, or SERVFAIL. Clients whose region the geo table
// does not know are kept nowhere.
type Residency struct {
	// Clients are regions as addresses have them: a country (CN), an area (CN-south) or a subdivision (CN-GD).
	Clients []Region `json:"clients"`
	// Regions are those of the sites that may serve them: Site.Region. A site without one may not.
	Regions []string `json:"regions"`
}

// NoResidency is the rule of clients that are kept nowhere.
const NoResidency = 0

// residencyOf is the first rule that holds for an audience, counted from 1.
func residencyOf(rules []Residency, a audience) uint16 {
	for i, rule := range rules {
		if slices.ContainsFunc(rule.Clients, a.within) {
			return uint16(i + 1)
		}
	}
	return NoResidency
}

// within says whether the audience is in a region.
func (a audience) within(r Region) bool {
	return slices.ContainsFunc(a.in[country:], func(in Region) bool { return in != NoRegion && r.holds(in) })
}

// allowedOf says of every rule which sites may serve its clients.
func allowedOf(rules []Residency, sites []*Site) [][]bool {
	var allowed [][]bool
	for _, rule := range rules {
		list := make([]bool, len(sites))
		for i, s := range sites {
			list[i] = slices.Contains(rule.Regions, s.Region)
		}
		allowed = append(allowed, list)
	}
	return allowed
}

// clientsText is whom a rule is for, as the key of a demand class has it.
func (r Residency) clientsText() string {
	var b strings.Builder
	b.WriteString("clients")
	for _, region := range r.Clients {
		b.WriteString(" " + string(region))
	}
	return b.String() + "\n"
}

// residencyKey is equal for rules that hold for the same clients and let the same sites serve them.
func residencyKey(rules []Residency, sites []*Site) string {
	var b strings.Builder
	for i, allowed := range allowedOf(rules, sites) {
		b.WriteString(rules[i].clientsText())
		for _, ok := range allowed {
			b.WriteByte(map[bool]byte{false: '-', true: '+'}[ok])
		}
	}
	return b.String()
}

// holds says whether all clients of the other region are in the region as well.
func (r Region) holds(other Region) bool {
	switch {
	case r == other:
		return true
	case r.extent() == country:
		return strings.HasPrefix(string(other), string(r)+"-")
	}
	return r.extent() == area && regions.Area(string(other)) == string(r)
}
