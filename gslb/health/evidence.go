package health

import (
	"fmt"
	"time"
)

// Condition is what somebody says of an endpoint. The zero value is that they do not know.
type Condition string

// The conditions. Unknown never changes a verdict.
const (
	Unknown Condition = ""
	Up      Condition = "up"
	Down    Condition = "down"
)

// Ages of reports. A site reports every second and a name server every 10 s: three missed reports are silence. What a
// silent site said last stands for freeze; after that the probes alone may call it dead.
const (
	siteSilence       = 3 * time.Second
	freeze            = 10 * time.Second
	nameServerSilence = 30 * time.Second
)

// NoReports is the ReportAge of a site that nobody expects a report from, as those of a world file.
const NoReports time.Duration = -1

// Evidence is what is known of one service at one site at one moment. Every part may be missing; the zero value knows
// nothing.
type Evidence struct {
	Forced    Forced
	Readiness Readiness
	Votes     []Vote
	Passive   Passive
	// Claim is what the site's agent says of the endpoint as a whole, such as a load balancer without a server.
	Claim Condition
	// ReportAge is how old the site's last report is: Readiness, Passive and Claim came with it. A hub that has just
	// started gives the time since its own start.
	ReportAge time.Duration
	// MassSilence says that too many sites are silent at once (see MassSilence).
	MassSilence bool
}

// Forced is an operator's word. It stands beside the measured verdict, which goes on underneath.
type Forced struct {
	Says Condition `json:"says"`
	// Until is when it ends by itself; zero is when the operator takes it back.
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason"`
	// By may be empty: nobody is named.
	By string `json:"by"`
}

// Stands reports whether the word is given and has not expired.
func (f Forced) Stands(now time.Time) bool {
	return f.Says != Unknown && (f.Until.IsZero() || now.Before(f.Until))
}

// String is the word for people: "forced down until 2026-05-01T12:00:00Z by alice: a new switch".
func (f Forced) String() string {
	text := "forced " + string(f.Says)
	if !f.Until.IsZero() {
		text += " until " + clock(f.Until)
	}
	if f.By != "" {
		text += " by " + f.By
	}
	return text + ": " + f.Reason
}

// Readiness is how many replicas Kubernetes calls ready.
type Readiness struct {
	Known          bool
	Ready, Desired int
}

func (r Readiness) text() string {
	return fmt.Sprintf("%d of %d replicas are ready", r.Ready, r.Desired)
}

// Passive is what the site's load balancer saw in the last window, which is the time between two judgements. No requests
// is: nothing is known.
type Passive struct {
	Requests int64
	// Errors5xx are answers of servers with a status from 500 on, Timeouts the requests that got none. A request is in one
	// of them at most.
	Errors5xx, Timeouts int64
}

// Passive evidence counts from minRequests on. From badPercent of failed requests on it is against the endpoint, but a
// majority of probes overrules it: one client's broken requests are no death. From hopelessPercent on it overrules
// the probes: a health page that answers is no service.
const (
	minRequests     = 50
	badPercent      = 50
	hopelessPercent = 90
)

// failedPercent is rounded down. Known is false for too few requests, or numbers that cannot be.
func (p Passive) failedPercent() (percent int64, known bool) {
	const most = 1 << 50
	if p.Requests < minRequests || p.Requests > most || p.Errors5xx < 0 || p.Timeouts < 0 || p.Errors5xx > p.Requests-p.Timeouts {
		return 0, false
	}
	return (p.Errors5xx + p.Timeouts) * 100 / p.Requests, true
}

func (p Passive) text() string {
	return fmt.Sprintf("%d server errors and %d timeouts in %d requests", p.Errors5xx, p.Timeouts, p.Requests)
}

// Vote is what one name server's probes say of the endpoint: down once each of its addresses is.
type Vote struct {
	Server string
	Says   Condition
	// Age is that of the name server's last report; old votes do not count.
	Age time.Duration
}

// quorum counts the votes of the name servers that report and know.
type quorum struct{ up, down int }

func quorumOf(votes []Vote) (q quorum) {
	for _, v := range votes {
		switch {
		case v.Age > nameServerSilence:
		case v.Says == Up:
			q.up++
		case v.Says == Down:
			q.down++
		}
	}
	return q
}

// says is the word of more than half: of two both, of one it. A tie is unknown.
func (q quorum) says() Condition {
	half := (q.up + q.down) / 2
	switch {
	case q.down > half:
		return Down
	case q.up > half:
		return Up
	}
	return Unknown
}

func (q quorum) text() string {
	if q.says() == Down {
		return fmt.Sprintf("probes of %d of %d name servers fail", q.down, q.up+q.down)
	}
	return fmt.Sprintf("probes of %d of %d name servers pass", q.up, q.up+q.down)
}

// clock writes a time for a reason's text.
func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
