package loop

import (
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
)

// calmDeadTimes is for how many dead times a site must have been calm before its answers live longer: what was done about its
// last load has arrived by then, and so has what that did.
const calmDeadTimes = 2

// isCalm says whether a site that has been calm since then is so at a moment. Since is zero if it is not.
func (p Policy) isCalm(since, at time.Time) bool {
	return p.CalmTTL > 0 && !since.IsZero() && at.Sub(since) >= calmDeadTimes*p.Delays().DeadTime()
}

// termOf is how long the answers live that name a site, by what was said at the Step of the state.
func (s *State) termOf(p Policy, site gslb.SiteID) term {
	switch was := s.Sites[site]; {
	case was.Tide.Shedding:
		return brief
	case p.isCalm(was.CalmSince, s.At):
		return calm
	}
	return usual
}

// calmSince is since when a site has been calm, zero if it is not. Where anything is unknown or under way, it is not.
func (t *turn) calmSince(site int, tide load.Tide) time.Time {
	s, c := &t.in.Sites[site], &t.capacity[site]
	below := c.heard && c.known && !tide.Shedding && t.policy.Marks.Calm(c.level)
	if t.policy.CalmTTL == 0 || !below || !t.usable[site] || s.Cordoned || t.moves(site) {
		return time.Time{}
	}
	if since := t.was.Sites[s.ID].CalmSince; !since.IsZero() && !since.After(t.in.Now) {
		return since
	}
	return t.in.Now
}

// moves says whether an operator moves clients from a site or to it.
func (t *turn) moves(site int) bool {
	return slices.ContainsFunc(t.in.Shifts, func(s Shift) bool { return s.From == site || s.To == site })
}

// calm lists a site if its answers may live longer.
func (t *turn) calm(site int, since time.Time) {
	if t.policy.isCalm(since, t.in.Now) {
		t.out.Calm = append(t.out.Calm, t.in.Sites[site].ID)
	}
}
