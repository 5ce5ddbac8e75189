package plan

import (
	"net/netip"
	"slices"

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
	// Candidates are the sites by distance, then by name, at most MaxCandidates. None: the place of these clients is
	// unknown, or the steering method does not ask for it; all sites are then alike.
	Candidates []Candidate
	// Line is the clients' ISP line if some address of these sites tells it apart, else NoLine.
	Line gslb.Line
}

// Candidate is a site that a class may get.
type Candidate struct {
	// Site is an index into the sites that the classes were compiled for.
	Site int32
	// Tier counts from 0: sites of one tier are near-equal.
	Tier int32
	// Km is the distance from one of the places of the class, not from all.
	Km int32
}

// Classes maps every client network to its class, for one steering method and one set of sites. Networks are units of
// /24 and /56; neighbours of one class are merged, which gives the scopes.
type Classes struct {
	list []Class
	v4   unitRanges
	v6   unitRanges
}

// unitRanges is a sorted, gap-free list: the units from starts[i] up to starts[i+1] are of class[i].
type unitRanges struct {
	bits   int // prefix length of one unit
	starts []uint64
	class  []uint32
}

// Lookup returns the class of a unit and the prefix length of the widest network around it that is all of that class.
func (c *Classes) Lookup(unit netip.Prefix) (class *Class, scopeBits int) {
	ranges, number := &c.v6, uint64(0)
	if unit.Addr().Is4() {
		ranges = &c.v4
	}
	number = unitNumber(unit.Addr())
	id, bits := ranges.lookup(number)
	return &c.list[id], bits
}

// Len is the number of classes.
func (c *Classes) Len() int { return len(c.list) }

// unitNumber is the address' leading bits, as many as its unit has.
func unitNumber(addr netip.Addr) uint64 {
	if addr.Is4() {
		b := addr.As4()
		return uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])
	}
	b := addr.As16()
	n := uint64(0)
	for _, octet := range b[:gslb.MaxBits6/8] {
		n = n<<8 | uint64(octet)
	}
	return n
}

func (r *unitRanges) lookup(unit uint64) (class uint32, bits int) {
	at, found := slices.BinarySearch(r.starts, unit)
	if !found {
		at--
	}
	last := uint64(1)<<r.bits - 1
	if at+1 < len(r.starts) {
		last = r.starts[at+1] - 1
	}
	return r.class[at], widest(unit, r.starts[at], last, r.bits)
}

// widest is the shortest prefix length of a block that holds unit and lies in [first, last].
func widest(unit, first, last uint64, bits int) int {
	free := 0
	for free < bits {
		size := uint64(2) << free
		start := unit &^ (size - 1)
		if start < first || start+size-1 > last {
			break
		}
		free++
	}
	return bits - free
}

// classKey says which classes a set of endpoints needs: equal keys share one table.
type classKey struct {
	sites string // proximity: the sites in order of their names, with their locations; else empty
	lines string // lines that some address tells apart
}

// classCompiler builds the classes of one key.
type classCompiler struct {
	geo        *Geo
	directions []gslb.Direction // of the sites; none where the method does not ask for distance
	lines      []gslb.Line      // sorted
	ids        map[string]uint32
	list       []Class
	scratch    []Candidate
	key        []byte
}

// compile makes one pass over the places and one over the ranges.
func (c *classCompiler) compile() *Classes {
	byPlace := make([]uint32, c.geo.Table.Places())
	for i := range byPlace {
		byPlace[i] = c.classOf(geodata.PlaceID(i))
	}
	out := &Classes{v4: unitRanges{bits: gslb.MaxBits4}, v6: unitRanges{bits: gslb.MaxBits6}}
	for start, place := range c.geo.Table.V4() {
		out.v4.add(roundUp(uint64(start), 32-gslb.MaxBits4), byPlace[place])
	}
	for start, place := range c.geo.Table.V6() {
		out.v6.add(roundUp(start, 64-gslb.MaxBits6), byPlace[place])
	}
	out.v4.finish()
	out.v6.finish()
	out.list = c.list
	return out
}

// roundUp is the first unit whose base address is not before start: a unit's class is that of its base address.
func roundUp(start uint64, shift int) uint64 {
	unit := start >> shift
	if unit<<shift != start {
		unit++
	}
	return unit
}

// add appends a range; a range that starts with the one before it had no unit's base address in it, and gives way.
func (r *unitRanges) add(start uint64, class uint32) {
	if start >= 1<<r.bits {
		return
	}
	if n := len(r.starts); n > 0 && r.starts[n-1] == start {
		r.starts, r.class = r.starts[:n-1], r.class[:n-1]
	}
	if n := len(r.class); n > 0 && r.class[n-1] == class {
		return
	}
	r.starts, r.class = append(r.starts, start), append(r.class, class)
}

func (r *unitRanges) finish() {
	r.starts, r.class = slices.Clip(r.starts), slices.Clip(r.class)
}

// classOf interns the class of a place.
func (c *classCompiler) classOf(id geodata.PlaceID) uint32 {
	place := c.geo.Table.Place(id)
	class := Class{Line: c.relevant(place.Line)}
	if place.HasLocation && len(c.directions) > 0 {
		class.Candidates = c.nearest(c.geo.directions[id])
	}
	c.key = class.appendKey(c.key[:0])
	if known, ok := c.ids[string(c.key)]; ok {
		return known
	}
	class.Candidates = slices.Clone(class.Candidates)
	fresh := uint32(len(c.list))
	c.ids[string(c.key)], c.list = fresh, append(c.list, class)
	return fresh
}

func (c *classCompiler) relevant(line gslb.Line) gslb.Line {
	if slices.Contains(c.lines, line) {
		return line
	}
	return gslb.NoLine
}

// appendKey writes what makes two classes equal: sites and tiers in order, and the line. The distances do not.
func (c Class) appendKey(key []byte) []byte {
	for _, candidate := range c.Candidates {
		key = append(key, byte(candidate.Site), byte(candidate.Site>>8), byte(candidate.Tier))
	}
	return append(append(key, 0xff), c.Line...)
}

// nearest fills the scratch list with the nearest sites of a direction, by whole kilometres and then by name.
func (c *classCompiler) nearest(from gslb.Direction) []Candidate {
	c.scratch = c.scratch[:0]
	for site, direction := range c.directions {
		c.scratch = append(c.scratch, Candidate{Site: int32(site), Km: int32(from.DistanceKm(direction))})
	}
	slices.SortFunc(c.scratch, func(a, b Candidate) int {
		if a.Km != b.Km {
			return int(a.Km - b.Km)
		}
		return int(a.Site - b.Site)
	})
	list := c.scratch[:min(len(c.scratch), MaxCandidates)]
	setTiers(list)
	return list
}

// setTiers puts each site that is within NearEqualKm of the first of a tier into that tier.
func setTiers(sorted []Candidate) {
	tier, first := int32(0), sorted[0].Km
	for i := range sorted {
		if sorted[i].Km > first+NearEqualKm {
			tier, first = tier+1, sorted[i].Km
		}
		sorted[i].Tier = tier
	}
}
