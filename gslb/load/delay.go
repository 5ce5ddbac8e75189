package load

import (
	"fmt"
	"math"
	"time"
)

// Delays are what lies between a change of load at a site and the moment when all that the loop did about it has arrived there.
type Delays struct {
	// Report is the time from a change to the hub's knowing it, Epoch the loop's period, Publish the time from a decision to
	// the last name server, TTL the longest that a resolver keeps an answer, ConnectionLife the mean life of a connection.
	Report, Epoch, Publish, TTL, ConnectionLife time.Duration
}

// DeadTime is their sum.
func (d Delays) DeadTime() time.Duration {
	return d.Report + d.Epoch + d.Publish + d.TTL + d.ConnectionLife
}

// MaxGain is the part of an error that one epoch may correct. An integrator whose action takes effect a dead time later
// overshoots nothing as long as it corrects at most 1/e of the error in each dead time: its characteristic equation
// s + K exp(-s Td) = 0 has real roots exactly for K Td <= 1/e.
func (d Delays) MaxGain() float64 {
	return min(float64(d.Epoch)/(math.E*float64(d.DeadTime())), 1)
}

// ErrOscillates is the reason for every gain that Check refuses.
type ErrOscillates struct {
	Gain   float64
	Delays Delays
}

func (e *ErrOscillates) Error() string {
	return fmt.Sprintf("a gain of %.3f each %v would oscillate: with a dead time of %v (reports %v, epoch %v, publishing %v, TTL %v, connections %v) at most %.3f is stable without overshoot: lower the gain or the TTL",
		e.Gain, e.Delays.Epoch, e.Delays.DeadTime(), e.Delays.Report, e.Delays.Epoch, e.Delays.Publish, e.Delays.TTL, e.Delays.ConnectionLife, e.Delays.MaxGain())
}

// Check refuses a gain per epoch that would oscillate with these delays.
func (d Delays) Check(gain float64) error {
	if gain <= d.MaxGain() {
		return nil
	}
	return &ErrOscillates{Gain: gain, Delays: d}
}
