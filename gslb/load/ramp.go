package load

import (
	"time"

	"tidegate.dev/tidegate/gslb"
)

// SlowStart is how long new capacity takes to count in full: a model that has just been loaded is slow at first, and the
// traffic that comes back must find the replicas that it left.
const SlowStart = time.Minute

// Ramp is the capacity that counts now, given the one that counted elapsed ago. What is lost counts at once.
func Ramp(counted, capacity gslb.MilliRPS, elapsed time.Duration) gslb.MilliRPS {
	if counted >= capacity {
		return capacity
	}
	step := float64(capacity) * min(elapsed.Seconds()/SlowStart.Seconds(), 1)
	return min(capacity, counted+gslb.MilliRPS(step))
}
