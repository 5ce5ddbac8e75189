package hub

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/hub/recording"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/signal"
)

// daemonName tells the hub's status from other daemons'.
const daemonName = "hub"

// Status is the hub as it sees itself, for the admin API.
type Status struct {
	// Daemon says whose status this is: "hub".
	Daemon  string `json:"daemon"`
	Leading bool   `json:"leading"`
	// At is when the pass was that this tells of; ages are as of then.
	At    time.Time `json:"at"`
	Since time.Time `json:"since"`
	// Hold is why nothing is published yet, Refused why the newest map is not.
	Hold       string `json:"hold,omitempty"`
	Refused    string `json:"refused,omitempty"`
	Generation uint64 `json:"generation"`
	MapDigest  string `json:"mapDigest,omitempty"`
	GeoStatus
	Sites       []SiteReportStatus `json:"sites"`
	Names       []NameStatus       `json:"names"`
	NameServers []ServerStatus     `json:"nameServers"`
	Loads       []LoadStatus       `json:"loads"`
	// HeavyResolvers is how many resolvers the published map says carry more than 1/32 of a demand class.
	HeavyResolvers int `json:"heavyResolvers,omitempty"`
	// Warnings are what is used and may be a mistake.
	Warnings []string      `json:"warnings,omitempty"`
	Shifts   []ShiftStatus `json:"shifts"`
	// ReportsRefused counts reports that could not be read or spoke for another.
	ReportsRefused uint64 `json:"reportsRefused"`
}

// GeoStatus is the geo table that the hub hands to the name servers.
type GeoStatus struct {
	// GeoDigest is the table that the head names; GeoSource and GeoDate are of the table that the hub has.
	GeoDigest string    `json:"geoDigest,omitempty"`
	GeoSource string    `json:"geoSource,omitempty"`
	GeoDate   time.Time `json:"geoDate,omitzero"`
	// GeoTrouble is why the newest files are not handed over, or why the table is not on the bus.
	GeoTrouble string `json:"geoTrouble,omitempty"`
}

// SiteReportStatus is one site.
type SiteReportStatus struct {
	Name string `json:"name"`
	// ReportAgeMilliseconds is absent if the site never reported to this hub.
	ReportAgeMilliseconds *int64 `json:"reportAgeMilliseconds,omitempty"`
	Silent                bool   `json:"silent"`
	Cordoned              bool   `json:"cordoned,omitempty"`
	Drained               bool   `json:"drained,omitempty"`
	// Drain is how the drain stands, Forced an operator's word on the site's health, Measured what was found without it.
	Drain    string `json:"drain,omitempty"`
	Forced   string `json:"forced,omitempty"`
	Measured string `json:"measured,omitempty"`
	// WorkApplied is the revision that the site runs, Work the one that it should.
	WorkApplied uint64 `json:"workApplied"`
	Work        uint64 `json:"work"`
	// WorkLateMilliseconds is how long the site has not applied work, if that is longer than it should take.
	WorkLateMilliseconds *int64 `json:"workLateMilliseconds,omitempty"`
	DesiredReplicas      int    `json:"desiredReplicas"`
	ReadyReplicas        int    `json:"readyReplicas"`
	// UpReplicas are the ready replicas that the load balancer has up: those that clients are sent to.
	UpReplicas int `json:"upReplicas"`
}

// State is how a site stands, in a word or a few.
func (s SiteReportStatus) State() string {
	words := s.said()
	switch {
	case s.Silent:
		words = append([]string{"silent"}, words...)
	case s.WorkLateMilliseconds != nil:
		late := (time.Duration(*s.WorkLateMilliseconds) * time.Millisecond).Round(time.Second)
		words = append([]string{fmt.Sprintf("work not applied for %v", late)}, words...)
	}
	if len(words) == 0 {
		return "ok"
	}
	return strings.Join(words, "; ")
}

// said is what operators said of the site.
func (s SiteReportStatus) said() (words []string) {
	switch {
	case s.Drained:
		words = append(words, cmp.Or(s.Drain, "drained"))
	case s.Cordoned:
		words = append(words, "cordoned")
	}
	if s.Forced != "" {
		words = append(words, s.Forced+" (measured "+cmp.Or(s.Measured, healthUnknown)+")")
	}
	return words
}

// workLateAfter is how long a site may take to apply work.
const workLateAfter = 10 * time.Second

// lateness is since when each site has had work that it has not applied.
type lateness map[string]time.Time

// note enters in each status how late the site is.
func (l lateness) note(sites []SiteReportStatus, now time.Time) {
	for i := range sites {
		s := &sites[i]
		since, behind := l[s.Name]
		switch {
		case s.WorkApplied >= s.Work:
			delete(l, s.Name)
		case !behind:
			l[s.Name] = now
		case now.Sub(since) > workLateAfter:
			late := now.Sub(since).Milliseconds()
			s.WorkLateMilliseconds = &late
		}
	}
}

// NameStatus is one exported service.
type NameStatus struct {
	Export  string   `json:"export"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
	// Sites is "up/used": sites with replicas that are up, of those that shall run some.
	Sites         string `json:"sites"`
	ReadyReplicas int    `json:"readyReplicas"`
	// UpReplicas as of SiteReportStatus.
	UpReplicas int `json:"upReplicas"`
	// Ready is the reason of the condition Ready.
	Ready         string `json:"ready"`
	MapGeneration int64  `json:"mapGeneration"`
}

// ServerStatus is one name server.
type ServerStatus struct {
	Name                  string                `json:"name"`
	ReportAgeMilliseconds int64                 `json:"reportAgeMilliseconds"`
	Generation            uint64                `json:"generation"`
	MapDigest             string                `json:"mapDigest,omitempty"`
	GeoDigest             string                `json:"geoDigest,omitempty"`
	GeoTrouble            string                `json:"geoTrouble,omitempty"`
	Refused               string                `json:"refused,omitempty"`
	Dead                  []signal.DeadEndpoint `json:"dead,omitempty"`
}

// Status is what the last pass saw.
func (l *Loop) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.status
	s.GeoTrouble = cmp.Or(l.geo.filesTrouble, l.geo.busTrouble)
	return s
}

// Recording is the last turn of the control loop, nil before the first.
func (l *Loop) Recording() *recording.Recording {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recorded
}

// note keeps what a pass saw.
func (l *Loop) note(in Inputs, out Outputs) {
	s := statusOf(in, out)
	recorded := l.steer.recorded
	s.ReportsRefused, s.Loads = l.heard.refusedCount(), l.steer.loads()
	if err := l.steer.unknownTimes(); err != nil {
		s.Warnings = []string{err.Error()}
	}
	l.late.note(s.Sites, in.Now)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status, l.recorded = s, recorded
}

func statusOf(in Inputs, out Outputs) Status {
	s := Status{Daemon: daemonName, Leading: true, At: in.Now, Since: in.Since, Hold: out.Hold, Generation: in.Head.Generation, MapDigest: string(in.Head.Digest),
		GeoStatus: GeoStatus{GeoDigest: in.Head.GeoDigest, GeoSource: in.Handout.Origin().Source, GeoDate: in.Handout.Origin().Date},
		Sites:     []SiteReportStatus{}, Names: []NameStatus{}, NameServers: []ServerStatus{}, Shifts: shiftStatuses(in)}
	if out.Refused != nil {
		s.Refused = out.Refused.Error()
	}
	if in.Current != nil {
		s.HeavyResolvers = len(in.Current.HeavyResolvers)
	}
	sites := map[string]*site{}
	for _, object := range byName(in.Sites) {
		sites[object.Name] = newSite(in, object)
		s.Sites = append(s.Sites, siteStatus(in, sites[object.Name]))
	}
	for _, e := range byName(in.Exports) {
		s.Names = append(s.Names, nameStatus(e, sites))
	}
	for _, name := range slices.Sorted(maps.Keys(in.Servers)) {
		o := in.Servers[name]
		s.NameServers = append(s.NameServers, ServerStatus{Name: name, ReportAgeMilliseconds: in.Now.Sub(o.Received).Milliseconds(),
			Generation: o.Report.Generation, MapDigest: o.Report.MapDigest, GeoDigest: o.Report.GeoDigest,
			GeoTrouble: o.Report.GeoTrouble, Refused: o.Report.Refused, Dead: o.Report.Dead})
	}
	return s
}

func nameStatus(e *v1alpha1.DomainExport, sites map[string]*site) NameStatus {
	n := NameStatus{Export: e.Namespace + "/" + e.Name, Name: e.Status.CanonicalName,
		ReadyReplicas: int(e.Status.ReadyReplicas), MapGeneration: e.Status.MapGeneration}
	upSites, used := 0, 0
	for _, at := range e.Status.Sites {
		up := upReplicas(sites[at.Site], e, at)
		n.UpReplicas += up
		if up > 0 {
			upSites++
		}
		if at.DesiredReplicas > 0 {
			used++
		}
	}
	n.Sites = fmt.Sprintf("%d/%d", upSites, used)
	for _, c := range e.Status.Claims {
		if c.Name != n.Name {
			n.Aliases = append(n.Aliases, c.Name)
		}
	}
	if c := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		n.Ready = c.Reason
	}
	return n
}

// upReplicas are the ready replicas of an export at a site that its load balancer has up, as far as it says. A site without
// capacity carries nothing, whatever was heard last; s is nil if the Site is gone.
func upReplicas(s *site, e *v1alpha1.DomainExport, at v1alpha1.ExportSite) int {
	if at.Capacity.IsZero() || s == nil {
		return 0
	}
	report := s.services[e.Namespace+"/"+e.Spec.Workload.Kind+"/"+e.Spec.Workload.Name]
	return int(serversUp(at.ReadyReplicas, report.Load))
}

func siteStatus(in Inputs, s *site) SiteReportStatus {
	status := SiteReportStatus{Name: string(s.id), Silent: s.silent, Cordoned: s.object.Spec.Cordoned, Drained: s.object.Spec.Drained,
		Work: s.work.Inventory.Revision}
	if status.Drained {
		status.Drain = drainText(s.object)
	}
	if s.forced.Says != health.Unknown {
		status.Forced, status.Measured = s.forced.String(), in.Measured[s.id].String()
	}
	for _, e := range in.Exports {
		for _, at := range e.Status.Sites {
			if gslb.SiteID(at.Site) == s.id {
				status.DesiredReplicas += int(at.DesiredReplicas)
				status.ReadyReplicas += int(at.ReadyReplicas)
				status.UpReplicas += upReplicas(s, e, at)
			}
		}
	}
	if s.report != nil {
		age := in.Now.Sub(s.report.Received).Milliseconds()
		status.ReportAgeMilliseconds, status.WorkApplied = &age, s.report.Report.Work
	}
	return status
}
