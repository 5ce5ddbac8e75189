package gslb

import "testing"

func TestShareText(t *testing.T) {
	for share, want := range map[Share]string{0: "0 %", 1: "0.01 %", 50: "0.5 %", 6250: "62.5 %", WholeShare: "100 %"} {
		if got := share.String(); got != want {
			t.Errorf("%d: %q, want %q", int32(share), got, want)
		}
	}
}
