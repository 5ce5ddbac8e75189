package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
	"slices"
	"strings"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// MaxDemandClasses bounds how many demand classes one set of sites has: the solver's problem and the map grow with them.
const MaxDemandClasses = 2_000

// ClassKey names a demand class by its content, the tags that match its clients, whom a residency holds for, and the names of
// its candidates by tier: 16 hexadecimal digits. It is never an index, so a map and a name server that compiled other classes cannot take one
// class for another.
type ClassKey string

// DemandClass is clients whose load is planned together: one class, or several whose candidates begin alike.
type DemandClass struct {
	Key ClassKey
	// Tags are those of Classes.Tags that match the clients.
	Tags []TagID
	// Candidates are as in Class; none: the clients' place is unknown, or the method does not ask for it.
	Candidates []Candidate
	// CostMicros is what a request to each candidate costs: microseconds of round trip, the mean over the clients'
	// networks. It is the time that was measured, else 20 microseconds for each kilometre (KmPerMillisecond).
	CostMicros []int64
	// Weight is the prior of demand, at least 1: the /24 networks of IPv4, and one for each run of IPv6 networks.
	Weight int64

	// Residency is the rule that keeps the clients at some sites, NoResidency for none (CompiledService.Allows).
	Residency uint16

	runs6 int64 // how much of Weight are runs of IPv6
}

// splitInto is how many units a class is cut into at least, where its networks are so many: each carries at most 1/256 of its
// demand. Each is at one site whole, and a small site beside a large class must not get two or three by chance.
const splitInto = 256

// wideUnit6 is the prefix length of IPv6 units where a class has many networks: the most that one end site is commonly
// assigned (RFC 6177 section 2).
const wideUnit6 = 48

// manyRuns6 is how many runs of IPv6 networks are many.
const manyRuns6 = 32

// UnitBits is the prefix length that cuts networks of the class into units of at most 1/256 of its demand, never finer than
// a /24 or /56. It is a constant of the class, so that the unit follows from the address alone.
func (d *DemandClass) UnitBits(client Family) int {
	if client == IPv4 {
		return max(0, gslb.MaxBits4+1-bits.Len64(uint64(max(1, d.Weight/splitInto))))
	}
	if d.runs6 < manyRuns6 {
		return gslb.MaxBits6
	}
	return wideUnit6
}

// Demand is the demand classes of a set of sites. It never changes.
type Demand struct {
	// List is sorted by key.
	List []DemandClass
	// AddedMicros is what merging costs at best: how much longer the round trip to the nearest candidate left is than to
	// the nearest that there was, the mean over all weight. A class that lost all candidates counts with their mean.
	AddedMicros int64

	of []uint16 // by geodata.Group: an index into List, or noDemand
}

// noDemand marks classes beyond the last demand class.
const noDemand = 1<<16 - 1

// Of is the index of a class' demand class. It is not ok only where there are more lists of tags than demand classes: the
// lightest of them have none, and are never split.
func (d *Demand) Of(class Class) (index int, ok bool) { return d.OfClass(&class) }

// OfClass is Of for the query path, without a copy of the class.
func (d *Demand) OfClass(class *Class) (index int, ok bool) {
	i := d.of[class.group]
	return int(i), i != noDemand
}

// Find is the index of the demand class with a key.
func (d *Demand) Find(key ClassKey) (index int, ok bool) {
	return slices.BinarySearchFunc(d.List, key, func(c DemandClass, key ClassKey) int {
		return strings.Compare(string(c.Key), string(key))
	})
}

// Demand is the demand classes of these classes. The first call computes them, in tens of milliseconds.
func (c *Classes) Demand() *Demand { return c.demand() }

// DemandAtMost is the demand classes merged until no more than so many are left. It is computed anew each time, for benches of
// other sizes; name servers and hub use Demand.
func (c *Classes) DemandAtMost(most int) *Demand { return c.demandOf(most) }

// key is the digest of a demand class' content. The order of the tags is left out, since each has a level of its own, and
// so is that for everybody.
func (c *demandCompiler) key(d *DemandClass) ClassKey {
	var b strings.Builder
	for _, id := range slices.Sorted(slices.Values(d.Tags)) {
		if tag := c.classes.Tags.Tag(id); tag != (Tag{}) {
			b.WriteString("tag " + string(tag.Line) + " " + string(tag.Region) + "\n")
		}
	}
	if d.Residency != NoResidency {
		b.WriteString(c.residency[d.Residency-1].clientsText())
	}
	for _, candidate := range d.Candidates {
		b.WriteString("tier " + string('0'+rune(candidate.Tier)) + " " + string(c.names[candidate.Site]) + "\n")
	}
	sum := sha256.Sum256([]byte(b.String()))
	return ClassKey(hex.EncodeToString(sum[:8]))
}

// network counts what a place has: /24 networks of IPv4 and runs of IPv6 networks.
type network struct{ v4, runs6 int64 }

// weight is at least 1: a place that only known resolvers have is somewhere, too.
func (n network) weight() int64 { return max(1, n.v4+n.runs6) }

// networksOf counts by PlaceID.
func networksOf(table *geodata.Table) []network {
	of := make([]network, table.Places())
	last, begin := geodata.Unknown, uint64(0)
	for first, id := range table.V4() {
		of[last].v4 += int64(uint64(first)-begin) >> 8
		last, begin = id, uint64(first)
	}
	of[last].v4 += int64(1<<32-begin) >> 8
	for _, id := range table.V6() {
		of[id].runs6++
	}
	return of
}
