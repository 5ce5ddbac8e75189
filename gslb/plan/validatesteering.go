package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// Limits of a policy.
const (
	MaxFallback       = 8
	MinConnectionLife = time.Second
	MaxConnectionLife = time.Hour
	MaxCalmTTL        = time.Hour
	// WholeGain is the GainMicro that corrects all of the residual in one epoch.
	WholeGain = 1_000_000
)

// Validate returns every problem of a policy, joined, or nil. Path is where it stands, such as "spec".
func (s *Steering) Validate(path string) error {
	v := validator{}
	v.steering(path, s)
	return errors.Join(v.problems...)
}

// ParseGain reads a gain as people write it, a part of 1, as a GainMicro.
func ParseGain(text string) (micro int64, err error) {
	micro, exact, err := gslb.ParseDecimal(text, 6)
	if err != nil || !exact || micro <= 0 || micro > WholeGain {
		return 0, fmt.Errorf("%q, want a part above 0 and at most 1, with at most 6 decimals, such as 0.05", text)
	}
	return micro, nil
}

// ParseConnectionLife reads a ConnectionLife as people write it.
func ParseConnectionLife(text string) (time.Duration, error) {
	life, err := time.ParseDuration(text)
	if err != nil || life < MinConnectionLife || life > MaxConnectionLife {
		return 0, fmt.Errorf("%q, want %v to %v, such as 15s", text, MinConnectionLife, MaxConnectionLife)
	}
	return life, nil
}

// ParseCalmTTL reads a CalmTTL as people write it.
func ParseCalmTTL(text string) (time.Duration, error) {
	ttl, err := time.ParseDuration(text)
	if err != nil || !isCalmTTL(ttl) {
		return 0, fmt.Errorf("%q, want whole seconds from %v to %v, such as 60s", text, MinTTL, MaxCalmTTL)
	}
	return ttl, nil
}

func isCalmTTL(ttl time.Duration) bool {
	return ttl >= MinTTL && ttl <= MaxCalmTTL && ttl%time.Second == 0
}

// CheckTTL says what is wrong with a policy's CalmTTL for a service whose other answers live for ttl.
func (s *Steering) CheckTTL(ttl time.Duration) error {
	if s.CalmTTL != 0 && s.CalmTTL < ttl {
		return fmt.Errorf("%v is less than the service's TTL of %v: answers of calm sites live longer than others", s.CalmTTL, ttl)
	}
	return nil
}

// LongestTTL is how long an answer of the service may live.
func (s *Service) LongestTTL() time.Duration { return max(s.TTL, s.Steering.CalmTTL) }

func (v *validator) steering(path string, s *Steering) {
	switch s.Method {
	case Proximity, Weighted, Failover:
	default:
		v.fail(path+".method", "%q, want proximity, weighted or failover", s.Method)
	}
	switch s.OnAllUnhealthy {
	case AnswerAll, AnswerLastGood, AnswerFallback, AnswerServfail:
	default:
		v.fail(path+".onAllUnhealthy", "%q, want all, last-good, fallback or servfail", s.OnAllUnhealthy)
	}
	if w := s.Watermarks; w != (Watermarks{}) && (w.LowPercent < 1 || w.LowPercent >= w.HighPercent || w.HighPercent > 100) {
		v.fail(path+".watermarks", "low %d and high %d, want 1 <= low < high <= 100", w.LowPercent, w.HighPercent)
	}
	v.fallback(path+".fallback", s)
	v.precedence(path+".precedence", s.Precedence)
	v.near(path+".near", s)
	v.costs(path+".costs", s)
	v.residency(path+".residency", s.Residency)
	v.loop(path, s)
}

func (v *validator) fallback(path string, s *Steering) {
	switch given := len(s.Fallback); {
	case given > 0 && s.OnAllUnhealthy != AnswerFallback:
		v.fail(path, "it never answers, since onAllUnhealthy is %s: say fallback there, or leave it out", s.OnAllUnhealthy)
	case s.OnAllUnhealthy == AnswerFallback && (given == 0 || given > MaxFallback):
		v.fail(path, "%d addresses, want 1 to %d: onAllUnhealthy is fallback", given, MaxFallback)
	}
	seen := map[netip.Addr]bool{}
	for i, addr := range s.Fallback {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !unicast(addr):
			v.fail(at, "%v cannot be served: want a unicast IPv4 or IPv6 address", addr)
		case seen[addr]:
			v.fail(at, "%v is listed twice", addr)
		}
		seen[addr] = true
	}
}

// loop checks what the control loop goes by. There is one where the method is proximity.
func (v *validator) loop(path string, s *Steering) {
	none := s.Method == Weighted || s.Method == Failover
	for _, given := range []struct {
		name  string
		value int64
		good  bool
		want  string
	}{
		{"minSites", int64(s.MinSites), s.MinSites > 0 && s.MinSites <= MaxCandidates, fmt.Sprintf("1 to %d sites", MaxCandidates)},
		{"connectionLife", int64(s.ConnectionLife), s.ConnectionLife >= MinConnectionLife && s.ConnectionLife <= MaxConnectionLife,
			fmt.Sprintf("%v to %v", MinConnectionLife, MaxConnectionLife)},
		{"calmTTL", int64(s.CalmTTL), isCalmTTL(s.CalmTTL), fmt.Sprintf("whole seconds from %v to %v", MinTTL, MaxCalmTTL)},
		{"gain", s.GainMicro, s.GainMicro > 0 && s.GainMicro <= WholeGain, "a part above 0 and at most 1"},
	} {
		switch {
		case given.value == 0:
		case none:
			v.fail(path+"."+given.name, "it needs method proximity: with %s no control loop runs", s.Method)
		case !given.good:
			v.fail(path+"."+given.name, "out of range: want %s", given.want)
		}
	}
}
