package health

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
)

func TestMassSilence(t *testing.T) {
	s := time.Second
	for _, c := range []struct {
		name string
		ages []time.Duration
		want bool
	}{
		{"no site", nil, false},
		{"all speak", []time.Duration{0, s, 3 * s}, false},
		{"one of three", []time.Duration{0, 0, 4 * s}, false},
		{"two of four are not more than half", []time.Duration{0, 0, 4 * s, time.Hour}, false},
		{"two of three", []time.Duration{0, 4 * s, 4 * s}, true},
		{"the only one", []time.Duration{4 * s}, true},
		{"who never reports does not count", []time.Duration{0, 4 * s, NoReports, 4 * s, NoReports}, true},
		{"nobody reports", []time.Duration{NoReports, NoReports}, false},
	} {
		if got := MassSilence(c.ages); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// Letters: U up, P proven dead, E down for its errors, H held back, F forced down by an operator.
func TestPanic(t *testing.T) {
	verdicts := map[rune]Verdict{
		'U': {}, 'P': {Down: true, By: ByProbes}, 'E': {Down: true, By: ByPassive},
		'H': {Down: true, By: ByProbes, Held: true}, 'F': {Down: true, By: ByOperator},
	}
	for _, c := range []struct {
		name       string
		verdicts   string
		capacities []gslb.MilliRPS
		panic      bool
		include    string // y and n
	}{
		{"all up", "UUU", []gslb.MilliRPS{1, 1, 1}, false, "yyy"},
		{"half is enough", "UE", []gslb.MilliRPS{10, 10}, false, "yn"},
		{"less than half", "UE", []gslb.MilliRPS{9, 10}, true, "yy"},
		{"capacity counts, not sites", "UEEE", []gslb.MilliRPS{30, 1, 1, 1}, false, "ynnn"},
		{"the proven dead stay out", "UPEHF", []gslb.MilliRPS{1, 10, 10, 10, 10}, true, "ynyyn"},
		{"nobody is left", "PPF", []gslb.MilliRPS{1, 1, 1}, true, "nnn"},
		{"no capacity", "EU", []gslb.MilliRPS{0, -1}, false, "ny"},
		{"no member", "", nil, false, ""},
		{"the largest numbers", "UEE", []gslb.MilliRPS{gslb.MaxRate, gslb.MaxRate, gslb.MaxRate}, true, "yyy"},
	} {
		var members []Member
		for i, l := range c.verdicts {
			members = append(members, Member{c.capacities[i], verdicts[l]})
		}
		p := Panic(members)
		got := strings.NewReplacer("true", "y", "false", "n", " ", "", "[", "", "]", "").Replace(fmt.Sprint(p.Include))
		if p.Panic != c.panic || got != c.include || (p.Reason != "") != c.panic {
			t.Errorf("%s: panic %v, include %s, %q; want %v, %s", c.name, p.Panic, got, p.Reason, c.panic, c.include)
		}
	}
	p := Panic([]Member{{120_000, Verdict{}}, {360_000, verdicts['E']}})
	if want := "120 of 480 requests/s are up, less than 50 %: 1 endpoints that are down without proof count as up"; p.Reason != want {
		t.Errorf("%s", p.Reason)
	}
}
