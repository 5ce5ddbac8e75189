package hub

import (
	"maps"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
)

// LoadStatus is what the last turn of the control loop found and decided for one service.
type LoadStatus struct {
	Service string         `json:"service"`
	Sites   []SiteLoadInfo `json:"sites"`
	// Splits is how many demand classes go to other sites than name servers would send them to by themselves.
	Splits int `json:"splits"`
	// Frozen says that most sites are silent, so that nothing was decided.
	Frozen bool     `json:"frozen,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// SiteLoadInfo is one site of a service.
type SiteLoadInfo struct {
	loop.SiteFigures
	// Brief says that answers which name the site live short: it is above its low mark, or draining.
	Brief bool `json:"brief,omitempty"`
	// Down is the verdict on the service there, Why who gave it and with which numbers.
	Down bool   `json:"down,omitempty"`
	Why  string `json:"why,omitempty"`
}

// State is how the service stands at the site, in a word.
func (s SiteLoadInfo) State() string {
	switch {
	case s.Down:
		return "down: " + s.Why
	case s.Silent:
		return "silent"
	case s.Brief:
		return "shedding"
	}
	return "ok"
}

// loads tells of every service that the loop steers.
func (s *steering) loads() []LoadStatus {
	list := []LoadStatus{}
	for _, name := range slices.Sorted(maps.Keys(s.outputs)) {
		list = append(list, s.loadOf(name))
	}
	return list
}

func (s *steering) loadOf(name gslb.Name) LoadStatus {
	out := s.outputs[name]
	status := LoadStatus{Service: string(name), Sites: []SiteLoadInfo{}, Splits: len(out.Splits), Frozen: out.Frozen, Notes: out.Notes}
	for _, f := range out.Sites {
		v := s.verdicts[endpointKey{name, f.ID}]
		status.Sites = append(status.Sites, SiteLoadInfo{SiteFigures: f, Brief: out.IsBrief(f.ID), Down: v.Down, Why: v.Reason})
	}
	return status
}
