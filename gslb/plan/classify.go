package plan

import (
	"cmp"
	"slices"
	"sync"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// classCompiler builds the classes of one key: the candidates of every location, then the class of every place, then
// what that makes of the networks.
type classCompiler struct {
	geo      *Geo
	sites    []gslb.Direction // none where the method does not ask for distance
	ids      map[gslb.SiteID]uint16
	tags     *TagSet // that tell clients apart
	rounding Rounding
	// residency keeps clients at sites; allowed has those of each rule.
	residency []Residency
	allowed   [][]bool

	out      *Classes
	located  [][]listRef // by residency rule and location; nil while no client asked
	known    map[string]listRef
	measured map[measuredAt]listRef
	key      []byte
	near     []distant
	chord    []gslb.Chord // of every site
}

// listRef is a candidate list in Classes.lists.
type listRef struct {
	first uint32
	count uint8
}

// distant is a site and how far it is.
type distant struct {
	site uint16
	km   int32
	tier uint8
}

func (c *classCompiler) compile() *Classes {
	c.out = &Classes{Tags: c.tags, table: c.geo.Table}
	c.known = map[string]listRef{}
	c.located = make([][]listRef, 1+len(c.residency))
	c.out.groups = c.geo.Table.Group(c.groups(c.matches()))
	c.out.lists, c.out.list, c.out.matches = slices.Clip(c.out.lists), slices.Clip(c.out.list), slices.Clip(c.out.matches)
	d := c.demand()
	c.out.demandOf = func(most int) *Demand { return d.compile(most) }
	c.out.demand = sync.OnceValue(func() *Demand { return d.compile(MaxDemandClasses) })
	return c.out
}

// demand makes the demand classes of the result. It keeps only what it needs of the compiler.
func (c *classCompiler) demand() demandCompiler {
	d := demandCompiler{
		classes: c.out, geo: c.geo, names: make([]gslb.SiteID, len(c.ids)), sites: c.sites, ids: c.ids, residency: c.residency,
	}
	for id, i := range c.ids {
		d.names[i] = id
	}
	return d
}

// groups gives every place the number of its class, which is made where it is the first of its kind.
func (c *classCompiler) groups(matches func(place int) uint32) []geodata.Group {
	of, made := make([]geodata.Group, c.geo.Table.Places()), map[packedClass]geodata.Group{}
	for i := range of {
		begin := matches(i)
		class := pack(c.listOf(i, c.out.residency(begin)), begin)
		group, ok := made[class]
		if !ok {
			group = geodata.Group(len(c.out.list))
			made[class], c.out.list = group, append(c.out.list, class)
		}
		of[i] = group
	}
	return of
}

// listOf is the candidates of a place: by what was measured there, else by its location.
func (c *classCompiler) listOf(place int, rule uint16) listRef {
	at := c.geo.locationOf[place]
	if row := c.geo.Table.Place(geodata.PlaceID(place)).RTT; row != 0 && c.hasOurs(row, rule) {
		return c.measuredList(measuredAt{at, row, rule})
	}
	if at < 0 || len(c.sites) == 0 {
		return listRef{}
	}
	return c.locatedList(at, rule)
}

// notYet is the count of a list that was not made yet.
const notYet = 1<<8 - 1

// locatedList is the candidates of a location.
func (c *classCompiler) locatedList(at int32, rule uint16) listRef {
	if c.located[rule] == nil {
		c.located[rule] = slices.Repeat([]listRef{{count: notYet}}, len(c.geo.locations))
	}
	list := &c.located[rule][at]
	if list.count == notYet {
		*list = c.intern(c.nearest(c.geo.locations[at], rule))
	}
	return *list
}

// allows says whether a site may serve the clients of a residency rule.
func (c *classCompiler) allows(rule uint16, site int) bool {
	return rule == NoResidency || c.allowed[rule-1][site]
}

// matches returns what says where in Classes.matches the tags and the residency of a place begin. It stores each list once.
func (c *classCompiler) matches() func(place int) uint32 {
	c.out.matches = []TagID{0, NoResidency}
	if c.tags == nil && c.residency == nil {
		return func(int) uint32 { return 0 }
	}
	audiences := c.geo.audiences()
	begins, known := make([]uint32, len(audiences.list)), map[string]uint32{string([]byte{NoResidency, 0}): 0}
	var list []TagID
	for i, a := range audiences.list {
		list = append(c.tags.match(list[:0], a), TagID(residencyOf(c.residency, a)))
		c.key = c.key[:0]
		for _, id := range list {
			c.key = append(c.key, byte(id), byte(id>>8))
		}
		begin, ok := known[string(c.key)]
		if !ok {
			begin = uint32(len(c.out.matches))
			known[string(c.key)] = begin
			c.out.matches = append(append(c.out.matches, TagID(len(list)-1)), list...)
		}
		begins[i] = begin
	}
	return func(place int) uint32 { return begins[audiences.of[place]] }
}

// intern stores each list once. The distances are not part of it.
func (c *classCompiler) intern(sorted []distant) listRef {
	if len(sorted) == 0 {
		return listRef{} // one for every place without candidates
	}
	c.key = c.key[:0]
	for _, d := range sorted {
		c.key = append(c.key, byte(d.site), byte(d.site>>8), d.tier)
	}
	ref, known := c.known[string(c.key)]
	if known {
		return ref
	}
	ref = listRef{uint32(len(c.out.lists)), uint8(len(sorted))}
	for _, d := range sorted {
		c.out.lists = append(c.out.lists, Candidate{Site: d.site, Tier: d.tier})
	}
	c.known[string(c.key)] = ref
	return ref
}

// nearest is the candidates of a direction: the nearest sites by whole kilometres and then by name, put into tiers, and
// within a tier in the order of their names, so that who is a little nearer makes no class of its own.
func (c *classCompiler) nearest(from gslb.Direction, rule uint16) []distant {
	c.near = c.near[:0]
	reach := c.reach(from, rule)
	for site, chord := range c.chord {
		if chord <= reach {
			c.near = append(c.near, distant{site: uint16(site), km: int32(from.DistanceKm(c.sites[site]))})
		}
	}
	return c.ranked(band{c.rounding.NearEqualKm, c.rounding.NearEqualPercent})
}

// ranked is the candidates among the sites in near: the nearest ones in tiers.
func (c *classCompiler) ranked(nearEqual band) []distant {
	slices.SortFunc(c.near, func(a, b distant) int { return cmp.Or(int(a.km-b.km), int(a.site)-int(b.site)) })
	list := c.near[:min(len(c.near), c.rounding.Candidates)]
	setTiers(list, nearEqual)
	slices.SortFunc(list, func(a, b distant) int { return cmp.Or(int(a.tier)-int(b.tier), int(a.site)-int(b.site)) })
	return list
}

// beyondReach is the chord of a site that may not serve the clients.
const beyondReach gslb.Chord = 1<<63 - 1

// reach is the longest chord for which the distance is worth computing: that of the last site that fits into the list,
// and what rounding to whole kilometres may change.
func (c *classCompiler) reach(from gslb.Direction, rule uint16) gslb.Chord {
	c.chord = c.chord[:0]
	var best [MaxCandidates]gslb.Chord // the shortest so far, ascending
	found := 0
	for i, site := range c.sites {
		if !c.allows(rule, i) {
			c.chord = append(c.chord, beyondReach)
			continue
		}
		chord := from.Chord(site)
		c.chord = append(c.chord, chord)
		if found == c.rounding.Candidates && chord >= best[found-1] {
			continue
		}
		found = min(found+1, c.rounding.Candidates)
		at := found - 1
		for ; at > 0 && best[at-1] > chord; at-- {
			best[at] = best[at-1]
		}
		best[at] = chord
	}
	if found == 0 {
		return 0 // no site may serve these clients
	}
	return best[found-1] + gslb.ChordOf2Km
}

// setTiers puts each site that is near-equal to the first of a tier into that tier.
func setTiers(sorted []distant, nearEqual band) {
	tier, first := uint8(0), int32(0)
	for i := range sorted {
		switch {
		case i == 0:
			first = sorted[i].km
		case nearEqual == band{} || sorted[i].km > first+nearEqual.around(first):
			tier, first = tier+1, sorted[i].km
		}
		sorted[i].tier = tier
	}
}
