package scheduler

import (
	"fmt"
	"slices"
	"strings"
)

// candidate is a site while a workload is being placed.
type candidate struct {
	Site
	previous int
	// limit is the most that the site may get now; why is the reason for it, if it binds.
	limit  int
	why    string
	placed int
	order  uint64 // a hash of workload and site: the last word between equals
}

// newCandidate finds how many replicas a site may get at most.
func newCandidate(site Site, w Workload, previous int) candidate {
	c := candidate{Site: site, previous: previous, order: rank(w.Name, string(site.ID))}
	room := max(site.Room, 0)
	refused := refusal(site, w.Policy)
	switch {
	case refused != "":
		c.why = refused
	case site.Silent:
		c.limit, c.why = min(previous, room), "does not report: keeps what it has"
	case site.Cordoned:
		c.limit, c.why = min(previous, room), "is cordoned: gets nothing new"
	default:
		c.limit, c.why = room, fmt.Sprintf("has room for %d", room)
	}
	return c
}

// refusal is why the policy does not allow a site, or empty.
func refusal(s Site, p Policy) string {
	switch {
	case s.Excluded != "":
		return s.Excluded
	case len(p.Sites) > 0 && !slices.Contains(p.Sites, s.ID):
		return "is not in the policy's sites"
	case len(p.Regions) > 0 && !slices.Contains(p.Regions, s.Region):
		return fmt.Sprintf("is in region %q, the policy wants %s", s.Region, strings.Join(p.Regions, " or "))
	case len(p.Lines) > 0 && !intersects(p.Lines, s.Lines):
		return fmt.Sprintf("has none of the lines %v", p.Lines)
	case len(p.Accelerators) > 0 && !intersects(p.Accelerators, s.Accelerators):
		return fmt.Sprintf("has none of the accelerators %v", p.Accelerators)
	}
	return ""
}

func intersects[T comparable](a, b []T) bool {
	return slices.ContainsFunc(a, func(x T) bool { return slices.Contains(b, x) })
}

// rank hashes two strings (FNV-1a, 64 bits), so that the order among equals differs from workload to workload and is
// the same everywhere.
func rank(workload, site string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for _, c := range []byte(workload + "\x00" + site) {
		h = (h ^ uint64(c)) * prime
	}
	return h
}
