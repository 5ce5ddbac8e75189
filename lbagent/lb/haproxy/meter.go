package haproxy

import (
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/signal"
)

// rateWindow is how far back a rate looks: long enough for a few requests, as short as the reports' interval.
const rateWindow = time.Second

// meter turns the counters of workers, which begin at zero with every reload, into totals that only grow and a rate. It
// is not safe for concurrent use; time is an argument.
type meter struct {
	last  map[workerKey]counters
	total map[string]*tally
}

type workerKey struct {
	pid      int
	workload string
}

// tally is the sum of one workload over all workers since the meter began.
type tally struct {
	requests, errors5xx uint64
	history             []point
}

type point struct {
	at       time.Time
	requests uint64
}

// reading is what all workers say about all workloads at one time.
type reading map[workerKey]counters

// update takes a reading and returns the load of every workload in it. pids are the workers that run, read or not. What a
// workload had in a worker that is gone was counted in the readings before; what it counted after the last is lost.
func (m *meter) update(now time.Time, r reading, pids []int) map[string]signal.Load {
	if m.total == nil {
		m.last, m.total = map[workerKey]counters{}, map[string]*tally{}
	}
	sums := map[string]counters{}
	for key, c := range r {
		sums[key.workload] = sums[key.workload].plus(c)
		m.count(key, c)
	}
	loads := map[string]signal.Load{}
	for workload, sum := range sums {
		loads[workload] = m.total[workload].load(now, sum)
	}
	m.forget(pids, sums)
	return loads
}

// count adds what a worker counted since its last reading. A counter that fell began anew.
func (m *meter) count(key workerKey, c counters) {
	if m.total[key.workload] == nil {
		m.total[key.workload] = &tally{}
	}
	t, before := m.total[key.workload], m.last[key]
	t.requests += growth(before.requests, c.requests)
	t.errors5xx += growth(before.errors5xx, c.errors5xx)
	m.last[key] = c
}

func growth(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// forget drops workers that are gone and workloads that are no longer served. A worker that runs and was not read keeps
// its counters, else its next reading would count everything again.
func (m *meter) forget(pids []int, sums map[string]counters) {
	for key := range m.last {
		if _, ok := sums[key.workload]; !ok || !slices.Contains(pids, key.pid) {
			delete(m.last, key)
		}
	}
	for workload := range m.total {
		if _, ok := sums[workload]; !ok {
			delete(m.total, workload)
		}
	}
}

func (t *tally) load(now time.Time, sum counters) signal.Load {
	requests := t.requests
	load := signal.Load{
		Rate:          t.rate(now),
		InFlight:      &sum.inFlight,
		Queued:        &sum.queued,
		RequestsTotal: &requests,
		ServersUp:     &sum.serversUp,
	}
	if sum.hasErrors {
		errors5xx := t.errors5xx
		load.Errors5xxTotal = &errors5xx
	}
	return load
}

// rate is the growth since the newest point that is at least a window old; nil while there is none.
func (t *tally) rate(now time.Time) *gslb.MilliRPS {
	for len(t.history) > 1 && now.Sub(t.history[1].at) >= rateWindow {
		t.history = t.history[1:]
	}
	t.history = append(t.history, point{at: now, requests: t.requests})
	since := t.history[0]
	elapsed := now.Sub(since.at).Milliseconds()
	if elapsed < rateWindow.Milliseconds() {
		return nil
	}
	grown := min(t.requests-since.requests, uint64(gslb.MaxRate)/1000)
	rate := min(gslb.MilliRPS(grown)*1_000_000/gslb.MilliRPS(elapsed), gslb.MaxRate)
	return &rate
}

// plus adds two proxies or workers of one workload; servers are those of the one that has more, because an old worker
// knows the same ones.
func (c counters) plus(d counters) counters {
	return counters{
		requests:  c.requests + d.requests,
		errors5xx: c.errors5xx + d.errors5xx,
		inFlight:  c.inFlight + d.inFlight,
		queued:    c.queued + d.queued,
		serversUp: max(c.serversUp, d.serversUp),
		hasErrors: c.hasErrors || d.hasErrors,
	}
}
