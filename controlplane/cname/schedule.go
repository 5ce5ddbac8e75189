package cname

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// How long an answer is good for: where the owner of a domain may be waiting we look again soon.
const (
	retryAfter   = 30 * time.Second
	confirmAfter = 10 * time.Minute
)

// Link is a domain and the canonical name that its CNAME should lead to.
type Link struct {
	Domain, Canonical gslb.Name
}

// schedule is what is known of each wanted domain, and when to ask again.
type schedule map[gslb.Name]*domain

type domain struct {
	// canonical are the names that it should lead to: several exports may ask for one domain, and at most one gets it.
	canonical []gslb.Name
	// leadsTo is where it led when last answered; empty: it never was.
	leadsTo gslb.Name
	// asked is when the last look-up began, asking that it has not ended.
	asked  time.Time
	asking bool
}

// want replaces the wanted links. What is known of domains that stay is kept.
func (s schedule) want(links []Link) {
	for _, d := range s {
		d.canonical = nil
	}
	for _, l := range links {
		if s[l.Domain] == nil {
			s[l.Domain] = &domain{}
		}
		s[l.Domain].canonical = append(s[l.Domain].canonical, l.Canonical)
	}
	maps.DeleteFunc(s, func(_ gslb.Name, d *domain) bool { return len(d.canonical) == 0 })
}

// begin takes at most n domains that are due, those first that have waited longest.
func (s schedule) begin(now time.Time, n int) []gslb.Name {
	var due []gslb.Name
	for name, d := range s {
		if d.due(now) {
			due = append(due, name)
		}
	}
	slices.SortFunc(due, func(a, b gslb.Name) int { return cmp.Or(s[a].asked.Compare(s[b].asked), cmp.Compare(a, b)) })
	due = due[:min(len(due), n)]
	for _, name := range due {
		s[name].asked, s[name].asking = now, true
	}
	return due
}

// end enters an answer; an empty one, of a look-up that failed, leaves what is known. News says that it is another.
func (s schedule) end(name, leadsTo gslb.Name) (news bool) {
	d := s[name]
	if d == nil {
		return false // nobody wants it any more
	}
	d.asking = false
	if leadsTo == "" || leadsTo == d.leadsTo {
		return false
	}
	d.leadsTo = leadsTo
	return true
}

func (d *domain) due(now time.Time) bool {
	pace := retryAfter
	if d.verified() {
		pace = confirmAfter
	}
	return !d.asking && (d.asked.IsZero() || now.Sub(d.asked) >= pace)
}

// verified says that it leads to where everybody wants it.
func (d *domain) verified() bool {
	return !slices.ContainsFunc(d.canonical, func(want gslb.Name) bool { return want != d.leadsTo })
}

// leadsTo maps the domains that were answered to where they lead.
func (s schedule) leadsTo() map[gslb.Name]gslb.Name {
	known := map[gslb.Name]gslb.Name{}
	for name, d := range s {
		if d.leadsTo != "" {
			known[name] = d.leadsTo
		}
	}
	return known
}
