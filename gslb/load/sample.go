package load

import (
	"time"

	"tidegate.dev/tidegate/gslb"
)

// Level is how full something is, in ten-thousandths of what it can carry. It may be above Full.
type Level int32

// Full is the level at which nothing more fits.
const Full Level = 10_000

// levelOf is part/whole as a level, at most ten times full; whole must be above zero.
func levelOf(part, whole float64) Level {
	return Level(min(max(part/whole, 0), 10) * float64(Full))
}

// Sample is what is known of one service at one site at one moment. Nil is: not measured; it is never zero.
type Sample struct {
	At time.Time
	// Rate is what arrived, Served what was answered; without Served all of Rate was.
	Rate, Served *gslb.MilliRPS
	// InFlight requests are under way at the load balancer, which lets InFlightLimit in.
	InFlight, InFlightLimit *int64
	// Replicas are those that the engines' figures below are of.
	Replicas int64
	// Waiting requests have no place in an engine yet, Running ones have, of RunningLimit; summed over the replicas.
	Waiting, Running, RunningLimit *int64
	// KVUse is the use of the engines' KV cache, CPUUse and GPUUse of the processors, ErrorShare the part of the answers
	// that are errors or timeouts.
	KVUse, CPUUse, GPUUse, ErrorShare *Level
}

// What the engines' figures are held against. They are the thresholds at which llm-d's autoscaler calls a replica
// saturated: five waiting requests, and four fifths of the KV cache.
const (
	waitingPerReplica = 5
	kvUseFull         = 0.8
)

// Cause names what a Level was measured by.
type Cause string

// The causes.
const (
	ByRate     Cause = "rate"
	ByInFlight Cause = "in-flight requests"
	ByWaiting  Cause = "waiting requests"
	ByRunning  Cause = "running requests"
	ByKVCache  Cause = "KV cache"
	ByCPU      Cause = "CPU"
	ByGPU      Cause = "GPU"
)

// Pressure is the fullest of the things that stand for the whole of a service's load: the queue, the KV cache, the running
// and the in-flight requests, the CPU. ok is false if none was measured.
//
// The GPU is not among them. Its utilisation says that a kernel ran, not how much more could: one request may bring it to
// the top. Only a GPU that is all but idle says something, see Idle.
func (s *Sample) Pressure() (level Level, by Cause, ok bool) {
	consider := func(cause Cause, part *int64, whole float64) {
		if part == nil || whole <= 0 {
			return
		}
		if l := levelOf(float64(*part), whole); !ok || l > level {
			level, by, ok = l, cause, true
		}
	}
	consider(ByWaiting, s.Waiting, float64(waitingPerReplica*max(s.Replicas, 1)))
	consider(ByRunning, s.Running, whole(s.RunningLimit))
	consider(ByInFlight, s.InFlight, whole(s.InFlightLimit))
	consider(ByKVCache, widened(s.KVUse), float64(Full)*kvUseFull)
	consider(ByCPU, widened(s.CPUUse), float64(Full))
	return level, by, ok
}

func whole(limit *int64) float64 {
	if limit == nil {
		return 0
	}
	return float64(*limit)
}

func widened(l *Level) *int64 {
	if l == nil {
		return nil
	}
	wide := int64(*l)
	return &wide
}

// Proportional says whether the pressure grows with the load all the way, so that a low one is evidence of room. A queue
// is empty until the service is full: of a short one nothing follows.
func (c Cause) Proportional() bool { return c != ByWaiting && c != "" }

// Saturation is how full the service is: the pressure, or its rate against its capacity if that is more. A GPU that is
// nearly idle caps it, since then whatever else is measured is not this service's work; otherwise the GPU has no say.
func (s *Sample) Saturation(capacity gslb.MilliRPS) (level Level, by Cause, ok bool) {
	level, by, ok = s.Pressure()
	if s.Rate != nil && capacity > 0 {
		if l := levelOf(float64(*s.Rate), float64(capacity)); !ok || l > level {
			level, by, ok = l, ByRate, true
		}
	}
	if ok && s.GPUUse != nil && *s.GPUUse < idleGPU && level > idleGPU {
		return idleGPU, ByGPU, true
	}
	return level, by, ok
}

// idleGPU is a utilisation below which the accelerators do nothing that counts.
const idleGPU = Full / 20
