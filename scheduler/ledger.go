package scheduler

import "tidegate.dev/tidegate/gslb"

// Ledger keeps account of the room at sites while the workloads of one round are placed one after the other. What a
// workload has is reserved for it until its turn, so the order cannot take a running replica away.
type Ledger struct {
	limit map[gslb.SiteID]int
	taken map[gslb.SiteID]int
	held  map[string]Placement
}

// NewLedger starts a round with each site's limit (NoLimit if it has none) and what the workloads have now, by name.
func NewLedger(limits map[gslb.SiteID]int, held map[string]Placement) *Ledger {
	l := &Ledger{limit: limits, taken: map[gslb.SiteID]int{}, held: map[string]Placement{}}
	for workload, p := range held {
		l.Take(workload, p)
	}
	return l
}

// Room is how many replicas of the workload fit at the site, its own included. It may be negative when a limit was
// lowered below what runs.
func (l *Ledger) Room(workload string, site gslb.SiteID) int {
	limit, known := l.limit[site]
	if !known || limit == NoLimit {
		return NoLimit
	}
	return limit - l.taken[site] + l.held[workload][site]
}

// Take replaces what the workload holds.
func (l *Ledger) Take(workload string, p Placement) {
	for site, n := range l.held[workload] {
		l.taken[site] -= n
	}
	for site, n := range p {
		l.taken[site] += n
	}
	l.held[workload] = p
}
