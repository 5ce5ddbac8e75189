package health

import (
	"fmt"
	"time"
)

// Authority is who decided a verdict.
type Authority string

// The authorities, from the highest down. Nobody is where nothing is known: the endpoint counts as up.
const (
	ByNobody    Authority = ""
	ByOperator  Authority = "operator"
	ByReadiness Authority = "readiness"
	ByProbes    Authority = "probes"
	ByPassive   Authority = "passive"
	ByAgent     Authority = "agent"
)

// fall is how many judgements in a row an authority needs for a death. Kubernetes and the probes have thresholds of their
// own behind them; a load balancer's window and an agent's word have none.
func (a Authority) fall() int {
	switch a {
	case ByReadiness, ByProbes:
		return 1
	}
	return Default().Fall
}

// needsSite reports whether only the site itself can tell that what the authority saw is over.
func (a Authority) needsSite() bool { return a == ByReadiness || a == ByPassive || a == ByAgent }

// Verdict is on one service at one site. The zero value is the one before the first: up, by nobody. The hub keeps it and
// gives it to the next judgement, over restarts too.
type Verdict struct {
	Down bool `json:"down,omitempty"`
	// By is who decided, Reason their words with the numbers, Since when Down last changed.
	By     Authority `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	// Held says that the evidence is for up already, and the return is held back.
	Held bool `json:"held,omitempty"`
	// Frozen says that the site, or most sites, are silent: nothing may attract traffic to it.
	Frozen bool `json:"frozen,omitempty"`
	// Measured is the verdict without the operator's word.
	Measured Finding `json:"measured,omitzero"`
}

// Finding is a measured verdict and who decided it.
type Finding struct {
	State
	By     Authority `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// Proven reports whether somebody who can know calls the endpoint dead, and nothing speaks for it meanwhile. What is down
// for its error rate, by its agent's word or for having flapped may still serve; Panic takes it in.
func (v Verdict) Proven() bool {
	return v.Down && !v.Held && (v.By == ByOperator || v.By == ByReadiness || v.By == ByProbes)
}

// Judge returns the next verdict. The operator's word stands above all and changes it at once, both ways. Below it the
// highest authority with an opinion decides: no ready replica is down; else the majority of the probes; else the load
// balancer's errors; else the agent's claim. A death is taken at once, or after two judgements from passive signals and
// agents; a return is held back as State says.
func Judge(e Evidence, previous Verdict, now time.Time) Verdict {
	o := e.opinion(previous.Measured)
	measured := previous.Measured.next(o, now)
	next := Verdict{Down: measured.Down, By: measured.By, Reason: measured.Reason, Frozen: e.frozen(), Measured: measured}
	if measured.Down && measured.Against > 0 {
		next.Held, next.Reason = true, measured.Reason+"; "+o.why+", held back "+measured.holdText()
	}
	if e.Forced.Stands(now) {
		next.Down, next.By, next.Reason, next.Held = e.Forced.Says == Down, ByOperator, e.Forced.String(), false
	}
	next.Since = notAfter(previous.Since, now)
	if next.Down != previous.Down || next.Since.IsZero() {
		next.Since = now
	}
	return next
}

// next takes an opinion. Who decided changes only with an opinion that agrees with the verdict.
func (f Finding) next(o opinion, now time.Time) Finding {
	if o.says == Unknown {
		f.State = f.forgetRun()
		return f
	}
	t := Default()
	t.Fall = o.by.fall()
	f.State = f.Observe(o.says == Up, now, t)
	if f.Down == (o.says == Down) {
		f.By, f.Reason = o.by, o.why
	}
	return f
}

func (f Finding) holdText() string {
	until := f.HeldUntil()
	if until.IsZero() {
		return fmt.Sprintf("for %v of calm", Default().Calm)
	}
	return fmt.Sprintf("until %s after %d deaths in short order", clock(until), f.Flaps+1)
}

// opinion is what the evidence of one moment says, by the highest authority that knows.
type opinion struct {
	says Condition
	by   Authority
	why  string
}

func (e Evidence) opinion(standing Finding) opinion {
	switch {
	case e.MassSilence:
		return opinion{}
	case e.ReportAge > freeze:
		return e.withoutSite(standing)
	case e.ReportAge > siteSilence:
		return opinion{}
	}
	return e.withSite()
}

// withoutSite is the opinion on a site that has been silent for long: silence alone is none. What the site itself called
// down stays so until it speaks.
func (e Evidence) withoutSite(standing Finding) opinion {
	q := quorumOf(e.Votes)
	if q.says() == Unknown || q.says() == Up && standing.Down && standing.By.needsSite() {
		return opinion{}
	}
	return opinion{q.says(), ByProbes, fmt.Sprintf("the site is silent for %v, %s", e.ReportAge.Truncate(time.Second), q.text())}
}

func (e Evidence) withSite() opinion {
	q := quorumOf(e.Votes)
	failed, counted := e.Passive.failedPercent()
	switch probes := q.says(); {
	case e.Readiness.Known && e.Readiness.Ready == 0:
		return opinion{Down, ByReadiness, e.Readiness.text()}
	case probes == Up && counted && failed >= hopelessPercent:
		return opinion{Down, ByPassive, e.Passive.text() + ", though " + q.text()}
	case probes != Unknown:
		return opinion{probes, ByProbes, q.text()}
	case counted && failed >= badPercent:
		return opinion{Down, ByPassive, e.Passive.text()}
	case counted:
		return opinion{Up, ByPassive, e.Passive.text()}
	case e.Claim != Unknown:
		return opinion{e.Claim, ByAgent, "the site's agent calls it " + string(e.Claim)}
	case e.Readiness.Known:
		return opinion{Up, ByReadiness, e.Readiness.text()}
	}
	return opinion{}
}

func (e Evidence) frozen() bool { return e.MassSilence || e.ReportAge > siteSilence }
