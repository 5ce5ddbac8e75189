// Package recording is the last turn of the hub's control loop as a value that can be kept: what it knew, and the map that was
// served. The hub hands it out over its admin socket, `tidegate simulate` tries changes on it.
package recording

import (
	"fmt"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
)

// Recording is one turn over all services that are steered by load.
type Recording struct {
	At time.Time `json:"at"`
	// GeoDigest names the geo table that the classes were made with.
	GeoDigest string    `json:"geoDigest"`
	Map       *plan.Map `json:"map"`
	Turns     []Turn    `json:"turns"`
}

// Turn is what the loop knew of one service: loop.Step with both gives the same again.
type Turn struct {
	Service gslb.Name  `json:"service"`
	Was     loop.State `json:"was"`
	Input   loop.Input `json:"input"`
	// Demand is the estimate that came out, by class.
	Demand []gslb.MilliRPS `json:"demandMilliRPS"`
}

// Of is the turn of a service.
func (r *Recording) Of(service gslb.Name) (*Turn, error) {
	var names []gslb.Name
	for i := range r.Turns {
		if r.Turns[i].Service == service {
			return &r.Turns[i], nil
		}
		names = append(names, r.Turns[i].Service)
	}
	return nil, fmt.Errorf("the recording has no service %s that is steered by load, but %v", service, names)
}

// ByClass is the demand under the classes' keys.
func (t *Turn) ByClass() map[plan.ClassKey]gslb.MilliRPS {
	demand := map[plan.ClassKey]gslb.MilliRPS{}
	for i, c := range t.Input.Classes {
		if i < len(t.Demand) {
			demand[c.Key] = t.Demand[i]
		}
	}
	return demand
}
