package gslb

import (
	"errors"
	"strings"
)

// ErrDecimal is the reason for every text that ParseDecimal refuses.
var ErrDecimal = errors.New("not a decimal number")

// maxDecimalDigits keeps every parsed number inside 63 bits.
const maxDecimalDigits = 18

// ParseDecimal reads a decimal number such as -50.11 in units of 10^-decimals, rounded towards zero. Exact says that
// nothing was rounded off.
func ParseDecimal(s string, decimals int) (units int64, exact bool, err error) {
	digits, negative := strings.CutPrefix(strings.TrimSpace(s), "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole == "" || len(whole)+decimals > maxDecimalDigits || len(fraction) > maxDecimalDigits {
		return 0, false, ErrDecimal
	}
	exact = true
	for i, c := range []byte(whole + fraction) {
		switch {
		case c < '0' || c > '9':
			return 0, false, ErrDecimal
		case i < len(whole)+decimals:
			units = units*10 + int64(c-'0')
		case c != '0':
			exact = false
		}
	}
	for range max(decimals-len(fraction), 0) {
		units *= 10
	}
	if negative {
		units = -units
	}
	return units, exact, nil
}
