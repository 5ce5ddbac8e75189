package steer

import (
	"fmt"
	"net/netip"
	"strings"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// TraceSplit says how the load of the client's demand class is split, and what of it is the client's.
type TraceSplit struct {
	// Class is the demand class, empty if the client's class has none.
	Class plan.ClassKey `json:"class,omitempty"`
	// Weight is how many networks the class has: /24s of IPv4, and runs of IPv6.
	Weight int64 `json:"weight,omitempty"`
	// Shares are in ten-thousandths; none where the class has no split.
	Shares []plan.SiteShare `json:"shares,omitempty"`
	// Unit is what the choice is made by, and Why it is that wide.
	Unit netip.Prefix `json:"unit,omitzero"`
	Why  string       `json:"why"`
	// Slot numbers the slots of time by which a heavy resolver's clients are cut; 0 for others.
	Slot uint64 `json:"slot,omitempty"`
}

func (s TraceSplit) String() string {
	if len(s.Shares) == 0 {
		return strings.TrimSpace("class " + string(s.Class) + ": " + s.Why)
	}
	var shares []string
	for _, share := range s.Shares {
		shares = append(shares, fmt.Sprintf("%s %v", share.Site, share.Share))
	}
	text := fmt.Sprintf("class %s: %s; by %s, %s", s.Class, strings.Join(shares, ", "), s.Unit, s.Why)
	if s.Slot > 0 {
		text += fmt.Sprintf(", slot %d", s.Slot)
	}
	return text
}

// unsplit records the demand class of a service with splits; shared adds what there is of a split.
func (t *Trace) unsplit(d *decider) {
	if d.compiled.Splits == nil {
		return
	}
	t.Split = &TraceSplit{Why: "the class has no split"}
	if d.demand >= 0 {
		class := &d.compiled.Demand.List[d.demand]
		t.Split.Class, t.Split.Weight = class.Key, class.Weight
	}
}

// shared records the split that was looked at.
func (t *Trace) shared(d *decider) {
	t.Split.Shares = nil // of the look before, if this one is at the last good moment
	for _, s := range d.split.list {
		t.Split.Shares = append(t.Split.Shares, plan.SiteShare{Site: d.compiled.Endpoints[s.Endpoint].Site, Share: s.Share})
	}
	t.Split.Unit, t.Split.Slot, t.Split.Why = d.split.unit, d.split.slot, d.whyUnit(t.FromECS)
	if d.split.holders == 0 {
		t.Steps = append(t.Steps, "no site of the split is eligible; as if the class had none:")
	}
}

// whyUnit says why the unit is as wide as it is.
func (d *decider) whyUnit(fromECS bool) string {
	switch _, bits := d.compiled.Splits.Of(d.demand, plan.FamilyOf(d.unit.Addr())); {
	case d.split.holders == 0:
		return "which does not count: none of the sites is eligible"
	case d.split.holders == 1:
		return "which does not count: only one of the sites is eligible"
	case d.split.slot != 0:
		return fmt.Sprintf("a resolver with more than 1/32 of a class, cut into slots of %d s", d.slotSeconds())
	case !fromECS:
		return "the resolver, since no client subnet came"
	case bits < d.split.unit.Bits():
		return "the network around the client that is all of one class"
	case bits == gslb.MaxBits4 || bits == gslb.MaxBits6:
		return "the finest unit, since the class has few networks"
	default:
		return fmt.Sprintf("a /%d carries at most 1/256 of the class", bits)
	}
}
