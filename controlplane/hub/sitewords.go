package hub

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
)

// What operators say of a site: cordoned, drained, forced up or down.

// forced is the operator's word on a site's health, whether or not it has expired; s may be nil.
func forced(s *v1alpha1.Site) (f health.Forced) {
	if s == nil || s.Spec.Forced == nil {
		return f
	}
	word := s.Spec.Forced
	f = health.Forced{Says: health.Condition(word.State), Reason: word.Reason, By: word.By}
	if word.Until != nil {
		f.Until = word.Until.Time
	}
	return f
}

// siteObject is a Site by its name; nil if there is none.
func (in Inputs) siteObject(id gslb.SiteID) *v1alpha1.Site {
	at := slices.IndexFunc(in.Sites, func(s *v1alpha1.Site) bool { return s.Name == string(id) })
	if at < 0 {
		return nil
	}
	return in.Sites[at]
}

// cordons are the sites that an operator cordoned.
func cordons(in Inputs) map[gslb.SiteID]bool {
	list := map[gslb.SiteID]bool{}
	for _, s := range in.Sites {
		if s.Spec.Cordoned {
			list[gslb.SiteID(s.Name)] = true
		}
	}
	return list
}

// takesNobody says that an operator wants no clients sent to the site.
func (s *site) takesNobody() bool { return s.object.Spec.Drained || s.forced.Says == health.Down }

// MeasuredHealth is what was found of the services at a site, without an operator's word.
type MeasuredHealth struct {
	Up   int
	Down []gslb.Name // in order
}

// measured sums up the verdicts of the last turn.
func (s *steering) measured() map[gslb.SiteID]MeasuredHealth {
	bySite := map[gslb.SiteID]MeasuredHealth{}
	for key, v := range s.verdicts {
		m := bySite[key.site]
		switch {
		case v.Measured.By == health.ByNobody:
			continue
		case v.Measured.Down:
			m.Down = append(m.Down, key.service)
		default:
			m.Up++
		}
		bySite[key.site] = m
	}
	for _, m := range bySite {
		slices.Sort(m.Down)
	}
	return bySite
}

// The words for a site's health beside up and down.
const (
	healthMixed, healthUnknown = "mixed", "unknown"
	byOperator, byMeasured     = "operator", "measured"
)

func (m MeasuredHealth) word() string {
	switch {
	case m.Up == 0 && len(m.Down) == 0:
		return healthUnknown
	case len(m.Down) == 0:
		return string(health.Up)
	case m.Up == 0:
		return string(health.Down)
	}
	return healthMixed
}

// namedDown is how many of the services that are down a text lists.
const namedDown = 3

func (m MeasuredHealth) String() string {
	if len(m.Down) == 0 {
		return m.word()
	}
	var names []string
	for _, name := range m.Down[:min(len(m.Down), namedDown)] {
		names = append(names, string(name))
	}
	if len(m.Down) > namedDown {
		names = append(names, "...")
	}
	return fmt.Sprintf("%d of %d services are down: %s", len(m.Down), m.Up+len(m.Down), strings.Join(names, ", "))
}

// health is for the status: what counts, and both what is measured and what is forced. Until a new leader has measured,
// what was measured before stands.
func (s *site) health(all map[gslb.SiteID]MeasuredHealth) *v1alpha1.SiteHealth {
	before, found := s.object.Status.Health, all[s.id].word()
	if found == healthUnknown && before != nil {
		found = before.Measured
	}
	if s.forced.Says == health.Unknown {
		if found == healthUnknown {
			return nil
		}
		state := health.Up
		if found == string(health.Down) {
			state = health.Down
		}
		return &v1alpha1.SiteHealth{State: string(state), By: byMeasured, Measured: found}
	}
	h := &v1alpha1.SiteHealth{State: string(s.forced.Says), By: byOperator, Measured: found, Forced: string(s.forced.Says)}
	if !s.forced.Until.IsZero() {
		until := metav1.NewTime(s.forced.Until)
		h.Until = &until
	}
	return h
}

// healthy is the condition for it; nil while nothing is known.
func (s *site) healthy(all map[gslb.SiteID]MeasuredHealth) *metav1.Condition {
	h, found := s.health(all), all[s.id]
	if h == nil {
		return nil
	}
	c := &metav1.Condition{Type: v1alpha1.ConditionHealthy, Status: metav1.ConditionTrue}
	if h.State == string(health.Down) {
		c.Status = metav1.ConditionFalse
	}
	switch {
	case h.By == byOperator && h.State == string(health.Down):
		c.Reason, c.Message = v1alpha1.ReasonForcedDown, s.forced.String()
	case h.By == byOperator:
		c.Reason, c.Message = v1alpha1.ReasonForcedUp, s.forced.String()
	case c.Status == metav1.ConditionFalse:
		c.Reason, c.Message = v1alpha1.ReasonMeasuredDown, found.String()
	default:
		c.Reason, c.Message = v1alpha1.ReasonMeasuredUp, found.String()
	}
	if old := meta.FindStatusCondition(s.object.Status.Conditions, c.Type); found.word() == healthUnknown && old != nil && old.Reason == c.Reason {
		c.Message = old.Message
	}
	return c
}

// drained is how far a drain is; nil where nobody drains the site. It is over once the answers of before have run out and
// nothing arrives, and stays so: a client that comes back with an old answer does not begin it anew. Numbers in its message
// are those of the moment when it changed.
func (t *siteTable) drained(s *site) *metav1.Condition {
	if !s.object.Spec.Drained {
		return nil
	}
	old := meta.FindStatusCondition(s.object.Status.Conditions, v1alpha1.ConditionDrained)
	if old != nil && old.Reason == v1alpha1.ReasonNoClients {
		return old
	}
	c := &metav1.Condition{Type: v1alpha1.ConditionDrained, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonDraining,
		Message: "clients leave as their answers run out and their connections end"}
	left, known := s.clients(t.probes)
	by, now := s.object.Spec.DrainBy, t.now
	switch {
	case known && left == (clients{}) && old != nil && now.Sub(old.LastTransitionTime.Time) > t.answers:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonNoClients, "no requests arrive, and none is under way"
	case by != nil && now.After(by.Time) && old != nil && old.Reason == v1alpha1.ReasonDrainOverdue:
		c = old
	case by != nil && now.After(by.Time):
		c.Reason = v1alpha1.ReasonDrainOverdue
		c.Message = fmt.Sprintf("the drain should have been over at %s: %s", by.UTC().Format(time.RFC3339), left.text(known))
	case by != nil:
		c.Message += "; it must be over at " + by.UTC().Format(time.RFC3339)
	}
	return c
}

// clients is what clients still do at a site: what arrives beyond probes, and requests under way.
type clients struct {
	rate     gslb.MilliRPS
	inFlight int64
}

func (c clients) text(known bool) string {
	if !known {
		return "how many clients are left is not known"
	}
	return fmt.Sprintf("%v requests/s arrive, and %d are under way: these clients keep answers or connections for longer", c.rate, c.inFlight)
}

// clients sums up the site's load balancer; not known if it is silent, or one of its services was not measured. Probes of name
// servers are left out of a service's rate where it is no more than they make.
func (s *site) clients(probes gslb.MilliRPS) (left clients, known bool) {
	if s.silent {
		return left, false
	}
	for _, service := range s.services {
		l := service.Load
		if l == nil || l.Rate == nil || l.InFlight == nil {
			return clients{}, false
		}
		if *l.Rate > probes {
			left.rate += *l.Rate
		}
		left.inFlight += *l.InFlight
	}
	return left, true
}

// drainText is how a drain stands, in a few words.
func drainText(s *v1alpha1.Site) string {
	c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionDrained)
	by := ""
	if s.Spec.DrainBy != nil {
		by = s.Spec.DrainBy.UTC().Format(time.RFC3339)
	}
	switch {
	case c == nil:
		return "drained"
	case c.Reason == v1alpha1.ReasonNoClients:
		return "drained, without clients"
	case c.Reason == v1alpha1.ReasonDrainOverdue:
		return "draining, late since " + cmp.Or(by, "its deadline")
	case by != "":
		return "draining until " + by
	}
	return "draining"
}
