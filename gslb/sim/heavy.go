package sim

import (
	"net/netip"
	"slices"
)

// heavyResolvers finds the resolvers that send no client subnet and carry more than 1/32 of a demand class, by the answers
// that name servers gave: those that live long count for more, since they are asked for less often.
type heavyResolvers struct {
	epochs  int
	seconds map[resolverClass]int64
	sum     map[int32]int64 // by class, with the answers to those that send a subnet
	list    []netip.Addr    // those of the last count, sorted
}

// heavyEpochs is over how many epochs resolvers are counted: five minutes.
const heavyEpochs = 20

// heavyPart is the part of a class that a resolver must carry, as in plan.Map.
const heavyPart = 32

func newHeavyResolvers() heavyResolvers {
	return heavyResolvers{seconds: map[resolverClass]int64{}, sum: map[int32]int64{}}
}

// add takes what a name server counted.
func (h *heavyResolvers) add(n *nameServer, sites int) {
	for at, seconds := range n.answers {
		if seconds > 0 {
			h.sum[int32(at/sites)] += seconds
		}
	}
	for key, seconds := range n.resolvers {
		h.seconds[key] += seconds
	}
}

// look renews the list when it is time.
func (h *heavyResolvers) look() {
	if h.epochs++; h.epochs%heavyEpochs != 0 {
		return
	}
	h.list = nil
	for key, seconds := range h.seconds {
		if seconds*heavyPart > h.sum[key.class] {
			h.list = append(h.list, key.addr)
		}
	}
	slices.SortFunc(h.list, netip.Addr.Compare)
	h.list = slices.Compact(h.list)
	clear(h.seconds)
	clear(h.sum)
}
