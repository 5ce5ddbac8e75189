package loop

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// A resolver is heavy once it carries more than one part in enterPart of a demand class, as plan.Map has it, and until it
// carries less than one in leavePart: who stands at the threshold must not come and go.
const (
	enterPart = 32
	leavePart = 64
)

// HeavyWindow is over how long resolvers are counted. The list may change once in each of its parts.
const (
	HeavyWindow = 5 * time.Minute
	heavyParts  = 5
	heavyPart   = HeavyWindow / heavyParts
)

// leastHeavySeconds is how long the answers to a resolver must have lived in the window before it is heavy: half of it, and
// half of that for it to stay. One that hardly asks has hardly a client, however few others asked.
const leastHeavySeconds = int64(HeavyWindow / time.Second / 2)

// maxHeavyCounts bounds what is remembered of a part of the window: classes, and resolvers of classes.
const maxHeavyCounts = 100_000

// DemandOf is a demand class of a service.
type DemandOf struct {
	Service gslb.Name
	Class   plan.ClassKey
}

// Heavy finds the resolvers that send no client subnet and carry more than 1/32 of a demand class, by the answers that
// name servers gave: those that live long count for more, since they are asked for less often. One belongs to the hub's
// leader, for all services together. It stands beside Step, which does not need it, and belongs to one goroutine.
//
// The zero Heavy has heard nothing. The list stays as it is until every part of the window was heard: missing data changes
// nothing.
type Heavy struct {
	list  []netip.Addr
	began time.Time // of the current part
	parts [heavyParts]heavyCounts
	at    int // the current part
}

// heavyCounts are the answer-seconds of a part of the window.
type heavyCounts struct {
	all map[DemandOf]int64
	of  map[resolverOf]int64
}

type resolverOf struct {
	DemandOf
	resolver netip.Addr
}

// Remember begins with the list of the map that is served: a new leader changes nothing before it knows better.
func (h *Heavy) Remember(list []netip.Addr) {
	h.list = slices.Clone(list[:min(len(list), plan.MaxHeavyResolvers)])
	slices.SortFunc(h.list, netip.Addr.Compare)
}

// HearClass counts answers to a demand class, whoever asked.
func (h *Heavy) HearClass(of DemandOf, seconds int64) {
	c := &h.parts[h.at]
	if c.all == nil {
		c.all, c.of = map[DemandOf]int64{}, map[resolverOf]int64{}
	}
	hear(c.all, of, seconds)
}

// HearResolver counts those of them that went to one resolver.
func (h *Heavy) HearResolver(of DemandOf, resolver netip.Addr, seconds int64) {
	if c := &h.parts[h.at]; c.all != nil {
		hear(c.of, resolverOf{of, resolver}, seconds)
	}
}

func hear[K comparable](counts map[K]int64, key K, seconds int64) {
	if _, known := counts[key]; known || len(counts) < maxHeavyCounts {
		counts[key] += seconds
	}
}

// Look returns the heavy resolvers, sorted, at most plan.MaxHeavyResolvers. They must not be changed.
func (h *Heavy) Look(now time.Time) []netip.Addr {
	switch {
	case h.began.IsZero():
		h.began = now
	case now.Sub(h.began) >= heavyPart:
		h.decide()
		h.began, h.at = now, (h.at+1)%heavyParts
		h.parts[h.at] = heavyCounts{}
	}
	return h.list
}

// decide renews the list, if all of the window was heard.
func (h *Heavy) decide() {
	if slices.ContainsFunc(h.parts[:], func(c heavyCounts) bool { return len(c.all) == 0 }) {
		return
	}
	weights := h.weigh()
	next := slices.DeleteFunc(slices.Clone(h.list), func(r netip.Addr) bool { return !weights[r].stays })
	next = append(next, h.entering(weights, plan.MaxHeavyResolvers-len(next))...)
	slices.SortFunc(next, netip.Addr.Compare)
	h.list = next
}

// heavyWeight is what a resolver carries.
type heavyWeight struct {
	part          float64 // the largest part of a class
	enters, stays bool
}

func (h *Heavy) weigh() map[netip.Addr]heavyWeight {
	all, of := map[DemandOf]int64{}, map[resolverOf]int64{}
	for i := range h.parts {
		sum(all, h.parts[i].all)
		sum(of, h.parts[i].of)
	}
	weights := map[netip.Addr]heavyWeight{}
	for key, seconds := range of {
		if class := all[key.DemandOf]; class > 0 {
			w := weights[key.resolver]
			w.part = max(w.part, float64(seconds)/float64(class))
			w.enters = w.enters || seconds*enterPart > class && seconds >= leastHeavySeconds
			w.stays = w.stays || seconds*leavePart >= class && seconds >= leastHeavySeconds/2
			weights[key.resolver] = w
		}
	}
	return weights
}

func sum[K comparable](sums, counts map[K]int64) {
	for key, seconds := range counts {
		sums[key] += seconds
	}
}

// entering are the resolvers that are not in the list yet and belong there: the heaviest, as far as there is room.
func (h *Heavy) entering(weights map[netip.Addr]heavyWeight, room int) []netip.Addr {
	list := slices.DeleteFunc(slices.Collect(maps.Keys(weights)), func(r netip.Addr) bool {
		_, known := slices.BinarySearchFunc(h.list, r, netip.Addr.Compare)
		return known || !weights[r].enters
	})
	slices.SortFunc(list, func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(weights[b].part, weights[a].part), a.Compare(b))
	})
	return list[:min(len(list), room)]
}
