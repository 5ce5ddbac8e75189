package hub

import (
	"maps"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
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
	// Calm says that they live for the policy's calmTTL: it has long been below its low mark.
	Calm bool `json:"calm,omitempty"`
	// Down is the verdict on the service there, Why who gave it and with which numbers.
	Down bool   `json:"down,omitempty"`
	Why  string `json:"why,omitempty"`
	// Forced says that an operator gave it; Measured is then what was found without them.
	Forced   bool   `json:"forced,omitempty"`
	Measured string `json:"measured,omitempty"`
	// Cordoned says that the site keeps the clients that it has, and gets no more.
	Cordoned bool `json:"cordoned,omitempty"`
}

// State is how the service stands at the site, in a word.
func (s SiteLoadInfo) State() string {
	switch {
	case s.Forced:
		return s.Why + " (measured " + s.Measured + ")"
	case s.Down:
		return "down: " + s.Why
	case s.Silent:
		return "silent"
	case s.Brief:
		return "shedding"
	case s.Cordoned:
		return "cordoned"
	case s.Calm:
		return "calm"
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
		info := SiteLoadInfo{SiteFigures: f, Brief: out.IsBrief(f.ID), Calm: out.IsCalm(f.ID), Down: v.Down, Why: v.Reason, Cordoned: s.cordoned[f.ID]}
		if info.Forced = v.By == health.ByOperator; info.Forced {
			info.Measured = measuredText(v.Measured)
		}
		status.Sites = append(status.Sites, info)
	}
	return status
}

// measuredText is a verdict without an operator's word, with its reason.
func measuredText(f health.Finding) string {
	switch {
	case f.By == health.ByNobody:
		return healthUnknown
	case f.Down:
		return "down: " + f.Reason
	}
	return "up: " + f.Reason
}
