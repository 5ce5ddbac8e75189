package baseline

import (
	"time"

	"tidegate.dev/tidegate/gslb/sim"
)

// Static is a weighted choice by the hash of the client, as of PowerDNS' pickwhashed with addresses alone: a client keeps
// its site, whatever happens. Neither health nor load matter.
type Static struct {
	TTL     time.Duration
	weights weights
}

// Step learns the weights once.
func (s *Static) Step(v *sim.View) { s.weights.set(v) }

// Ask answers by the client's hash.
func (s *Static) Ask(q sim.Question) sim.Answer {
	hash := sim.NewStream(0, q.Client.Prefix.String())
	return sim.Answer{Site: s.weights.at(hash.Float()), TTL: s.TTL}
}
