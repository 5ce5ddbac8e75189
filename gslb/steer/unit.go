package steer

import (
	"encoding/binary"
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// unitKey is what a client's draws are made from: its unit, by the masked address and not by the length.
type unitKey struct {
	high, low uint64
	slot      uint64 // the time slot of a heavy resolver, from 1 on; 0 for none
}

func keyOf(addr netip.Addr) unitKey {
	octets := addr.As16()
	return unitKey{high: binary.BigEndian.Uint64(octets[:8]), low: binary.BigEndian.Uint64(octets[8:])}
}

// cost is what the endpoint with a seed draws: -log2 of a number in (0, 1) that the key and the seed give.
func (k unitKey) cost(seed uint64) uint64 {
	z := mix(mix(seed^k.high) ^ k.low)
	if k.slot != 0 {
		z = mix(z ^ k.slot)
	}
	return negLog2(z)
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// splitUnit is the unit that the choice is made by where the client's class is split. A client subnet's is the prefix that
// carries at most 1/32 of the class' demand, within the network around it that is all of one class. Without one it is the
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
		seconds := uint64(max(1, d.compiled.Spec.TTL/time.Second))
		phase := mix(mix(d.split.key.high)^d.split.key.low) % seconds
		d.split.key.slot = (uint64(q.At)+phase)/seconds + 1
	}
}

// splitChoice is what a decision knows of its client's split.
type splitChoice struct {
	list []plan.EndpointShare // none: the class has no split
	unit netip.Prefix
	key  unitKey
	// holders counts those of the list that are eligible.
	holders int
}

// lookup finds the class that addresses are picked by, and that of the client's demand. The second is the class among all
// the service's sites, whatever the question's family, so that A and AAAA name one site.
func (d *decider) lookup(snapshot *plan.Compiled, q *Query) {
	d.class, d.scopeBits = d.classIn(d.choice.Classes, &q.Client)
	d.demand = -1
	if d.compiled.Demand == nil {
		return
	}
	class, leafBits := d.class, d.scopeBits
	if all := d.compiled.All.Classes; all != d.choice.Classes {
		class, leafBits = d.classIn(all, &q.Client)
	}
	if index, ok := d.compiled.Demand.Of(class); ok {
		d.demand = index
	}
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

// classIn is the client's class: that of a known resolver's clients, if it is one. The resolvers beside a known one may be
// of another.
func (d *decider) classIn(classes *plan.Classes, client *gslb.ClientSubnet) (class plan.Class, scopeBits int) {
	if !client.FromECS {
		if class, known := classes.LookupResolver(client.Prefix.Addr()); known {
			return class, client.Prefix.Bits()
		}
	}
	return classes.Lookup(d.unit)
}

// chooseSplit picks among the eligible sites of the client's split, by their shares: -1 if there is none. What a site that
// is out leaves goes to the others in proportion.
func (d *decider) chooseSplit() (endpoint int) {
	best, cost, weight := -1, worstCost, uint64(1)
	key, list, live := d.split.key, d.split.list, d.live.Endpoints
	for i := range list {
		s := &list[i]
		if d.trace != nil {
			d.trace.consider(d, int(s.Endpoint), healthy, d.eligible(int(s.Endpoint), healthy))
		}
		if !live[s.Endpoint].Ready(d.family) {
			continue
		}
		d.split.holders++
		mine, share := key.cost(s.Seed), uint64(s.Share)
		better := less(mine, share, cost, weight)
		best ^= (best ^ int(s.Endpoint)) & int(better)
		cost ^= (cost ^ mine) & better
		weight ^= (weight ^ share) & better
	}
	return best
}
