package gslb

import (
	"fmt"
	"strings"
)

// Share is a part of a whole in ten-thousandths: what part of a class of clients goes to a site.
type Share int32

// WholeShare is all of it.
const WholeShare Share = 10_000

// String writes per cent, without trailing zeros: "62.5 %".
func (s Share) String() string {
	text := fmt.Sprintf("%d.%02d", s/100, s%100)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + " %"
}
