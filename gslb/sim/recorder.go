package sim

import "time"

// Measure is what a result is about.
type Measure struct {
	// From is the first second that counts; before it the world settles.
	From int64
	// High is the high watermark, in parts of the true capacity.
	High float64
	// Steady is the first second from which a site above its high mark is an overshoot: that of the last event, and one
	// dead time of the loop.
	Steady int64
	// Window is how long a limit cycle is looked for at a time, from Steady on: 30 TTLs.
	Window time.Duration
}

// Second is the world at the end of a second. It is valid until the next one.
type Second struct {
	Now   int64
	Sites []SiteSecond
	// Demand is that of all clients, Unserved that of those whose last answer named no site; requests per second.
	Demand, Unserved float64
	// Km is the mean distance from client to site, by demand.
	Km float64
	// Moved is the part of all demand, as it is in the mean over the day, whose site changed.
	Moved float64
}

// SiteSecond is a site in one second. Rates are requests per second.
type SiteSecond struct {
	Arrivals, Served, Failed float64
	// Capacity is the true one.
	Capacity float64
	Waiting  float64 // requests
	Ready    int     // replicas
}

// Result is what a simulation came to.
type Result struct {
	// Seconds is how many were measured.
	Seconds int64 `json:"seconds"`
	// OverHigh and OverFull are how many seconds sites were above their high mark and above their capacity, summed over
	// the sites. A site without capacity is neither: what comes there has failed.
	OverHigh int64 `json:"overHighSiteSeconds"`
	OverFull int64 `json:"overFullSiteSeconds"`
	// LastOver is the last second in which a site was above its high mark; -1 is never.
	LastOver int64 `json:"lastOver"`
	// Overshoot is by what part the worst site was above its high mark from Measure.Steady on; below 0 it never was.
	Overshoot     float64 `json:"overshoot"`
	OvershootSite int     `json:"overshootSite"`
	OvershootAt   int64   `json:"overshootAt"`
	// Worst is the highest load of a site, in parts of its capacity.
	Worst float64 `json:"worst"`
	// Km is the mean distance from client to site, by demand.
	Km float64 `json:"km"`
	// MovedPerHour is the part of all demand that changed its site in an hour.
	MovedPerHour float64 `json:"movedPerHour"`
	// Failed is the part of all requests that failed at a site, or had none.
	Failed float64 `json:"failed"`
	// Cycles is how many windows a site spent in a limit cycle, of Windows; Swings the most half-turns in one of them.
	Cycles  int64 `json:"cycles"`
	Windows int64 `json:"windows"`
	Swings  int   `json:"swings"`
}

// recorder sums up seconds.
type recorder struct {
	measure                        Measure
	second                         Second
	result                         Result
	demand, demandKm, failed, path float64 // path is the sum of what moved
	cycles                         cycleDetector
}

func newRecorder(m Measure, sites int) recorder {
	return recorder{
		measure: m, second: Second{Sites: make([]SiteSecond, sites)},
		result: Result{LastOver: -1, Overshoot: -1, OvershootSite: -1},
		cycles: newCycleDetector(sites, int(m.Window/time.Second)),
	}
}

// record sums the second up and shows it to who wants to see it.
func (s *Sim) record() {
	r := &s.recorder
	second := &r.second
	second.Now, second.Moved = s.now, float64(s.moved)/Whole
	for i := range s.sites {
		t := &s.sites[i]
		second.Sites[i] = SiteSecond{t.arrivals, t.served, t.failed, t.capacity(), t.waiting, t.ready}
	}
	second.Unserved = s.demandAt(len(s.sites))
	second.Demand, second.Km = s.totals()
	if s.now >= r.measure.From {
		r.add()
	}
	if s.config.Observe != nil {
		s.config.Observe(*second)
	}
}

// totals is the demand of all clients in requests per second, and their mean distance from their sites.
func (s *Sim) totals() (demand, km float64) {
	n, sum, sumKm, served := len(s.cells.list), 0.0, 0.0, 0.0
	for row := range len(s.sites) + 1 {
		for c, factor := range s.cells.factor {
			sum += float64(s.size[row*n+c]) * factor
			sumKm += float64(s.sizeKm[row*n+c]) * factor
		}
		if row == len(s.sites)-1 {
			served = sum
		}
	}
	return sum / Whole * float64(s.config.Demand) / 1000, sumKm / max(served, 1)
}

func (r *recorder) add() {
	second := &r.second
	r.result.Seconds++
	r.demand += second.Demand
	r.demandKm += second.Demand * second.Km
	r.failed += second.Unserved
	r.path += second.Moved
	for i := range second.Sites {
		r.addSite(i, &second.Sites[i])
	}
	if second.Now >= r.measure.Steady {
		r.cycles.add(second.Sites)
	}
}

func (r *recorder) addSite(i int, s *SiteSecond) {
	r.failed += s.Failed
	if s.Capacity <= 0 {
		return
	}
	load := s.Arrivals / s.Capacity
	r.result.Worst = max(r.result.Worst, load)
	if load > 1 {
		r.result.OverFull++
	}
	if load > r.measure.High {
		r.result.OverHigh++
		r.result.LastOver = r.second.Now
	}
	if over := load/r.measure.High - 1; r.second.Now >= r.measure.Steady && over > r.result.Overshoot {
		r.result.Overshoot, r.result.OvershootSite, r.result.OvershootAt = over, i, r.second.Now
	}
}

// Result is what was measured so far.
func (s *Sim) Result() Result {
	r := s.recorder.result
	if r.Seconds > 0 && s.recorder.demand > 0 {
		r.Km = s.recorder.demandKm / s.recorder.demand
		r.Failed = s.recorder.failed / s.recorder.demand
		r.MovedPerHour = s.recorder.path / float64(r.Seconds) * 3600
	}
	r.Cycles, r.Windows, r.Swings = s.recorder.cycles.cycles, s.recorder.cycles.windows, s.recorder.cycles.swings
	return r
}
