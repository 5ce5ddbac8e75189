package scheduler

import (
	"cmp"
	"fmt"
	"slices"
)

// Place spreads a workload evenly over the sites that its policy allows.
//
// Evenly: no site can give a replica to another so that the two come closer, within the sites' limits. Among the even
// placements it takes one that starts the fewest replicas anew. A silent site keeps what it has, and the others are
// evened out around it; only if the owner wants fewer replicas than silent sites hold do those shrink too.
func Place(sites []Site, w Workload, previous Placement) Decision {
	w.Replicas = max(w.Replicas, 0)
	candidates := make([]*candidate, 0, len(sites))
	for _, s := range sites {
		c := newCandidate(s, w, max(previous[s.ID], 0))
		candidates = append(candidates, &c)
	}
	slices.SortFunc(candidates, func(a, b *candidate) int { return cmp.Compare(a.ID, b.ID) })
	limitSites(candidates, w.Policy.MaxSites)

	silent, heard := split(candidates)
	level(silent, w.Replicas) // they are limited to what they have, so this keeps it
	level(heard, w.Replicas-total(silent))
	return decide(candidates, w)
}

// limitSites closes all but the best n sites. Sites that run the workload come first, then those with the most room.
func limitSites(candidates []*candidate, n int) {
	open := make([]*candidate, 0, len(candidates))
	for _, c := range candidates {
		if c.limit > 0 {
			open = append(open, c)
		}
	}
	if n <= 0 || len(open) <= n {
		return
	}
	slices.SortFunc(open, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(b.previous, a.previous), cmp.Compare(b.limit, a.limit), cmp.Compare(a.order, b.order),
			cmp.Compare(a.ID, b.ID))
	})
	for _, c := range open[n:] {
		c.limit, c.why = 0, fmt.Sprintf("is left out: the policy wants at most %d sites", n)
	}
}

func split(candidates []*candidate) (silent, heard []*candidate) {
	for _, c := range candidates {
		if c.Silent {
			silent = append(silent, c)
		} else {
			heard = append(heard, c)
		}
	}
	return silent, heard
}

// level fills the sites like water: every site up to the same level or to its limit, and what is then left, less than
// one for each site that is not full, where it moves the least.
func level(sites []*candidate, replicas int) {
	open := slices.Clone(sites)
	slices.SortFunc(open, func(a, b *candidate) int { return cmp.Compare(a.limit, b.limit) })
	for len(open) > 0 {
		share := max(replicas, 0) / len(open)
		if open[0].limit > share {
			spreadRest(open, share, max(replicas, 0)%len(open))
			return
		}
		open[0].placed = open[0].limit
		replicas -= open[0].limit
		open = open[1:]
	}
}

// spreadRest gives every site its share, and one more to the first of them: those that have it already, then those with
// the most room.
func spreadRest(sites []*candidate, share, rest int) {
	slices.SortFunc(sites, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(min(b.previous, share+1), min(a.previous, share+1)), cmp.Compare(b.limit, a.limit),
			cmp.Compare(a.order, b.order), cmp.Compare(a.ID, b.ID))
	})
	for i, c := range sites {
		c.placed = share
		if i < rest {
			c.placed++
		}
	}
}

func total(sites []*candidate) int {
	sum := 0
	for _, c := range sites {
		sum += c.placed
	}
	return sum
}

func decide(candidates []*candidate, w Workload) Decision {
	d := Decision{Workload: w, Unschedulable: max(w.Replicas-total(candidates), 0)}
	used, open := 0, 0
	for _, c := range candidates {
		d.Sites = append(d.Sites, SiteDecision{Site: c.ID, Replicas: c.placed, Previous: c.previous, Reason: c.reason()})
		if c.placed > 0 {
			used++
		}
		if c.limit > 0 {
			open++
		}
	}
	d.Problem = problem(d, len(candidates), open, used)
	return d
}

func (c *candidate) reason() string {
	if c.placed < c.limit {
		return "its even share"
	}
	return c.why
}

func problem(d Decision, sites, open, used int) string {
	w := d.Workload
	switch {
	case w.Replicas == 0:
		return ""
	case sites == 0:
		return "there is no site: create a Site and enrol it"
	case open == 0:
		return fmt.Sprintf("none of the %d sites can take it", sites)
	case d.Unschedulable > 0:
		return fmt.Sprintf("the sites that satisfy %q are full", w.Policy.Name)
	case used < w.Policy.MinSites:
		return fmt.Sprintf("it runs at %d of the %d sites that %q wants at least", used, w.Policy.MinSites, w.Policy.Name)
	}
	return ""
}
