package tidegate

import (
	"net/netip"
	"slices"
	"strings"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// referenceOrders are the levels in the order of each precedence, as the vendors' documents have them.
var referenceOrders = map[string]string{
	"":           "line-region line-area line-country line region area country default",
	"alibaba":    "line-region line-area line-country line region area country default",
	"huawei":     "line-region line-area line-country line region area country default",
	"dnspod":     "line-region region line-area area line-country line country default",
	"volcengine": "line-region region line-area line-country area line country default",
}

// referenceAreas are the areas that random worlds use, with their provinces.
var referenceAreas = map[string]string{
	"CN-BJ": "CN-north", "CN-TJ": "CN-north", "CN-HE": "CN-north", "CN-SX": "CN-north", "CN-NM": "CN-north",
	"CN-GD": "CN-south", "CN-GX": "CN-south", "CN-HI": "CN-south",
	"CN-SH": "CN-east", "CN-JS": "CN-east", "CN-ZJ": "CN-east", "CN-AH": "CN-east", "CN-FJ": "CN-east", "CN-JX": "CN-east", "CN-SD": "CN-east",
}

func orderOf(s *plan.Service) []string {
	if s.Steering.Precedence.Levels == nil {
		return strings.Fields(referenceOrders[s.Steering.Precedence.Preset])
	}
	var list []string
	for _, level := range s.Steering.Precedence.Levels {
		list = append(list, string(level))
	}
	return append(list, "default") // a second time does no harm
}

// addresses are those of the first level at which there is one for the client, else all. Dead ones are used only where
// none is alive.
func (r *reference) addresses(s *plan.Service, f plan.Family, e *plan.Endpoint, place geodata.Place, evenDown bool) (list []netip.Addr) {
	from := r.alive(s, e, f)
	if evenDown && len(from) == 0 {
		from = ofFamily(e.Addresses, f)
	}
	for _, level := range orderOf(s) {
		for _, a := range from {
			if r.levelFor(a, place) == level {
				list = append(list, a.Addr)
			}
		}
		if list != nil {
			r.met[level]++
			return list
		}
	}
	r.met["none"]++
	for _, a := range from {
		list = append(list, a.Addr)
	}
	return list
}

// levelFor is the level at which a client of a place matches an address, "" if it does not.
func (r *reference) levelFor(a plan.Address, place geodata.Place) string {
	line, region := r.addressLine(a), string(a.Region)
	if line != "" && line != place.Line {
		return ""
	}
	level := map[bool]string{true: "line-", false: ""}[line != ""]
	switch {
	case region == "" && line == "":
		return "default"
	case region == "":
		return "line"
	case region == place.Region:
		return level + "region"
	case region == referenceAreas[place.Region]:
		return level + "area"
	case region == place.Country:
		return level + "country"
	}
	return ""
}

func (r *reference) addressLine(a plan.Address) gslb.Line {
	switch {
	case a.Line == gslb.DefaultLine:
		return gslb.NoLine
	case a.Line == gslb.NoLine && a.Region == "":
		return r.table.Place(r.placeOf(a.Addr)).Line
	}
	return a.Line
}

// meantFor lists whom the addresses of a family are meant for that a client of a place can get: where some are meant for
// it and others are not, clients are told apart by that. What all get alike tells nobody apart.
func (r *reference) meantFor(c choiceOf, place geodata.Place) (list []string) {
	whom := func(a plan.Address) string { return string(r.addressLine(a)) + "/" + string(a.Region) }
	all := map[string]bool{}
	for _, e := range c.service.Endpoints {
		for _, a := range ofFamily(e.Addresses, c.family) {
			all[whom(a)] = true
			if level := r.levelFor(a, place); level != "default" && slices.Contains(orderOf(c.service), level) {
				list = append(list, whom(a))
			}
		}
	}
	if len(all) < 2 {
		return nil
	}
	slices.Sort(list)
	return slices.Compact(list)
}
