package loop

import (
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/plan"
)

// ShiftForecast is what a move would do in the end to the shares as they are served, all of it and without the guard for room.
type ShiftForecast struct {
	From, To SiteForecast
	// Moved is what changes its site, All the demand of the service.
	Moved, All gslb.MilliRPS
	// RTTChange is by how much the round trip of those who move gets longer, in the mean over their demand.
	RTTChange time.Duration
	// Splits are all that the map would have for the service.
	Splits []plan.Split
}

// SiteForecast is the load that shares bring to a site before a change and after it.
type SiteForecast struct {
	ID            gslb.SiteID
	Before, After gslb.MilliRPS
	// Capacity is what the site turned out to carry, High the load that brings it to its high mark.
	Capacity, High gslb.MilliRPS
}

// Percent is how full a load makes the site.
func (s SiteForecast) Percent(rate gslb.MilliRPS) int64 {
	if s.Capacity <= 0 {
		return 0
	}
	return int64(rate) * 100 / int64(s.Capacity)
}

// Over says whether the move would push its destination over its high mark.
func (f *ShiftForecast) Over() bool { return f.To.After > f.To.High && f.To.After > f.To.Before }

// Fits is the part of what would move that the destination has room for.
func (f *ShiftForecast) Fits() gslb.Share {
	if !f.Over() || f.Moved <= 0 {
		return gslb.WholeShare
	}
	room := max(f.To.High-f.To.Before, 0)
	return gslb.Share(float64(gslb.WholeShare) * float64(room) / float64(f.Moved))
}

// Forecast says what a move would do, by what the next Step of the same input knows. It is not known while too few sites are
// heard, and for a site that takes nobody.
func Forecast(p Policy, was State, in Input, s Shift) (f ShiftForecast, known bool) {
	t := newTurn(p, was, in)
	if t.massSilence() {
		return f, false
	}
	t.look()
	if s.From == s.To || !t.usable[s.To] {
		return f, false
	}
	t.after = cloneAll(t.before)
	for class := range t.after {
		t.move(class, t.after[class], s, s.Share)
	}
	t.report()
	f = ShiftForecast{From: t.forecast(s.From), To: t.forecast(s.To), Splits: t.out.Splits}
	t.ways(&f, s)
	return f, true
}

// Settled is what the map would have in the end if nothing of the input changed any more. It is not known while too few sites
// are heard.
func Settled(p Policy, was State, in Input) (splits []plan.Split, known bool) {
	t := newTurn(p, was, in)
	if t.massSilence() {
		return nil, false
	}
	t.look()
	t.after = t.solve()
	t.unshifted = cloneAll(t.after)
	t.shift(t.after)
	t.report()
	return t.out.Splits, true
}

func (t *turn) forecast(site int) SiteForecast {
	f, capacity := t.out.Sites[site], t.capacity[site].effective()
	return SiteForecast{ID: f.ID, Before: f.Before, After: f.After, Capacity: gslb.MilliRPS(capacity),
		High: gslb.MilliRPS(max(min(t.high(site), capacity*float64(t.policy.Marks.High)/float64(load.Full)), 0))}
}

// ways sums up who moves and how much longer their way gets.
func (t *turn) ways(f *ShiftForecast, s Shift) {
	moved, all, longer := 0.0, 0.0, 0.0
	for class, shares := range t.after {
		all += t.estimate.demand[class]
		from, to := t.candidates(class, s)
		if shares == nil || from < 0 || to < 0 {
			continue
		}
		candidates := t.in.Classes[class].Candidates
		part := t.estimate.demand[class] * float64(t.before[class][from]-shares[from]) / float64(gslb.WholeShare)
		moved += part
		longer += part * float64(candidates[to].RTT-candidates[from].RTT)
	}
	f.Moved, f.All = gslb.MilliRPS(moved), gslb.MilliRPS(all)
	if moved > 0 {
		f.RTTChange = time.Duration(longer / moved)
	}
}
