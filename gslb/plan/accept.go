package plan

import (
	"errors"
	"fmt"

	"tidegate.dev/tidegate/gslb"
)

// The reasons for which a name server keeps the map it has. Each has its own counter.
var (
	ErrOldGeneration = errors.New("the generation is not newer")
	ErrDigest        = errors.New("the map is not the one that the head names")
	ErrEmptied       = errors.New("the map empties live names without a reason")
	ErrVelocity      = errors.New("the map changes too much at once")
)

// The velocity guard: a step that passes both the share and the count asks whether the planner went mad. It needs no
// limit for names: one that goes without a reason is refused by itself.
const (
	maxEndpointsRemovedPercent = 25
	maxCapacityMovedPercent    = 30
	smallEndpoints             = 20
	smallSites                 = 3

	// A split counts as changed if more than half of its class moves; too many are more than half of a service's.
	maxSplitMoved           = gslb.WholeShare / 2
	maxSplitsChangedPercent = 50
	smallSplits             = 20
)

// Offer is a map that a name server may swap to, as it came from the bus or from disk.
type Offer struct {
	Head Head
	Data []byte
}

// Open checks an offer against the generation that is served and decodes its map.
func (o Offer) Open(servedGeneration uint64) (*Map, error) {
	if o.Head.Generation <= servedGeneration {
		return nil, fmt.Errorf("%w: %d is offered, %d is served", ErrOldGeneration, o.Head.Generation, servedGeneration)
	}
	if got := DigestOf(o.Data); got != o.Head.Digest {
		return nil, fmt.Errorf("%w: it has %s, the head says %s", ErrDigest, got, o.Head.Digest)
	}
	return Decode(o.Data)
}

// Accept says whether a name server that serves current may swap to next. Current is nil at a cold start. A name or a zone
// that was served goes only if a reason says that it is retired. What the reasons explain does not count against the
// velocity guard; an operator's Forced passes that one whole.
func Accept(current, next *Map, reasons []Reason) error {
	if current == nil {
		return nil
	}
	why := explained(reasons)
	step := compare(current, next, why)
	if len(step.zones) > 0 {
		return fmt.Errorf("%w: %d zones are missing, the first is zone %s: to retire a zone, delete its Zone object", ErrEmptied, len(step.zones), step.zones[0])
	}
	if len(step.emptied) > 0 {
		return fmt.Errorf("%w: %d names, the first is %s", ErrEmptied, len(step.emptied), step.emptied[0])
	}
	if len(step.fallen) > 0 {
		return fmt.Errorf("%w: %s loses all of its sites, and only its fallback would answer", ErrEmptied, step.fallen[0])
	}
	if why.forced {
		return nil
	}
	return step.tooFast()
}

// reasonIndex answers whether a change to a name or a site was explained.
type reasonIndex struct {
	retired map[string]bool // names and zones that may go
	scaled  map[string]bool // names that may lose endpoints and capacity
	sites   map[string]bool
	forced  bool
}

func explained(reasons []Reason) reasonIndex {
	index := reasonIndex{retired: map[string]bool{}, scaled: map[string]bool{}, sites: map[string]bool{}}
	for _, r := range reasons {
		switch r.Kind {
		case ReasonForced:
			index.forced = true
		case ReasonSiteGone, ReasonSiteDrained:
			index.sites[r.Subject] = true
		case ReasonRetired:
			index.retired[r.Subject], index.scaled[r.Subject] = true, true
		case ReasonAsleep, ReasonScaled:
			index.scaled[r.Subject] = true
		}
	}
	return index
}

// change counts what one step takes away, without what is explained.
type change struct {
	endpoints, endpointsGone int
	sitesTouched             map[gslb.SiteID]bool
	capacity, capacityMoved  int64
	emptied                  []gslb.Name
	fallen                   []gslb.Name // services that only a fallback is left of
	zones                    []gslb.Name // that are missing
	torn                     []gslb.Name // services with too many splits changed
}

func compare(current, next *Map, why reasonIndex) change {
	after := make(map[gslb.Name]*Service, len(next.Services))
	for i := range next.Services {
		s := &next.Services[i]
		after[s.Name] = s
		for _, alias := range s.Aliases {
			after[alias] = s
		}
	}
	c := change{sitesTouched: map[gslb.SiteID]bool{}}
	for i := range current.Services {
		c.service(&current.Services[i], after, why)
	}
	c.missingZones(current, next, why)
	return c
}

func (c *change) missingZones(current, next *Map, why reasonIndex) {
	after := make(map[gslb.Name]bool, len(next.Zones))
	for _, z := range next.Zones {
		after[z.Name] = true
	}
	for _, z := range current.Zones {
		if !after[z.Name] && !why.retired[string(z.Name)] {
			c.zones = append(c.zones, z.Name)
		}
	}
}

func (c *change) service(before *Service, after map[gslb.Name]*Service, why reasonIndex) {
	for _, name := range append([]gslb.Name{before.Name}, before.Aliases...) {
		if after[name] == nil && !why.retired[string(before.Name)] && !why.retired[string(name)] {
			c.emptied = append(c.emptied, name)
		}
	}
	c.endpointsOf(before, after[before.Name], why)
	if now := after[before.Name]; now != nil && onlyFallback(before, now, why) {
		c.fallen = append(c.fallen, before.Name)
	}
	if now := after[before.Name]; now != nil && !why.scaled[string(before.Name)] {
		c.splitsOf(before, now, why)
	}
}

func (c *change) endpointsOf(before, now *Service, why reasonIndex) {
	capacity := map[gslb.SiteID]int64{}
	present := map[gslb.SiteID]bool{}
	if now != nil {
		for _, e := range now.Endpoints {
			capacity[e.Site], present[e.Site] = offered(e), true
		}
	}
	for _, e := range before.Endpoints {
		c.endpoints++
		c.capacity += offered(e)
		if why.scaled[string(before.Name)] || why.sites[string(e.Site)] {
			continue
		}
		if lost := offered(e) - capacity[e.Site]; lost > 0 {
			c.capacityMoved += lost
			c.sitesTouched[e.Site] = true
		}
		if !present[e.Site] {
			c.endpointsGone++
			c.sitesTouched[e.Site] = true
		}
	}
}

// offered is the capacity that new clients may get.
func offered(e Endpoint) int64 {
	if e.Drained {
		return 0
	}
	return int64(e.Capacity)
}

func (c *change) tooFast() error {
	manySites := len(c.sitesTouched) > smallSites
	switch {
	case len(c.torn) > 0:
		return fmt.Errorf("%w: more than half of the splits of %s, and of %d services in all, move most of their class",
			ErrVelocity, c.torn[0], len(c.torn))
	case (c.endpointsGone > smallEndpoints || manySites) && c.endpointsGone*100 > c.endpoints*maxEndpointsRemovedPercent:
		return fmt.Errorf("%w: %d of %d endpoints removed", ErrVelocity, c.endpointsGone, c.endpoints)
	case manySites && c.capacityMoved > c.capacity/100*maxCapacityMovedPercent:
		return fmt.Errorf("%w: %d %% of the capacity taken away", ErrVelocity, c.capacityMoved*100/max(c.capacity, 1))
	}
	return nil
}
