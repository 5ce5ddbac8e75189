package sim

import (
	"fmt"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

// Recorded is a world as it was, with clients to ask for: what a change is tried on before it is made.
type Recorded struct {
	// Population is drawn from the table that the map was planned with.
	Population *Population
	// Demand is the hub's estimate for each demand class (loop.Output.Demand).
	Demand map[plan.ClassKey]gslb.MilliRPS
	// At is when; only the slots of heavy resolvers depend on it.
	At time.Time
}

// Forecast is what a change would do once all entries of resolvers have run out.
type Forecast struct {
	Sites []SiteForecast // by endpoint of the service
	// Moved is the part of all demand whose site changes.
	Moved float64
	// KmBefore and KmAfter are the mean distance from client to site, by demand; RTTChange is what the difference takes
	// (plan.KmPerMillisecond).
	KmBefore, KmAfter float64
	RTTChange         time.Duration
	// Refused says why the change must not be made: it would take a site over its high mark that is below it now, or
	// above it already further. Empty is: it may.
	Refused []string
}

// SiteForecast is the load of a site before and after.
type SiteForecast struct {
	Site          gslb.SiteID
	Before, After gslb.MilliRPS
	// Capacity is what the map says after the change, drained or not.
	Capacity gslb.MilliRPS
}

// Use is the load after the change in percent of the capacity.
func (s SiteForecast) Use() int64 {
	if s.Capacity <= 0 {
		return 0
	}
	return int64(s.After) * 100 / int64(s.Capacity)
}

// defaultHigh is the high watermark, in percent, of a service that has none.
const defaultHigh = 90

// WhatIf asks for every client of a recorded world what it is answered before a change and after it. The service must
// have the same endpoints in both.
func WhatIf(r Recorded, service int, before, after *world.Snapshot) Forecast {
	f := forecaster{recorded: r, service: service, before: before, after: after}
	f.start()
	for i := range r.Population.Askers {
		f.asker(&r.Population.Askers[i], r.Population.Members(i))
	}
	return f.finish()
}

type forecaster struct {
	recorded      Recorded
	service       int
	before, after *world.Snapshot
	out           Forecast
	directions    []gslb.Direction // by endpoint
	perSize       []float64        // by demand class: requests per second for each part of the clients' sizes
	load          [2][]float64     // before and after, by endpoint
	sum, moved    float64
	km            [2]float64
}

func (f *forecaster) start() {
	compiled := f.after.Plan
	sites := map[gslb.SiteID]gslb.Direction{}
	for _, s := range compiled.Map.Sites {
		sites[s.ID] = s.Location.Direction()
	}
	for _, e := range compiled.Services[f.service].Spec.Endpoints {
		f.out.Sites = append(f.out.Sites, SiteForecast{Site: e.Site, Capacity: e.Capacity})
		f.directions = append(f.directions, sites[e.Site])
	}
	f.load = [2][]float64{make([]float64, len(f.directions)), make([]float64, len(f.directions))}
	f.scale()
}

// scale gives the clients of every demand class together the demand that was recorded for it.
func (f *forecaster) scale() {
	classes := f.before.Plan.Services[f.service].All.Classes
	list := classes.Demand().List
	sizes := make([]float64, len(list))
	for i := range f.recorded.Population.Askers {
		a := &f.recorded.Population.Askers[i]
		if class := classOf(classes, a.Client); class != noClass {
			sizes[class] += float64(a.Size)
		}
	}
	f.perSize = make([]float64, len(list))
	for i, size := range sizes {
		if size > 0 {
			f.perSize[i] = float64(f.recorded.Demand[list[i].Key]) / 1000 / size
		}
	}
}

// asker adds what one asker's clients get.
func (f *forecaster) asker(a *Asker, members []int32) {
	class := classOf(f.before.Plan.Services[f.service].All.Classes, a.Client)
	if class == noClass {
		return
	}
	demand := float64(a.Size) * f.perSize[class]
	query := steer.Query{Service: f.service, Family: plan.IPv4, Client: a.Client, At: f.recorded.At.Unix()}
	var endpoints [2]int
	for i, snapshot := range [2]*world.Snapshot{f.before, f.after} {
		d := steer.Decide(snapshot, query)
		if endpoints[i] = d.Endpoint; d.Endpoint < 0 {
			continue
		}
		f.load[i][d.Endpoint] += demand
		for _, m := range members {
			c := &f.recorded.Population.Clients[m]
			f.km[i] += float64(c.Size) * f.perSize[class] * float64(c.Direction.DistanceKm(f.directions[d.Endpoint]))
		}
	}
	f.sum += demand
	if endpoints[0] != endpoints[1] {
		f.moved += demand
	}
}

func (f *forecaster) finish() Forecast {
	for i := range f.out.Sites {
		f.out.Sites[i].Before, f.out.Sites[i].After = milli(f.load[0][i]), milli(f.load[1][i])
	}
	if f.sum > 0 {
		f.out.Moved, f.out.KmBefore, f.out.KmAfter = f.moved/f.sum, f.km[0]/f.sum, f.km[1]/f.sum
	}
	f.out.RTTChange = time.Duration((f.out.KmAfter - f.out.KmBefore) / plan.KmPerMillisecond * float64(time.Millisecond))
	f.judge()
	return f.out
}

// judge finds the sites that the change would push over their high mark.
func (f *forecaster) judge() {
	high := int64(f.after.Plan.Services[f.service].Spec.Steering.Watermarks.HighPercent)
	if high == 0 {
		high = defaultHigh
	}
	for _, s := range f.out.Sites {
		if mark := int64(s.Capacity) * high / 100; int64(s.After) > mark && s.After > s.Before {
			f.out.Refused = append(f.out.Refused, fmt.Sprintf("%s would carry %v requests/s after %v: its high mark is at %v", s.Site, s.After, s.Before, gslb.MilliRPS(mark)))
		}
	}
}
