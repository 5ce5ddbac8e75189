package hub

import (
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
)

// endpointKey is one service at one site.
type endpointKey struct {
	service gslb.Name
	site    gslb.SiteID
}

// judged is a verdict, the load balancer's counters when it was made, and what they grew by since the one before.
type judged struct {
	health.Verdict
	counted *counters
	grown   *growth
}

// counters are what a load balancer had counted when its report came; nil is not measured.
type counters struct {
	requests, errors *uint64
	at               time.Time
}

// growth is what a load balancer counted between two judgements. It is not known after a restart of either, nor where no
// report came meanwhile.
type growth struct {
	requests int64
	errors   *int64
	over     time.Duration
}

// judge weighs what is known of one service at one site.
func judge(in Inputs, s *plan.Service, site gslb.SiteID, workload string, before judged) judged {
	o, heard := in.Reports[site]
	next := judged{counted: before.counted}
	e := health.Evidence{Forced: forced(in.siteObject(site)), ReportAge: in.age(o, heard), Votes: in.votes(s, site), MassSilence: in.deaf()}
	if service := o.service(workload); service != nil {
		e.Readiness = health.Readiness{Known: true, Ready: service.ReadyReplicas, Desired: service.DesiredReplicas}
		next.count(service.Load, o.Received)
		e.Passive = next.passive()
	}
	next.Verdict = health.Judge(e, before.Verdict, in.Now)
	return next
}

// count takes a report's counters. One that fell began anew, and says nothing once.
func (j *judged) count(l *signal.Load, at time.Time) {
	if l == nil || l.RequestsTotal == nil {
		return
	}
	before := j.counted
	j.counted = &counters{l.RequestsTotal, l.Errors5xxTotal, at}
	if before == nil || !at.After(before.at) {
		return
	}
	requests, ok := grew(before.requests, l.RequestsTotal)
	if !ok {
		return
	}
	j.grown = &growth{requests: requests, over: at.Sub(before.at)}
	if errors, ok := grew(before.errors, l.Errors5xxTotal); ok {
		j.grown.errors = &errors
	}
}

func grew(before, now *uint64) (by int64, ok bool) {
	if before == nil || now == nil || *now < *before {
		return 0, false
	}
	return int64(*now - *before), true
}

// passive is what the load balancer counted since the verdict before.
func (j *judged) passive() (p health.Passive) {
	if j.grown != nil && j.grown.errors != nil {
		p.Requests, p.Errors5xx = j.grown.requests, *j.grown.errors
	}
	return p
}

func (o SiteObservation) service(workload string) *signal.ServiceReport {
	at := slices.IndexFunc(o.Report.Services, func(s signal.ServiceReport) bool { return s.Workload == workload })
	if at < 0 {
		return nil
	}
	return &o.Report.Services[at]
}

// age is how long a site has been silent; one that never reported to this hub, as long as the hub has led.
func (in Inputs) age(o SiteObservation, heard bool) time.Duration {
	if !heard {
		return in.Now.Sub(in.Since)
	}
	return in.Now.Sub(o.Received)
}

// deaf says whether most sites are silent.
func (in Inputs) deaf() bool {
	var ages []time.Duration
	for _, s := range in.Sites {
		o, heard := in.Reports[gslb.SiteID(s.Name)]
		ages = append(ages, in.age(o, heard))
	}
	return health.MassSilence(ages)
}

// votes are what the name servers that report found by probing; without probes they know nothing.
func (in Inputs) votes(s *plan.Service, site gslb.SiteID) (votes []health.Vote) {
	if s.Health == nil {
		return nil
	}
	for _, name := range in.liveServers() {
		o := in.Servers[name]
		vote := health.Vote{Server: name, Says: health.Up, Age: in.Now.Sub(o.Received)}
		if slices.ContainsFunc(o.Report.Dead, func(d signal.DeadEndpoint) bool { return d.Service == s.Name && d.Site == site }) {
			vote.Says = health.Down
		}
		votes = append(votes, vote)
	}
	return votes
}
