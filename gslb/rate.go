package gslb

import (
	"errors"
	"fmt"
	"strings"
)

// MilliRPS is a request rate in thousandths of a request per second.
type MilliRPS int64

// MaxRate bounds every rate, so that sums over 1,000 sites and products with shares stay inside 64 bits.
const MaxRate MilliRPS = 1_000_000_000_000

// ErrRate is the reason for every rate that ParseRate refuses.
var ErrRate = errors.New("not a rate")

// ParseRate reads requests per second as a decimal number ("120", "0.5") with at most three decimals.
func ParseRate(s string) (MilliRPS, error) {
	milli, exact, err := ParseDecimal(s, 3)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: %q, want requests per second such as 120 or 0.5", ErrRate, s)
	case milli < 0:
		return 0, fmt.Errorf("%w: %q is negative", ErrRate, s)
	case !exact:
		return 0, fmt.Errorf("%w: %q has more than three decimals", ErrRate, s)
	case milli > int64(MaxRate):
		return 0, fmt.Errorf("%w: %q is above %v requests/s", ErrRate, s, MaxRate)
	}
	return MilliRPS(milli), nil
}

// Times is the rate of n replicas, never above MaxRate and never below zero.
func (r MilliRPS) Times(n int) MilliRPS {
	if r <= 0 || n <= 0 {
		return 0
	}
	if int64(n) > int64(MaxRate/r) {
		return MaxRate
	}
	return r * MilliRPS(n)
}

// String writes requests per second, without trailing zeros.
func (r MilliRPS) String() string {
	sign := ""
	if r < 0 {
		sign, r = "-", -r
	}
	s := fmt.Sprintf("%s%d.%03d", sign, r/1000, r%1000)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}
