package export

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb"
)

// Facts are what the conditions of an export follow from.
type Facts struct {
	Ruling Ruling
	// Verified holds the domains outside our zones whose CNAME leads to the canonical name.
	Verified map[gslb.Name]bool
	// Addressed: some site has given an address, so there is something to publish.
	Addressed bool
	// MapGeneration is the first published map with the current spec; 0 while there is none.
	MapGeneration uint64
	// Unpublished is why the map with the current spec is not published, if that is known.
	Unpublished string
	Servers     []Server
	// Asleep: the owner wants no replica.
	Asleep        bool
	ReadyReplicas int
	// Problem is why replicas are missing, empty if none is.
	Problem string
}

// Server is a live name server.
type Server struct {
	Name       string
	Generation uint64
	// Refused is why it did not take the newest map.
	Refused string
}

// Conditions says how an export stands. Times and generations are not set: Transition does.
func Conditions(f Facts) []metav1.Condition {
	programmed := f.programmed()
	return []metav1.Condition{f.accepted(), f.verified(), programmed, f.ready(programmed)}
}

func condition(kind string, status metav1.ConditionStatus, reason, format string, args ...any) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func (f Facts) accepted() metav1.Condition {
	if r := f.Ruling.Refusal; r != nil {
		return condition(v1alpha1.ConditionAccepted, metav1.ConditionFalse, r.Reason, "%s", r.Message)
	}
	return condition(v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonAccepted, "exported as %s", f.Ruling.Canonical)
}

func (f Facts) verified() metav1.Condition {
	var missing, found []string
	for _, domain := range f.Ruling.Outside {
		record := Record(domain, f.Ruling.Canonical)
		if f.Verified[domain] {
			found = append(found, record)
		} else {
			missing = append(missing, record)
		}
	}
	state := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return condition(v1alpha1.ConditionVerified, status, reason, "%s", message)
	}
	switch {
	case !f.Ruling.InForce():
		return state(metav1.ConditionUnknown, v1alpha1.ReasonNotAccepted, "nothing was accepted yet")
	case len(missing) > 0:
		return state(metav1.ConditionFalse, v1alpha1.ReasonAwaitingCNAME, "add to the domain's zone: "+strings.Join(missing, "; "))
	case len(found) > 0:
		return state(metav1.ConditionTrue, v1alpha1.ReasonCNAMEFound, "found: "+strings.Join(found, "; "))
	}
	return state(metav1.ConditionTrue, v1alpha1.ReasonVerified, "every domain is in our zones")
}

// Record is the one record that the owner of a domain outside our zones has to add.
func Record(domain, canonical gslb.Name) string {
	return fmt.Sprintf("%s CNAME %s", domain, canonical)
}

func (f Facts) programmed() metav1.Condition {
	no := func(reason, format string, args ...any) metav1.Condition {
		return condition(v1alpha1.ConditionProgrammed, metav1.ConditionFalse, reason, format, args...)
	}
	switch {
	case !f.Ruling.InForce():
		return no(v1alpha1.ReasonNotPublished, "nothing was accepted yet")
	case !f.Addressed && f.Ruling.Refusal != nil && f.Ruling.Refusal.Reason == v1alpha1.ReasonZoneMissing:
		return no(v1alpha1.ReasonZoneMissing, "%s", f.Ruling.Refusal.Message)
	case !f.Addressed:
		return no(v1alpha1.ReasonNoAddresses, "no site has reported an address yet")
	case f.MapGeneration == 0 && f.Unpublished != "":
		return no(v1alpha1.ReasonMapRefused, "the map with this spec is not published: %s", f.Unpublished)
	case f.MapGeneration == 0:
		return no(v1alpha1.ReasonNotPublished, "the map with this spec is not published: it will be shortly")
	case len(f.Servers) == 0:
		return no(v1alpha1.ReasonNoNameServers, "no name server reports: see tidegate status")
	}
	if behind := f.behind(); len(behind) > 0 {
		return no(v1alpha1.ReasonAwaitingServers, "map %d is awaited at %s", f.MapGeneration, strings.Join(behind, ", "))
	}
	return condition(v1alpha1.ConditionProgrammed, metav1.ConditionTrue, v1alpha1.ReasonProgrammed,
		"all %d name servers serve it", len(f.Servers))
}

// behind lists the name servers that do not serve the spec yet.
func (f Facts) behind() []string {
	var names []string
	for _, s := range f.Servers {
		switch {
		case s.Generation >= f.MapGeneration:
		case s.Refused != "":
			names = append(names, fmt.Sprintf("%s (refused: %s)", s.Name, s.Refused))
		default:
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (f Facts) ready(programmed metav1.Condition) metav1.Condition {
	no := func(reason, format string, args ...any) metav1.Condition {
		return condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, format, args...)
	}
	switch {
	case f.Asleep:
		return no(v1alpha1.ReasonAsleep, "scaled to zero by its owner")
	case f.Ruling.InForce() && f.ReadyReplicas == 0 && f.Problem != "":
		return no(v1alpha1.ReasonNoReadyReplicas, "no replica is ready: %s", f.Problem)
	case f.Ruling.InForce() && f.ReadyReplicas == 0:
		return no(v1alpha1.ReasonNoReadyReplicas, "no replica is ready")
	case programmed.Status != metav1.ConditionTrue:
		return no(v1alpha1.ReasonNotProgrammed, "%s", programmed.Message)
	}
	return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, "%s is served", f.Ruling.Canonical)
}

// Transition carries conditions over from old ones: the time of the last change stays where the status did not change.
// changed lists the conditions whose status, reason or (while false) message is new; they are worth an Event.
func Transition(old, wanted []metav1.Condition, generation int64, now time.Time) (merged, changed []metav1.Condition) {
	for _, c := range wanted {
		c.ObservedGeneration = generation
		c.LastTransitionTime = metav1.NewTime(now.Truncate(time.Second))
		before := meta.FindStatusCondition(old, c.Type)
		if before != nil && before.Status == c.Status {
			c.LastTransitionTime = before.LastTransitionTime
		}
		if before == nil || before.Status != c.Status || before.Reason != c.Reason ||
			c.Status == metav1.ConditionFalse && before.Message != c.Message {
			changed = append(changed, c)
		}
		merged = append(merged, c)
	}
	return merged, changed
}
