package plan

import (
	"slices"

	"tidegate.dev/tidegate/gslb"
)

// onlyFallback says whether a step takes every site away that a service's clients were sent to, and leaves its fallback to
// answer: the name would be emptied in all but name. A site that is still there and only lost its capacity is not taken
// away; it was measured, and that is what a fallback is for.
func onlyFallback(before, now *Service, why reasonIndex) bool {
	if now.Steering.OnAllUnhealthy != AnswerFallback || why.scaled[string(before.Name)] {
		return false
	}
	after := make(map[gslb.SiteID]Endpoint, len(now.Endpoints))
	for _, e := range now.Endpoints {
		after[e.Site] = e
	}
	if slices.ContainsFunc(now.Endpoints, func(e Endpoint) bool { return offered(e) > 0 }) {
		return false
	}
	taken := 0
	for _, e := range before.Endpoints {
		if offered(e) == 0 || why.sites[string(e.Site)] {
			continue
		}
		if left, present := after[e.Site]; present && !left.Drained {
			return false
		}
		taken++
	}
	return taken > 0
}
