package hub

import (
	"log/slog"
	"maps"
	"reflect"
	"sync"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/bus"
	bushub "tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/signal"
)

// heard keeps the last report of every site and name server. Its methods may be called from several goroutines.
type heard struct {
	log  *slog.Logger
	news func()

	mu      sync.Mutex
	sites   map[gslb.SiteID]SiteObservation
	servers map[string]ServerObservation
	answers map[string]*countedAnswers // by name server, since they were last taken
	refused uint64
}

func newHeard(log *slog.Logger, news func()) *heard {
	return &heard{log: log, news: news, sites: map[gslb.SiteID]SiteObservation{}, servers: map[string]ServerObservation{}, answers: map[string]*countedAnswers{}}
}

// take reads one report. Who sent it is proven by the bus; a report that speaks for another is refused.
func (h *heard) take(r bushub.Report) {
	var news bool
	var err error
	switch r.Role {
	case bus.Site:
		news, err = h.takeSite(r)
	case bus.NameServer:
		news, err = h.takeServer(r)
	}
	if err != nil {
		h.mu.Lock()
		h.refused++
		h.mu.Unlock()
		h.log.Warn("a report was refused", "from", r.Sender, "role", r.Role, "error", err)
	}
	if news {
		h.news()
	}
}

func (h *heard) takeSite(r bushub.Report) (news bool, err error) {
	report, err := signal.DecodeSite(r.Data)
	if err == nil && string(report.Site) != r.Sender {
		err = signal.ErrReport
	}
	if err != nil {
		return false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	before, known := h.sites[report.Site]
	h.sites[report.Site] = SiteObservation{Report: report, Received: r.Received}
	return !known || r.Received.Sub(before.Received) > SilentAfter || differs(before.Report, report), nil
}

// differs says whether a report tells more than its predecessor but for time and what changes with every request.
func differs(a, b signal.SiteReport) bool {
	return a.Work != b.Work || !reflect.DeepEqual(steady(a.Services), steady(b.Services))
}

// steady leaves of the loads the servers that are up: they count for the capacity.
func steady(services []signal.ServiceReport) []signal.ServiceReport {
	bare := make([]signal.ServiceReport, len(services))
	for i, s := range services {
		if s.Load != nil {
			s.Load = &signal.Load{ServersUp: s.Load.ServersUp}
		}
		bare[i] = s
	}
	return bare
}

func (h *heard) takeServer(r bushub.Report) (news bool, err error) {
	report, err := signal.DecodeNameServer(r.Data)
	if err == nil && report.Name != r.Sender {
		err = signal.ErrReport
	}
	if err != nil {
		return false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	before, known := h.servers[report.Name]
	if h.answers[report.Name] == nil {
		h.answers[report.Name] = new(countedAnswers)
	}
	h.answers[report.Name].add(&report)
	report.Answers = nil
	h.servers[report.Name] = ServerObservation{Report: report, Received: r.Received}
	return !known || before.Report.Generation != report.Generation || before.Report.Refused != report.Refused, nil
}

// all are the last reports. Name servers that were not heard for a day are forgotten.
func (h *heard) all() (map[gslb.SiteID]SiteObservation, map[string]ServerObservation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.servers, func(_ string, o ServerObservation) bool { return time.Since(o.Received) > 24*time.Hour })
	return maps.Clone(h.sites), maps.Clone(h.servers)
}

// takeAnswers are what name servers answered in one epoch, by their reports since the last call.
func (h *heard) takeAnswers() (taken answerSums) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for server, answers := range h.answers {
		if answers.enough() {
			taken.merge(answers)
			delete(h.answers, server)
		}
	}
	return taken
}

func (h *heard) refusedCount() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refused
}
