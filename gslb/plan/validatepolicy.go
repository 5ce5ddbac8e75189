package plan

import (
	"errors"
	"fmt"
	"slices"

	"tidegate.dev/tidegate/gslb"
)

// Limits of what a policy says of sites and regions.
const (
	MaxCosts            = MaxEndpointsPerName
	MaxCostMilliseconds = 10_000
	MaxNearMilliseconds = 500
	MaxNearPercent      = 100
	MaxResidency        = 16
	MaxResidencyRegions = 64
)

// ErrNearEmpty is what is wrong with a near that was given and says nothing.
var ErrNearEmpty = errors.New("it says nothing: give {ms: 5} or {percent: 10}, or leave it out")

func (v *validator) near(path string, s *Steering) {
	near := s.Near
	switch {
	case near == Near{}:
	case s.Method == Weighted || s.Method == Failover:
		v.fail(path, "it needs method proximity: with %s no site is nearer than another", s.Method)
	case near.Milliseconds != 0 && near.Percent != 0:
		v.fail(path, "give either ms or percent")
	case near.Milliseconds < 0 || near.Milliseconds > MaxNearMilliseconds:
		v.fail(path+".ms", "%d, want 1 to %d milliseconds of round trip", near.Milliseconds, MaxNearMilliseconds)
	case near.Percent < 0 || near.Percent > MaxNearPercent:
		v.fail(path+".percent", "%d, want 1 to %d percent of the way to the nearest site", near.Percent, MaxNearPercent)
	}
}

func (v *validator) costs(path string, s *Steering) {
	switch {
	case len(s.Costs) == 0:
		return
	case s.Method == Weighted || s.Method == Failover:
		v.fail(path, "they need method proximity: with %s no control loop runs", s.Method)
	case len(s.Costs) > MaxCosts:
		v.fail(path, "%d costs, the limit is %d", len(s.Costs), MaxCosts)
	}
	seen := map[gslb.SiteID]bool{}
	for i, c := range s.Costs {
		at := fmt.Sprintf("%s[%d]", path, i)
		if err := gslb.CheckLabel(string(c.Site)); err != nil {
			v.fail(at+".site", "%w", err)
		} else if seen[c.Site] {
			v.fail(at+".site", "%s is listed twice", c.Site)
		}
		seen[c.Site] = true
		if c.Milliseconds < 1 || c.Milliseconds > MaxCostMilliseconds {
			v.fail(at+".ms", "%d, want 1 to %d milliseconds of round trip: leave a site out that costs nothing", c.Milliseconds, MaxCostMilliseconds)
		}
	}
}

func (v *validator) residency(path string, rules []Residency) {
	if len(rules) > MaxResidency {
		v.fail(path, "%d rules, the limit is %d", len(rules), MaxResidency)
		return
	}
	for i, rule := range rules {
		at := fmt.Sprintf("%s[%d]", path, i)
		if n := len(rule.Clients); n == 0 || n > MaxResidencyRegions {
			v.fail(at+".clients", "%d regions, want 1 to %d: whom the rule keeps, such as [CN]", n, MaxResidencyRegions)
			continue
		}
		v.siteRegions(at+".regions", rule.Regions)
		for j, r := range rule.Clients {
			v.clients(fmt.Sprintf("%s.clients[%d]", at, j), r, rule.Clients[:j], rules[:i])
		}
	}
}

func (v *validator) siteRegions(path string, list []string) {
	if n := len(list); n == 0 || n > MaxResidencyRegions {
		v.fail(path, "%d regions, want 1 to %d: those of the sites that may serve these clients", n, MaxResidencyRegions)
		return
	}
	for i, r := range list {
		switch at := fmt.Sprintf("%s[%d]", path, i); {
		case r == "":
			v.fail(at, "empty: want the region of a site, as its site says it")
		case slices.Contains(list[:i], r):
			v.fail(at, "%s is listed twice", r)
		}
	}
}

// clients checks a region of clients, and that an earlier rule does not take them all.
func (v *validator) clients(path string, r Region, before []Region, earlier []Residency) {
	if r == NoRegion {
		v.fail(path, "empty: want a country such as CN, an area such as CN-south or a subdivision such as CN-GD")
		return
	}
	if err := r.check(); err != nil {
		v.fail(path, "%w", err)
		return
	}
	if slices.Contains(before, r) {
		v.fail(path, "%s is listed twice", r)
	}
	for i, rule := range earlier {
		for _, other := range rule.Clients {
			if other != NoRegion && other.check() == nil && other.holds(r) {
				v.fail(path, "all clients of %s go by residency[%d], which has %s: the first rule that holds counts, so put the narrower one first", r, i, other)
				return
			}
		}
	}
}

// Unknown is every site and region in a policy that none of the sites is, joined, or nil: most often a name that is spelt in two
// ways. It is no part of Validate, since sites come and go while a policy stays.
func (s *Steering) Unknown(path string, sites []Site) error {
	v := validator{}
	for i, c := range s.Costs {
		if !slices.ContainsFunc(sites, func(site Site) bool { return site.ID == c.Site }) {
			v.fail(fmt.Sprintf("%s.costs[%d].site", path, i), "there is no site %s", c.Site)
		}
	}
	for i, rule := range s.Residency {
		for j, r := range rule.Regions {
			if !anyIn(sites, r) {
				v.fail(fmt.Sprintf("%s.residency[%d].regions[%d]", path, i, j), "no site has the region %s", r)
			}
		}
	}
	return errors.Join(v.problems...)
}

// Unserved is every residency rule for whose clients there is no site at all, joined, or nil: nobody would answer them.
func (s *Steering) Unserved(path string, sites []Site) error {
	v := validator{}
	for i, rule := range s.Residency {
		if !slices.ContainsFunc(rule.Regions, func(r string) bool { return anyIn(sites, r) }) {
			v.fail(fmt.Sprintf("%s.residency[%d].regions", path, i), "no site has the region %s: nobody could answer clients of %s", joined(rule.Regions), joined(rule.Clients))
		}
	}
	return errors.Join(v.problems...)
}

func anyIn(sites []Site, region string) bool {
	return slices.ContainsFunc(sites, func(s Site) bool { return s.Region == region })
}
