package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestFaults reads what has arrived after each second: the second in which it was made, and the rate in it. A site makes
// a report each second and carries one request/s more each time; from the fourth second on its reports are broken.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault Fault
		want  string
	}{
		{"none", NoFault, "- 0:0 1:1 2:2 3:3 4:4 5:5 6:6"},
		{"silent", Silent, "- 0:0 1:1 2:2 2:2 2:2 2:2 2:2"},
		{"stale", Stale, "- 0:0 1:1 2:2 3:2 4:2 5:2 6:2"},
		{"liar", Liar, "- 0:0 1:1 2:2 3:3x2 4:4x2 5:5x2 6:6x2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, s, random := mail{delay: 1}, newSite(twoSites()[0]), NewStream(1, "reports")
			var got []string
			for now := range int64(8) {
				if now == 3 {
					m.fault = c.fault
				}
				s.arrivals = float64(now)
				m.post(s.report(time.Unix(now, 0)), random)
				got = append(got, reportText(m.arrived))
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("%s, want %s", text, c.want)
			}
		})
	}
}

func reportText(r *Report) string {
	if r == nil {
		return "-"
	}
	text := fmt.Sprintf("%d:%v", r.Sample.At.Unix(), *r.Sample.Rate)
	if r.Ready != 10 {
		text += fmt.Sprintf("x%d", r.Ready/10)
	}
	return text
}

func TestALossyBusLosesHalf(t *testing.T) {
	m, s, random := mail{fault: Lossy}, newSite(twoSites()[0]), NewStream(1, "reports")
	seen := map[*Report]bool{}
	for now := range int64(1000) {
		m.post(s.report(time.Unix(now, 0)), random)
		seen[m.arrived] = true
	}
	if len(seen) < 450 || len(seen) > 550 {
		t.Errorf("%d of 1000 reports arrived", len(seen))
	}
}

func TestReportSaysWhatTheSiteIs(t *testing.T) {
	s := newSite(twoSites()[0])
	s.target = 130
	s.step(0, 1)
	r := s.report(time.Unix(7, 0)).Sample
	if *r.Rate != 130_000 || *r.Served != 100_000 || *r.Waiting != 30 || *r.Running != 200 || *r.RunningLimit != 200 || *r.KVUse != 8000 || r.Replicas != 10 {
		t.Errorf("rate %v, served %v, waiting %v, running %v of %v, KV %v, replicas %v", *r.Rate, *r.Served, *r.Waiting, *r.Running, *r.RunningLimit, *r.KVUse, r.Replicas)
	}
	if s.spec.WaitingLimit = 0; *r.ErrorShare != 0 {
		t.Errorf("%v errors, want none while requests may wait", *r.ErrorShare)
	}
	s.waiting = 0
	s.step(1, 1)
	if r = s.report(time.Unix(8, 0)).Sample; *r.ErrorShare != 2307 { // 30 of 130
		t.Errorf("errors %v, want 2307", *r.ErrorShare)
	}
}
