package steer

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// unitKey is what a client's draws are made from: its unit, by the masked address and not by the length.
type unitKey struct{ high, low uint64 }

func keyOf(addr netip.Addr) unitKey {
	octets := addr.As16()
	return unitKey{high: binary.BigEndian.Uint64(octets[:8]), low: binary.BigEndian.Uint64(octets[8:])}
}

// cost is what the endpoint with a seed draws: -log2 of a number in (0, 1) that the key and the seed give.
func (k unitKey) cost(seed uint64) uint64 {
	return negLog2(mix(mix(seed^k.high) ^ k.low))
}

// golden is 2^64 divided by the golden ratio.
const golden = 0x9e3779b97f4a7c15

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
func mix(z uint64) uint64 {
	z += golden
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// splitUnit is the unit that the choice is made by where the client's class is split. A client subnet's is the prefix that
// carries at most 1/256 of the class' demand, within the network around it that is all of one class. Without one it is the
// resolver's address, whole, and where the resolver carries more than that itself, the slot of time. Each resolver's slots
// begin at a moment of its own, so that not all of them move at once.
func (d *decider) splitUnit(q *Query, heavy bool, unitBits, leafBits int) {
	if q.Client.FromECS {
		d.split.unit = q.Client.Around(max(unitBits, leafBits))
		d.split.key = keyOf(d.split.unit.Addr())
		return
	}
	addr := q.Client.Prefix.Addr()
	d.split.unit = netip.PrefixFrom(addr, addr.BitLen())
	d.split.key = keyOf(addr)
	if heavy {
		d.split.slot = slotOf(d.split.key, d.slotSeconds(), uint64(q.At))
	}
}

// slotSeconds is how long a slot of a heavy resolver is, and how long it may keep an answer.
func (d *decider) slotSeconds() uint64 {
	return uint64(max(1, min(d.compiled.Spec.TTL, plan.HeavySlot)/time.Second))
}

// slotOf numbers the slots of a resolver, from 1 on.
func slotOf(key unitKey, seconds, at uint64) uint64 {
	phase := mix(mix(key.high)^key.low) % seconds
	return (at+phase)/seconds + 1
}

// splitChoice is what a decision knows of its client's split.
type splitChoice struct {
	list []plan.EndpointShare // none: the class has no split
	unit netip.Prefix
	key  unitKey
	// slot is the slot of time of a heavy resolver, from 1 on; 0 for others.
	slot uint64
	// holders counts those of the list that are eligible.
	holders int
}

// lookup finds the class that addresses are picked by, and that of the client's demand. The second is the class among all
// the service's sites, whatever the question's family, so that A and AAAA name one site.
func (d *decider) lookup(snapshot *plan.Compiled, q *Query) {
	d.scopeBits = d.classIn(&d.class, d.choice.Classes, &q.Client)
	d.demand = -1
	if d.compiled.Demand == nil {
		return
	}
	leafBits := d.demandIn(q)
	if d.compiled.Splits == nil {
		return
	}
	d.scopeBits = max(d.scopeBits, leafBits)
	var unitBits int
	if d.split.list, unitBits = d.compiled.Splits.Of(d.demand, plan.FamilyOf(d.unit.Addr())); d.split.list != nil {
		heavy := !q.Client.FromECS && snapshot.Heavy(q.Client.Prefix.Addr())
		d.splitUnit(q, heavy, unitBits, leafBits)
	}
}

// demandIn finds the demand class, and the scope of the class among all sites.
func (d *decider) demandIn(q *Query) (leafBits int) {
	class, leafBits := &d.class, d.scopeBits
	if all := d.compiled.All.Classes; all != d.choice.Classes {
		class = &plan.Class{}
		leafBits = d.classIn(class, all, &q.Client)
	}
	if index, ok := d.compiled.Demand.OfClass(class); ok {
		d.demand = index
	}
	return leafBits
}

// classIn finds the client's class: that of a known resolver's clients, if it is one. The resolvers beside a known one may be
// of another.
func (d *decider) classIn(class *plan.Class, classes *plan.Classes, client *gslb.ClientSubnet) (scopeBits int) {
	if !client.FromECS && classes.LookupResolverInto(class, client.Prefix.Addr()) {
		return client.Prefix.Bits()
	}
	return classes.LookupInto(class, d.unit.Addr())
}

// chooseSplit picks among the eligible sites of the client's split, by their shares: -1 if there is none. What a site that
// is out leaves goes to the others in proportion.
func (d *decider) chooseSplit() (endpoint int) {
	if d.split.slot != 0 {
		return d.chooseSlot()
	}
	best, cost, weight := -1, worstCost, uint64(1)
	key, list := d.split.key, d.split.list
	for i := range list {
		s := &list[i]
		if !d.holds(s) {
			continue
		}
		mine, share := key.cost(s.Seed), uint64(s.Share)
		better := less(mine, share, cost, weight)
		best ^= (best ^ int(s.Endpoint)) & int(better)
		cost ^= (cost ^ mine) & better
		weight ^= (weight ^ share) & better
	}
	return best
}

// holds says whether a site of the split is eligible, and counts it.
func (d *decider) holds(s *plan.EndpointShare) bool {
	if d.trace != nil {
		d.trace.consider(d, int(s.Endpoint), healthy, d.eligible(int(s.Endpoint), healthy))
	}
	ready := d.ready(s)
	if ready {
		d.split.holders++
	}
	return ready
}

func (d *decider) ready(s *plan.EndpointShare) bool {
	return d.live.Ready(d.family, int(s.Endpoint)) && d.compiled.Allows(d.class.Residency, int(s.Endpoint))
}

// chooseSlot is chooseSplit for a heavy resolver. From slot to slot it walks through the shares, laid end to end, in steps of
// the golden ratio: any few slots in a row come about as close to the shares as so many can (the sequence of least
// discrepancy; Kuipers and Niederreiter, 1974, chapter 2.3). Were each slot drawn by itself, the whole resolver would stay
// at one site for several in a row again and again.
func (d *decider) chooseSlot() (endpoint int) {
	whole := uint64(0)
	for i := range d.split.list {
		if s := &d.split.list[i]; d.holds(s) {
			whole += uint64(s.Share)
		}
	}
	key := d.split.key
	at, _ := bits.Mul64(mix(mix(key.low)^key.high)+d.split.slot*golden, whole)
	for i := range d.split.list {
		s := &d.split.list[i]
		if !d.ready(s) {
			continue
		}
		if at < uint64(s.Share) {
			return int(s.Endpoint)
		}
		at -= uint64(s.Share)
	}
	return -1
}
