package baseline

import (
	"time"

	"tidegate.dev/tidegate/gslb/sim"
)

// Random is CoreDNS' loadbalance weighted: each answer has a first record drawn by weight, and clients take the first.
// Neither health nor load matter.
type Random struct {
	TTL     time.Duration
	Draws   *sim.Stream
	weights weights
}

// Step learns the weights once.
func (r *Random) Step(v *sim.View) { r.weights.set(v) }

// Ask draws anew.
func (r *Random) Ask(sim.Question) sim.Answer {
	return sim.Answer{Site: r.weights.at(r.Draws.Float()), TTL: r.TTL}
}
