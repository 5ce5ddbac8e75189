package health

import (
	"fmt"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// MassSilence reports whether more than half of the sites have missed three reports: then the fault is ours, and everything
// stays as it was. Freezing begins well inside the 10 s after which a single silent site may be called dead. Ages are
// those of the sites' last reports; sites with NoReports do not count.
func MassSilence(ages []time.Duration) bool {
	silent, sites := 0, 0
	for _, age := range ages {
		if age == NoReports {
			continue
		}
		sites++
		if age > siteSilence {
			silent++
		}
	}
	return 2*silent > sites
}

// panicPercent of a service's capacity must be up, or health is read more mildly (Envoy's default for its hosts).
const panicPercent = 50

// Member is one endpoint of a service. Capacity is what it carries when it is up.
type Member struct {
	Capacity gslb.MilliRPS
	Verdict  Verdict
}

// Pool is which members of a service may get traffic.
type Pool struct {
	// Panic says that less than half of the capacity is up; Reason has the numbers.
	Panic  bool
	Reason string
	// Include is parallel to the members. If nobody is in it, onAllUnhealthy decides.
	Include []bool
}

// Panic includes the members that are up. If they make less than half of the capacity, it includes those too that are
// down without proof: sending everybody to the rest would take that down as well.
func Panic(members []Member) Pool {
	var up, total gslb.MilliRPS
	for _, m := range members {
		total += max(m.Capacity, 0)
		if !m.Verdict.Down {
			up += max(m.Capacity, 0)
		}
	}
	p := Pool{Panic: up*100 < total*panicPercent, Include: make([]bool, len(members))}
	added := 0
	for i, m := range members {
		p.Include[i] = !m.Verdict.Down
		if p.Panic && m.Verdict.Down && !m.Verdict.Proven() {
			p.Include[i] = true
			added++
		}
	}
	if p.Panic {
		p.Reason = fmt.Sprintf("%v of %v requests/s are up, less than %d %%: %d endpoints that are down without proof count as up",
			up, total, panicPercent, added)
	}
	return p
}
