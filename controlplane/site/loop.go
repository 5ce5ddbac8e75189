package site

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/lbagent/lb"
)

// How often the loop turns. Reports leave once a second and with every change, at most five times a second. The load
// balancer follows changes within settle; every balancerInterval it is compared with what it should serve, and after a
// failure balancerRetry later.
const (
	reportInterval   = time.Second
	reportSpacing    = 200 * time.Millisecond
	settle           = 20 * time.Millisecond
	balancerInterval = 10 * time.Second
	balancerRetry    = time.Second
)

// loop is the state of the goroutine that plans, serves and reports.
type loop struct {
	*Agent
	claims   Claims
	config   lb.Config
	balanced time.Time // when the load balancer was last made to follow; zero: at once
	refused  map[string]error
	balancer error
	last     signal.SiteReport
}

func (a *Agent) loop(ctx context.Context) {
	l := &loop{Agent: a}
	var err error
	if l.claims, err = a.keep.LoadClaims(); err != nil {
		a.log.Warn("who had which address is lost; it is decided anew", "error", err)
	}
	for ctx.Err() == nil {
		wait := l.turn(ctx, time.Now())
		l.rest(ctx, wait)
	}
}

// rest waits for the next turn: as long as it takes to settle, then until something happens or the time is over.
func (l *loop) rest(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(min(wait, settle))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
	}
	if wait <= settle {
		return
	}
	timer.Reset(wait - settle)
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-l.wake:
	}
}

// turn looks at everything, makes the load balancer follow and reports if it is time. It returns when to turn again. As
// long as it does not know all work and all pods it touches nothing, and its reports say so: their work is 0.
func (l *loop) turn(ctx context.Context, now time.Time) time.Duration {
	report := signal.SiteReport{Version: signal.Version, Site: l.cfg.Site, SampledAt: now.UTC(), Services: []signal.ServiceReport{}}
	applied, problems := l.apply.state()
	view := l.seen()
	desired, _ := l.desk.current()
	if view != nil && desired.complete() {
		outcome := l.plan(desired, *view)
		l.serve(ctx, now, outcome.Config)
		report.Work = applied
		report.Services = l.findings(ctx, problems).Complete(outcome.Services)
	}
	return l.report(now, report)
}

// plan decides, and keeps the claims that follow.
func (l *loop) plan(desired Desired, view View) Outcome {
	in := Input{View: view, Sets: l.cfg.Sets, Held: l.claims}
	for _, key := range slices.Sorted(maps.Keys(desired.Bundles)) {
		list, _ := objects(desired.Bundles[key]) // decodeBundle has checked them
		in.Workloads = append(in.Workloads, Workload{Bundle: desired.Bundles[key], Namespace: namespace(list)})
	}
	outcome := Plan(in)
	if !reflect.DeepEqual(outcome.Claims, l.claims) {
		if err := l.keep.SaveClaims(outcome.Claims); err != nil {
			l.log.Error("who has which address is not kept", "error", err)
		}
		l.claims = outcome.Claims
	}
	return outcome
}

// serve makes the load balancer follow.
func (l *loop) serve(ctx context.Context, now time.Time, config lb.Config) {
	interval := balancerInterval
	if l.balancer != nil || len(l.refused) > 0 {
		interval = balancerRetry
	}
	if reflect.DeepEqual(config, l.config) && now.Sub(l.balanced) < interval {
		return
	}
	l.config, l.balanced = config, now
	err := l.cfg.Balancer.Apply(ctx, config)
	refused, only := lb.FrontendErrors(err)
	if only {
		err = nil
	}
	if ctx.Err() == nil && (err != nil || len(refused) > 0) && (l.balancer == nil && len(l.refused) == 0) {
		l.log.Error("the load balancer does not serve everything", "error", errors.Join(err, asError(refused)))
	}
	l.refused, l.balancer = refused, err
}

func asError(refused map[string]error) error {
	var list []error
	for _, workload := range slices.Sorted(maps.Keys(refused)) {
		list = append(list, &lb.FrontendError{Workload: workload, Err: refused[workload]})
	}
	return errors.Join(list...)
}

// findings reads the loads. A load balancer that cannot be read may be gone, and is made to follow again at once.
func (l *loop) findings(ctx context.Context, problems map[string]string) Findings {
	f := Findings{Problems: problems, Refused: l.refused, Balancer: l.balancer}
	if l.balancer != nil {
		return f
	}
	loads, err := l.cfg.Balancer.Sample(ctx)
	if err != nil {
		l.balancer, f.Balancer, l.balanced = err, err, time.Time{}
		l.nudge()
		return f
	}
	f.Loads = loads
	return f
}

// report sends the report if it is time, and returns when the next turn is due.
func (l *loop) report(now time.Time, r signal.SiteReport) time.Duration {
	changed := r.Work != l.last.Work || differ(r.Services, l.last.Services)
	if wait := pause(now.Sub(l.last.SampledAt), changed); wait > 0 {
		l.show(r, false, nil)
		return wait
	}
	r.Sequence = l.last.Sequence + 1
	l.last = r
	data, err := json.Marshal(r)
	if err == nil {
		err = l.cfg.Bus.PublishReport(data)
	}
	l.show(r, true, err)
	return reportInterval
}

// pause is how long a report must still wait, since is the age of the last one.
func pause(since time.Duration, changed bool) time.Duration {
	if changed {
		return reportSpacing - since
	}
	return reportInterval - since
}

// clusterProblems are what keeps the site's cluster from being changed and from being seen.
func (l *loop) clusterProblems() []string {
	var list []string
	if text := l.apply.failing(); text != "" {
		list = append(list, text)
	}
	if err := l.cfg.Watcher.Trouble(); err != nil {
		list = append(list, err.Error())
	}
	return list
}

// show updates the status.
func (l *loop) show(r signal.SiteReport, sent bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Services, l.status.Problems = r.Services, l.clusterProblems()
	if l.balancer != nil {
		l.status.Problems = append(l.status.Problems, "load balancer: "+l.balancer.Error())
	}
	switch {
	case !sent:
	case err != nil:
		l.status.Unsent++
	default:
		l.status.Unsent, l.status.Reported, l.status.Sequence = 0, r.SampledAt, r.Sequence
	}
}
