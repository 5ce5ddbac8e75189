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

// judged is a verdict and the load balancer's counters when it was made.
type judged struct {
	health.Verdict
	requests, errors uint64
}

// judge weighs what is known of one service at one site.
func judge(in Inputs, s *plan.Service, site gslb.SiteID, workload string, before judged) judged {
	o, heard := in.Reports[site]
	next := judged{requests: before.requests, errors: before.errors}
	e := health.Evidence{ReportAge: in.age(o, heard), Votes: in.votes(s, site), MassSilence: in.deaf()}
	if service := o.service(workload); service != nil {
		e.Readiness = health.Readiness{Known: true, Ready: service.ReadyReplicas, Desired: service.DesiredReplicas}
		e.Passive = next.passive(service.Load)
	}
	next.Verdict = health.Judge(e, before.Verdict, in.Now)
	return next
}

// passive is what the load balancer counted since the verdict before. A counter that fell began anew, and says nothing once.
func (j *judged) passive(l *signal.Load) (p health.Passive) {
	if l == nil || l.RequestsTotal == nil || l.Errors5xxTotal == nil {
		return p
	}
	if requests, errors := *l.RequestsTotal, *l.Errors5xxTotal; j.requests > 0 && requests >= j.requests && errors >= j.errors {
		p.Requests, p.Errors5xx = int64(requests-j.requests), int64(errors-j.errors)
	}
	j.requests, j.errors = *l.RequestsTotal, *l.Errors5xxTotal
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
