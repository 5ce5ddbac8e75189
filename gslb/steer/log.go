package steer

import "math/bits"

// logSteps is how many steps the table of logarithms has. Between two of them the logarithm is a straight line, which is
// below the true one by at most 1/(8 ln 2 logSteps^2), less than 2^-22. That is finer than any share that an operator can
// tell apart, and goes to nothing where the argument goes to a power of two.
const (
	logSteps    = 1 << logStepBits
	logStepBits = 10
)

// log2Table is log2(1 + i/logSteps) with 32 fractional bits.
var log2Table = func() (table [logSteps + 1]uint64) {
	for i := range table[:logSteps] {
		table[i] = log2Mantissa(1<<63 | uint64(i)<<(63-logStepBits))
	}
	table[logSteps] = 1 << 32
	return table
}()

// log2Mantissa is the logarithm of a number in [2^63, 2^64), read as [1, 2), with 32 fractional bits. It is taken bit by
// bit, by squaring.
func log2Mantissa(mantissa uint64) (log uint64) {
	for bit := 31; bit >= 0; bit-- {
		mantissa, _ = bits.Mul64(mantissa, mantissa) // [1, 4) with 62 fractional bits
		if mantissa>>63 == 1 {
			log |= 1 << bit
		} else {
			mantissa <<= 1
		}
	}
	return log
}

// negLog2 is -log2((h + 1) / 2^64) in fixed point with 32 fractional bits: never less than the true one, more by at most
// 2^-22 and what rounding takes, and never growing with h.
func negLog2(h uint64) uint64 {
	if h == 1<<64-1 {
		return 0
	}
	h++
	shift := bits.LeadingZeros64(h)
	mantissa := h << shift // in [2^63, 2^64)
	step := mantissa << 1 >> (64 - logStepBits)
	const restBits = 40 // of the step, so that the product has 64 bits
	rest := mantissa << (1 + logStepBits) >> (64 - restBits)
	low, high := log2Table[step], log2Table[step+1]
	return 64<<32 - uint64(63-shift)<<32 - low - (high-low)*rest>>restBits
}
