package sim

import (
	"math"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// SiteSpec is a site as it is built.
type SiteSpec struct {
	ID       gslb.SiteID
	Location gslb.Location
	// Replicas are ready at the start. PerReplica is what one can truly carry.
	Replicas   int
	PerReplica gslb.MilliRPS
	// Declared is what the hub believes that a replica carries; 0 is the truth.
	Declared gslb.MilliRPS
	// Enrolled bounds what the site may claim, in replicas; 0 is what its autoscaler may reach, or else Replicas.
	Enrolled int
	// ServiceTime is how long a request is in service.
	ServiceTime time.Duration
	// WaitingLimit is how many requests may wait; those beyond fail.
	WaitingLimit int
	// WarmUp is how long a new replica takes to become ready.
	WarmUp time.Duration
	// Autoscaler is nil where the number of replicas is fixed.
	Autoscaler *Autoscaler
}

// DefaultSite is a site of a language model: a request takes two seconds, a replica takes two minutes to load the model.
var DefaultSite = SiteSpec{
	Replicas: 10, PerReplica: 10_000, ServiceTime: 2 * time.Second, WaitingLimit: 1000, WarmUp: 2 * time.Minute,
}

// enrolled is the most replicas that the site may claim.
func (s *SiteSpec) enrolled() int {
	switch {
	case s.Enrolled > 0:
		return s.Enrolled
	case s.Autoscaler != nil:
		return s.Autoscaler.Ceiling
	}
	return s.Replicas
}

// DeclaredRate is what the hub believes that a replica carries.
func (s *SiteSpec) DeclaredRate() gslb.MilliRPS {
	if s.Declared > 0 {
		return s.Declared
	}
	return s.PerReplica
}

// MostRate is the most capacity that the site may claim.
func (s *SiteSpec) MostRate() gslb.MilliRPS { return s.DeclaredRate().Times(s.enrolled()) }

// Autoscaler changes the number of replicas so that they are used to a target, as the Kubernetes HPA does: at once
// upwards, downwards once fewer would have done all through Delay.
type Autoscaler struct {
	TargetPercent  int
	Floor, Ceiling int
	Delay          time.Duration
}

// site is the state of a site. Rates are requests per second.
type site struct {
	spec     SiteSpec
	dead     bool
	drained  bool
	factor   float64 // of the true capacity of each replica
	ready    int
	warming  []batch
	warmUp   time.Duration
	lowSince int64 // second since which fewer replicas would do; noSecond if they would not

	target   float64 // demand of the askers whose entry names the site
	arrivals float64
	served   float64
	waiting  float64 // requests
	failed   float64 // per second
}

// batch is replicas that become ready at a second.
type batch struct {
	at    int64
	count int
}

const noSecond = math.MinInt64

func newSite(spec SiteSpec) site {
	return site{spec: spec, factor: 1, ready: spec.Replicas, warmUp: spec.WarmUp, lowSince: noSecond}
}

// capacity is what the site can truly carry now.
func (s *site) capacity() float64 {
	if s.dead {
		return 0
	}
	return float64(s.ready) * s.replica()
}

// replica is what one replica can truly carry now.
func (s *site) replica() float64 { return float64(s.spec.PerReplica) / 1000 * s.factor }

// step moves the site by one second. Follow is the part of the way to its target that the load makes in it.
func (s *site) step(now int64, follow float64) {
	s.arrivals += (s.target - s.arrivals) * follow
	s.becomeReady(now)
	s.queue()
	if s.spec.Autoscaler != nil && !s.dead && now%scaleEvery == 0 {
		s.scale(now)
	}
}

// queue serves what waits and what arrives in a second, up to the capacity. What can neither be served nor wait fails.
func (s *site) queue() {
	if s.dead {
		s.served, s.failed, s.waiting = 0, s.arrivals+s.waiting, 0
		return
	}
	work := s.waiting + s.arrivals
	s.served = min(work, s.capacity())
	s.waiting = min(work-s.served, float64(s.spec.WaitingLimit))
	s.failed = work - s.served - s.waiting
}

// running is how many requests are in service: what is served in the time of one (Little's law).
func (s *site) running() float64 { return s.served * s.spec.ServiceTime.Seconds() }

// runningLimit is how many the ready replicas hold.
func (s *site) runningLimit() float64 { return s.capacity() * s.spec.ServiceTime.Seconds() }

func (s *site) becomeReady(now int64) {
	s.warming = slices.DeleteFunc(s.warming, func(b batch) bool {
		if b.at <= now {
			s.ready += b.count
		}
		return b.at <= now
	})
}

// scaleEvery is the seconds between two looks of an autoscaler, as of the Kubernetes HPA.
const scaleEvery = 15

func (s *site) scale(now int64) {
	a := s.spec.Autoscaler
	wanted := int(math.Ceil(s.arrivals / (s.replica() * float64(a.TargetPercent) / 100)))
	wanted = min(max(wanted, a.Floor), a.Ceiling)
	have := s.ready
	for _, b := range s.warming {
		have += b.count
	}
	switch {
	case wanted >= have:
		s.lowSince = noSecond
		s.setReplicas(now, wanted)
	case s.lowSince == noSecond:
		s.lowSince = now
	case now-s.lowSince >= int64(a.Delay/time.Second):
		s.lowSince = noSecond
		s.setReplicas(now, wanted)
	}
}

// setReplicas starts replicas that become ready once they are warm, or ends some at once, those that are not ready first.
func (s *site) setReplicas(now int64, wanted int) {
	have := s.ready
	for _, b := range s.warming {
		have += b.count
	}
	if wanted > have {
		s.warming = append(s.warming, batch{now + int64(s.warmUp/time.Second), wanted - have})
		return
	}
	for have > wanted && len(s.warming) > 0 {
		last := &s.warming[len(s.warming)-1]
		less := min(last.count, have-wanted)
		last.count, have = last.count-less, have-less
		if last.count == 0 {
			s.warming = s.warming[:len(s.warming)-1]
		}
	}
	s.ready -= have - wanted
}
