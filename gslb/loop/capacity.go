package loop

import (
	"math"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
)

// Bounds of what a correction may do.
const (
	// minCorrection keeps a site from being taken for empty by what it measures; that is for health to say.
	minCorrection = 0.05
	// maxError bounds what one Step believes of a residual, as a logarithm.
	maxError = 1.0
	// doubt is the residual that is taken for granted while a queue is short: that says that there is no overload, but not
	// how much room there is, so that the correction wears off only slowly.
	doubt = 0.05
	// quietLevel is a load below which a residual is mostly noise.
	quietLevel = load.Full / 20
)

// capacity is what a site counts for in one Step.
type capacity struct {
	counted    gslb.MilliRPS // after slow start and silence
	correction float64
	carried    gslb.MilliRPS
	level      load.Level
	by         load.Cause
	known      bool
	silent     bool
	heard      bool // carried is measured
	unheard    bool // silent, and nothing is known of what it carried
}

// effective is what the solver may use.
func (c *capacity) effective() float64 { return float64(c.counted) * c.correction }

// capacityOf is what a site counts for. Expected is the load that the answers in effect bring there.
func capacityOf(p Policy, site *Site, was siteState, first bool, elapsed time.Duration, expected float64, now time.Time) capacity {
	c := capacity{correction: was.Correction, carried: was.Carried, silent: site.silent(now)}
	if c.correction == 0 {
		c.correction = 1
	}
	if !site.Up {
		return c // and when it is up again, it begins with nothing
	}
	if c.silent {
		c.counted, c.unheard = unheard(p, site, was, first)
		return c
	}
	c.counted = site.Capacity
	if !first {
		c.counted = load.Ramp(was.Counted, site.Capacity, elapsed)
	}
	c.carried = gslb.MilliRPS(min(expected, float64(gslb.MaxRate)))
	if rate, ok := site.rate(now); ok {
		c.carried, c.heard = gslb.MilliRPS(rate), true
	}
	c.correct(p, site.Sample)
	c.level, c.by, c.known = site.Sample.Saturation(gslb.MilliRPS(c.effective()))
	return c
}

// unheard is the capacity of a silent site: its replicas', but never more than lets it keep what it carried: what its last
// report said, which may be newer than the last Step that it counted in. Where nobody
// knows what that was, it keeps what it has and gets nothing new.
func unheard(p Policy, site *Site, was siteState, first bool) (counted gslb.MilliRPS, unknown bool) {
	if first {
		return site.Capacity, true
	}
	carried := was.Carried
	if site.Sample != nil && site.Sample.Rate != nil {
		carried = *site.Sample.Rate
	}
	keeps := gslb.MilliRPS(float64(carried) * float64(load.Full) / float64(p.Marks.High))
	return min(site.Capacity, was.Counted, keeps), false
}

// correct is the feedback: what the site measures against what its load should make it measure.
func (c *capacity) correct(p Policy, s *load.Sample) {
	level, by, ok := s.Pressure()
	if !ok || c.counted == 0 {
		return
	}
	if level >= load.Full && s.Served != nil {
		// It is full: what it serves now is what it can. That is a measurement and needs no caution.
		c.set(float64(*s.Served) / float64(c.counted))
		return
	}
	predicted := float64(c.carried) / c.effective() * float64(load.Full)
	if predicted < float64(quietLevel) {
		c.set(c.correction * math.Exp(p.Gain*doubt))
		return
	}
	residual := -doubt
	if by.Proportional() || level >= load.Full {
		residual = math.Log(max(float64(level), 1) / predicted)
	}
	c.set(c.correction * math.Exp(-p.Gain*min(max(residual, -maxError), maxError)))
}

func (c *capacity) set(correction float64) {
	c.correction = min(max(correction, minCorrection), 1)
}
