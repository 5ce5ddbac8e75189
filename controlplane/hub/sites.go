package hub

import (
	"fmt"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/scheduler"
)

// lastReportGrain is how often a site's status is written only because time passes.
const lastReportGrain = 30 * time.Second

// site is a Site with what is known of it now.
type site struct {
	object *v1alpha1.Site
	id     gslb.SiteID
	// report is nil if the site never reported to this hub.
	report   *SiteObservation
	services map[string]signal.ServiceReport // by workload
	silent   bool
	// forced is the operator's word on its health while it stands; zero: there is none.
	forced health.Forced
	work   SiteWork
}

// siteTable holds the sites in the order of their names.
type siteTable struct {
	now time.Time
	geo *geodata.Table
	// measured is what was found of the sites' health; probes is how many requests a second may be name servers' probes, for
	// each service; answers is the longest that an answer lives.
	measured map[gslb.SiteID]MeasuredHealth
	probes   gslb.MilliRPS
	answers  time.Duration
	list     []*site
	byID     map[gslb.SiteID]*site
	events   []Event
	// massSilence: more than half of the sites that ever reported are silent. Then the fault is likely ours, and what
	// the others say does not take anything away.
	massSilence bool
}

func newSiteTable(in Inputs) *siteTable {
	t := &siteTable{now: in.Now, geo: in.Geo, measured: in.Measured, byID: map[gslb.SiteID]*site{}}
	t.probes = gslb.MilliRPS(len(in.liveServers())) * 1000
	if in.Current != nil {
		for i := range in.Current.Services {
			t.answers = max(t.answers, in.Current.Services[i].LongestTTL())
		}
	}
	enrolled, silent := 0, 0
	for _, object := range byName(in.Sites) {
		s := newSite(in, object)
		t.list, t.byID[s.id] = append(t.list, s), s
		if s.report != nil || object.Status.LastReport != nil {
			enrolled++
			if s.silent {
				silent++
			}
		}
	}
	t.massSilence = silent*2 > enrolled
	return t
}

func newSite(in Inputs, object *v1alpha1.Site) *site {
	s := &site{object: object, id: gslb.SiteID(object.Name), silent: true, services: map[string]signal.ServiceReport{}}
	s.work = in.Work[s.id]
	if word := forced(object); word.Stands(in.Now) {
		s.forced = word
	}
	if observed, ok := in.Reports[s.id]; ok {
		s.report = &observed
		s.silent = in.Now.Sub(observed.Received) > SilentAfter
		for _, r := range observed.Report.Services {
			s.services[r.Workload] = r
		}
	}
	return s
}

// frozen says that the site's reports change nothing: it is silent, or its agent has not applied any work yet.
func (s *site) frozen() bool {
	return s.silent || s.report.Report.Work == 0
}

// limits are the sites' maxReplicas for the scheduler's ledger.
func (t *siteTable) limits() map[gslb.SiteID]int {
	limits := map[gslb.SiteID]int{}
	for _, s := range t.list {
		limits[s.id] = scheduler.NoLimit
		if limit := s.object.Spec.MaxReplicas; limit != nil {
			limits[s.id] = int(*limit)
		}
	}
	return limits
}

// mapSites are the sites for the map.
func (t *siteTable) mapSites() []plan.Site {
	var list []plan.Site
	for _, s := range t.list {
		location, err := location(s.object.Spec.Location)
		if err != nil {
			continue // the API refuses it
		}
		list = append(list, plan.Site{ID: s.id, Location: location, Region: s.object.Spec.Region, Lines: lines(s.object)})
	}
	return list
}

func lines(s *v1alpha1.Site) []gslb.Line {
	var list []gslb.Line
	for _, line := range s.Spec.Lines {
		list = append(list, gslb.Line(line))
	}
	return list
}

// addressLine is the line of the site's addresses: the one that it declares, or NoLine for a look-up.
func addressLine(s *v1alpha1.Site) gslb.Line {
	if len(s.Spec.Lines) == 1 {
		return gslb.Line(s.Spec.Lines[0])
	}
	return gslb.NoLine
}

func location(l v1alpha1.Location) (gslb.Location, error) {
	lat, err := micro(l.Lat)
	if err != nil {
		return gslb.Location{}, err
	}
	lon, err := micro(l.Lon)
	if err != nil {
		return gslb.Location{}, err
	}
	at := gslb.Location{LatMicro: lat, LonMicro: lon}
	if !at.Valid() {
		return gslb.Location{}, fmt.Errorf("%s, %s is not on the earth", l.Lat, l.Lon)
	}
	return at, nil
}

// micro reads decimal degrees as millionths.
func micro(s string) (int32, error) {
	degrees, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, fmt.Errorf("%q is not a number of degrees", s)
	}
	millionths := degrees.Mul(degrees, big.NewRat(1_000_000, 1))
	if !millionths.IsInt() || !millionths.Num().IsInt64() || millionths.Num().BitLen() > 31 {
		return 0, fmt.Errorf("%q is not a number of degrees with at most six decimals", s)
	}
	return int32(millionths.Num().Int64()), nil
}

// writes lists the sites whose status changes, with the revisions of the work that is about to be written.
func (t *siteTable) writes(work map[gslb.SiteID]WorkWrite) []*v1alpha1.Site {
	var list []*v1alpha1.Site
	for _, s := range t.list {
		wanted := s.object.DeepCopy()
		var changed []metav1.Condition
		wanted.Status.Conditions, changed = export.Transition(s.object.Status.Conditions, t.conditions(s), s.object.Generation, t.now)
		if s.report != nil {
			wanted.Status.LastReport = s.lastReport(len(changed) > 0)
		}
		revision := max(s.work.Inventory.Revision, work[s.id].Inventory.Revision)
		wanted.Status.WorkRevision = max(wanted.Status.WorkRevision, int64(revision))
		wanted.Status.Health = s.health(t.measured)
		for _, c := range changed {
			t.events = append(t.events, conditionEvent(siteReference(s.object), c))
		}
		if !equality.Semantic.DeepEqual(wanted.Status, s.object.Status) {
			list = append(list, wanted)
		}
	}
	return list
}

func (t *siteTable) conditions(s *site) []metav1.Condition {
	list := []metav1.Condition{s.reporting()}
	if line := s.lineConfirmed(t.geo); line != nil {
		list = append(list, *line)
	}
	if healthy := s.healthy(t.measured); healthy != nil {
		list = append(list, *healthy)
	}
	if drained := t.drained(s); drained != nil {
		list = append(list, *drained)
	}
	return list
}

// lastReport moves in steps, so that a site that reports once a second does not cost a write a second.
func (s *site) lastReport(changed bool) *metav1.Time {
	received := metav1.NewTime(s.report.Received.Truncate(time.Second))
	before := s.object.Status.LastReport
	if before != nil && !changed && received.Sub(before.Time) < lastReportGrain {
		return before
	}
	return &received
}

func (s *site) reporting() metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReporting, Status: metav1.ConditionFalse}
	switch {
	case !s.silent:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonReporting, "the site's agent reports"
	case s.report == nil && s.object.Status.LastReport == nil:
		c.Reason, c.Message = v1alpha1.ReasonNotEnrolled, "never heard: make a token and enrol the site's agent"
	default:
		c.Reason, c.Message = v1alpha1.ReasonSilent, "no report for more than 10 s: it keeps what it has and gets nothing new"
	}
	return c
}

func siteReference(s *v1alpha1.Site) corev1.ObjectReference {
	return corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Site", Name: s.Name, UID: s.UID}
}
