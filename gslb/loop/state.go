package loop

import (
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/plan"
)

// State is what a Step remembers. The zero State starts from nothing.
type State struct {
	At      time.Time                    `json:"at,omitzero"`
	Sites   map[gslb.SiteID]siteState    `json:"sites,omitempty"`
	Classes map[plan.ClassKey]classState `json:"classes,omitempty"`
	// Heavy are the resolvers that the map is to list, and when each last carried as much as makes one heavy.
	Heavy map[netip.Addr]time.Time `json:"heavy,omitempty"`
}

// fresh says that nothing was measured yet.
func (s *State) fresh() bool { return len(s.Sites) == 0 }

type siteState struct {
	// Counted is the capacity that counted, before the correction.
	Counted gslb.MilliRPS `json:"counted"`
	// Correction is in (0, 1]; zero is not known yet.
	Correction float64 `json:"correction,omitempty"`
	// Carried is what the site carried when it was last heard.
	Carried gslb.MilliRPS `json:"carried,omitempty"`
	// Heard says that this was measured.
	Heard bool `json:"heard,omitempty"`
	// Drained says that it got nobody when that was last looked at.
	Drained bool `json:"drained,omitempty"`
	// Drift is by how much more arrives than was planned, in thousandths of a request a second.
	Drift float64   `json:"drift,omitempty"`
	Tide  load.Tide `json:"tide,omitzero"`
	// CalmSince is since when the site has been calm, zero if it is not.
	CalmSince time.Time `json:"calmSince,omitzero"`
}

type classState struct {
	rowState
	// Resolvers are those that are told apart.
	Resolvers []resolverState  `json:"resolvers,omitempty"`
	Shares    []plan.SiteShare `json:"shares,omitempty"`
	// Served are the shares as name servers served them, whether they were published or by their own rule.
	Served []plan.SiteShare `json:"served,omitempty"`
	// Unshifted are the shares as they would be without operators' moves, as long as there are any or clients return.
	Unshifted []plan.SiteShare `json:"unshifted,omitempty"`
	// Effective are the shares as clients follow them, in parts of one.
	Effective []effect `json:"effective,omitempty"`
}

// rowState is what is known of how many clients are behind answers.
type rowState struct {
	// PerAnswer is how many requests a second, in thousandths, a cached answer stands for.
	PerAnswer float64 `json:"perAnswer"`
	// Steps is in how many Steps that was learnt.
	Steps int `json:"steps,omitempty"`
	// InEffect are the answers whose clients are at a site now.
	InEffect []effect `json:"inEffect,omitempty"`
}

type resolverState struct {
	Resolver netip.Addr `json:"resolver"`
	rowState
}

// Remembered is the state of a loop that lost its own and finds what name servers serve: splits, and heavy resolvers.
func Remembered(splits []plan.Split, heavy []netip.Addr) State {
	s := State{Classes: map[plan.ClassKey]classState{}, Heavy: map[netip.Addr]time.Time{}}
	for _, split := range splits {
		s.Classes[split.Class] = classState{Shares: split.Shares}
	}
	for _, resolver := range heavy {
		s.Heavy[resolver] = time.Time{}
	}
	return s
}
