package hub

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
)

// steeringPolicy is a SteeringPolicy and what comes of it.
type steeringPolicy struct {
	object *v1alpha1.SteeringPolicy
	// err is what is wrong with it, whoever uses it; unknown is what it names and no Site is.
	err, unknown error
	// users are the exports that it steers. unfit are those that it cannot steer, and why, by reason.
	users []string
	unfit map[string][]string
}

type policyTable struct {
	now    time.Time
	list   []*steeringPolicy
	byKey  map[string]*steeringPolicy // by "namespace/name"
	events []Event
}

func newPolicyTable(in Inputs) *policyTable {
	t := &policyTable{now: in.Now, byKey: map[string]*steeringPolicy{}}
	for _, object := range byName(in.Policies) {
		p := &steeringPolicy{object: object, unfit: map[string][]string{}}
		p.check(in.Sites)
		t.list = append(t.list, p)
		t.byKey[object.Namespace+"/"+object.Name] = p
	}
	return t
}

// check reads a policy. That a site or a region is not there yet, or no longer, refuses nothing, but where nobody were left to
// answer.
func (p *steeringPolicy) check(objects []*v1alpha1.Site) {
	steering, err := export.PlanSteering(p.object.Spec)
	if p.err = err; err != nil {
		return
	}
	var sites []plan.Site
	for _, s := range objects {
		sites = append(sites, plan.Site{ID: gslb.SiteID(s.Name), Region: s.Spec.Region})
	}
	p.err, p.unknown = steering.Unserved("spec", sites), steering.Unknown("spec", sites)
}

// resolve puts the policy that an export names in place of its name. One that is not there, is wrong or would oscillate is
// refused, and what was accepted before stays in force: the settings are kept with the export, not with the policy.
func (t *policyTable) resolve(e *exported) {
	spec := &e.request.Spec
	if spec.Steering.Policy == "" || e.request.Refusal != nil {
		return
	}
	p := t.byKey[e.source.Namespace+"/"+spec.Steering.Policy]
	if p == nil {
		e.refuse(v1alpha1.ReasonPolicyNotFound, (&export.AnnotationError{Annotation: export.AnnotationSteering, Value: spec.Steering.Policy,
			Want: "proximity, weighted, failover, or the name of a SteeringPolicy that exists in namespace " + e.source.Namespace}).Error())
		return
	}
	if p.err != nil {
		e.refuse(v1alpha1.ReasonInvalidPolicy, fmt.Sprintf("SteeringPolicy %s is wrong: %s", p.object.Name, oneLine(p.err)))
		return
	}
	merged := *spec
	merged.Steering = export.WithPolicy(spec.Steering, &p.object.Spec)
	if reason, err := misfit(merged); err != nil {
		p.unfit[reason] = append(p.unfit[reason], e.key+": "+err.Error())
		e.refuse(reason, fmt.Sprintf("SteeringPolicy %s: %v", p.object.Name, err))
		return
	}
	p.users = append(p.users, e.key)
	*spec = merged
}

// misfit is why a policy cannot steer an export: its answers would live longer than those of calm sites, or its loop would
// oscillate. The error has the numbers; it is nil if nothing is wrong.
func misfit(spec v1alpha1.DomainExportSpec) (reason string, err error) {
	steering, err := export.PlanSteering(spec.Steering.SteeringPolicySpec)
	if err != nil || steering.Method != plan.Proximity {
		return v1alpha1.ReasonInvalidPolicy, err
	}
	ttl := time.Duration(spec.TTLSeconds) * time.Second
	if err := steering.CheckTTL(ttl); err != nil {
		return v1alpha1.ReasonInvalidPolicy, fmt.Errorf("calmTTL: %w", err)
	}
	return v1alpha1.ReasonOscillates, loop.PolicyOf(&steering, ttl).Check()
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// accepted says what comes of a policy. One that nobody uses is held against the default TTL.
func (p *steeringPolicy) accepted() metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse}
	if c.Reason, c.Message = p.refusal(); c.Reason != "" {
		return c
	}
	c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonAccepted, p.used()
	if p.unknown != nil {
		c.Message += "; it names what is not there: " + oneLine(p.unknown)
	}
	return c
}

// refusal is what is wrong with a policy, for itself or for those who use it; no reason if nothing is.
func (p *steeringPolicy) refusal() (reason, message string) {
	if p.err != nil {
		return v1alpha1.ReasonInvalidPolicy, oneLine(p.err)
	}
	if reasons := slices.Sorted(maps.Keys(p.unfit)); len(reasons) > 0 {
		list := p.unfit[reasons[0]]
		return reasons[0], strings.Join(list[:min(len(list), maxNamed)], "; ")
	}
	if len(p.users) > 0 {
		return "", ""
	}
	unused := v1alpha1.DomainExportSpec{Steering: v1alpha1.Steering{SteeringPolicySpec: p.object.Spec}, TTLSeconds: int32(loop.DefaultTTL / time.Second)}
	if reason, err := misfit(unused); err != nil {
		return reason, fmt.Sprintf("with the default TTL: %v", err)
	}
	return "", ""
}

// maxNamed bounds how many exports a message names.
const maxNamed = 5

func (p *steeringPolicy) used() string {
	switch named := p.users[:min(len(p.users), maxNamed)]; {
	case len(named) == 0:
		return "no export uses it"
	case len(named) < len(p.users):
		return fmt.Sprintf("used by %s and %d more", strings.Join(named, ", "), len(p.users)-len(named))
	default:
		return "used by " + strings.Join(named, ", ")
	}
}

// writes lists the policies whose status changes. All exports must be resolved.
func (t *policyTable) writes() []*v1alpha1.SteeringPolicy {
	var list []*v1alpha1.SteeringPolicy
	for _, p := range t.list {
		slices.Sort(p.users)
		for _, list := range p.unfit {
			slices.Sort(list)
		}
		wanted := p.object.DeepCopy()
		var changed []metav1.Condition
		wanted.Status.Conditions, changed = export.Transition(p.object.Status.Conditions, []metav1.Condition{p.accepted()},
			p.object.Generation, t.now)
		ref := corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SteeringPolicy",
			Namespace: p.object.Namespace, Name: p.object.Name, UID: p.object.UID}
		for _, c := range changed {
			t.events = append(t.events, conditionEvent(ref, c))
		}
		if !equality.Semantic.DeepEqual(wanted.Status, p.object.Status) {
			list = append(list, wanted)
		}
	}
	return list
}
