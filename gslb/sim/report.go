package sim

import (
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
)

// Report is what a site says of itself, as the hub or a peer's monitor gets it.
type Report struct {
	// Ready is the number of ready replicas that the site claims.
	Ready  int
	Sample load.Sample
}

// Fault is what is wrong with the reports of a site.
type Fault int

// The faults. Silent: none arrive. Stale: what they say stopped changing, their time goes on. Liar: the site claims twice
// the replicas that it has. Lossy: half of them are lost.
const (
	NoFault Fault = iota
	Silent
	Stale
	Liar
	Lossy
)

// fullKV is the use of the KV cache of a replica that runs all the requests that it can: engines keep a fifth for growth.
const fullKV = 0.8

// report is what the site truly is.
func (s *site) report(now time.Time) *Report {
	v := &struct {
		rate, served                            gslb.MilliRPS
		inFlight, limit, waiting, running, most int64
		kv, errors                              load.Level
	}{
		rate: milli(s.arrivals), served: milli(s.served),
		inFlight: int64(s.running() + s.waiting), limit: int64(s.runningLimit()),
		waiting: int64(s.waiting), running: int64(s.running()), most: int64(s.runningLimit()),
		kv: part(s.running()*fullKV, s.runningLimit()), errors: part(s.failed, s.failed+s.served),
	}
	return &Report{Ready: s.ready, Sample: load.Sample{
		At: now, Rate: &v.rate, Served: &v.served, InFlight: &v.inFlight, InFlightLimit: &v.limit,
		Replicas: int64(s.ready), Waiting: &v.waiting, Running: &v.running, RunningLimit: &v.most, KVUse: &v.kv,
		ErrorShare: &v.errors,
	}}
}

func milli(rps float64) gslb.MilliRPS { return gslb.MilliRPS(rps * 1000) }

func part(n, of float64) load.Level {
	if of <= 0 {
		return 0
	}
	return load.Level(min(n/of, 1) * float64(load.Full))
}

// mail carries the reports of one site, late by a fixed delay.
type mail struct {
	fault   Fault
	delay   int
	onWay   []*Report // the oldest first
	arrived *Report   // the newest that has arrived; nil: none ever
	sent    *Report   // the last that was sent, which a stale site repeats
}

// post takes the report of a second, which may be nil, and lets that of delay seconds ago arrive. A frozen site repeats
// its last report with a new time.
func (m *mail) post(r *Report, random *Stream) {
	m.onWay = append(m.onWay, m.spoil(r, random))
	if len(m.onWay) <= m.delay {
		return
	}
	if first := m.onWay[0]; first != nil {
		m.arrived = first
	}
	m.onWay = append(m.onWay[:0], m.onWay[1:]...)
}

// spoil applies the fault.
func (m *mail) spoil(r *Report, random *Stream) *Report {
	lost := random.Uint64()>>63 == 1 // drawn always, so that a fault shifts no other draw
	switch {
	case r == nil || m.fault == Silent || m.fault == Lossy && lost:
		return nil
	case m.fault == Stale && m.sent != nil:
		frozen := *m.sent
		frozen.Sample.At = r.Sample.At
		r = &frozen
	case m.fault == Liar:
		r.Ready, r.Sample.Replicas = 2*r.Ready, 2*r.Sample.Replicas
	}
	m.sent = r
	return r
}
