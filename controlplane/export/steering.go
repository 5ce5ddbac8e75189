package export

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// steering reads which method or policy is wanted, and the annotation that wins over the policy's watermarks. WithPolicy fills
// in what the policy says.
func (r *reader) steering() v1alpha1.Steering {
	s := v1alpha1.Steering{SteeringPolicySpec: v1alpha1.SteeringPolicySpec{Watermarks: r.watermarks()}}
	value, ok := r.value(AnnotationSteering)
	switch {
	case !ok:
		s.Method = string(plan.Proximity)
	case isMethod(value):
		s.Method = value
	case objectName.MatchString(value):
		s.Policy = value
	default:
		r.fail(AnnotationSteering, value, "proximity, weighted, failover, or the name of a SteeringPolicy of this namespace")
	}
	return s
}

func isMethod(value string) bool {
	switch plan.Method(value) {
	case plan.Proximity, plan.Weighted, plan.Failover:
		return true
	}
	return false
}

// WithPolicy is the steering of an export that names a policy: the policy's, but for the watermarks of its own annotation.
func WithPolicy(s v1alpha1.Steering, policy *v1alpha1.SteeringPolicySpec) v1alpha1.Steering {
	merged := v1alpha1.Steering{Policy: s.Policy, SteeringPolicySpec: *policy.DeepCopy()}
	merged.Method = cmp.Or(merged.Method, string(plan.Proximity))
	if s.Watermarks != nil {
		merged.Watermarks = s.Watermarks
	}
	return merged
}

// PlanSteering is a policy as the map has it, with its lists in their own order, which is what an error counts by; the map's
// Canonical sorts them. The error joins everything that is wrong with it, with the path of each field;
// the admission of the API refuses most of that already.
func PlanSteering(spec v1alpha1.SteeringPolicySpec) (plan.Steering, error) {
	out := plan.Steering{
		Method:         plan.Method(cmp.Or(spec.Method, string(plan.Proximity))),
		OnAllUnhealthy: plan.OnAllUnhealthy(cmp.Or(spec.OnAllUnhealthy, string(plan.AnswerAll))),
		Precedence:     plan.PrecedenceOf(spec.Precedence),
		MinSites:       int(spec.MinSites),
	}
	if w := spec.Watermarks; w != nil {
		out.Watermarks = plan.Watermarks{LowPercent: int(w.Low), HighPercent: int(w.High)}
	}
	for _, c := range spec.Costs {
		out.Costs = append(out.Costs, plan.SiteCost{Site: gslb.SiteID(c.Site), Milliseconds: int(c.MS)})
	}
	for _, r := range spec.Residency {
		out.Residency = append(out.Residency, residency(r))
	}
	var problems []error
	fail := func(path string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("spec.%s: %w", path, err))
		}
	}
	if spec.Near != nil {
		if out.Near = (plan.Near{Milliseconds: int(spec.Near.MS), Percent: int(spec.Near.Percent)}); out.Near == (plan.Near{}) {
			fail("near", plan.ErrNearEmpty)
		}
	}
	for i, text := range spec.Fallback {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			err = fmt.Errorf("%q, want an IPv4 or IPv6 address", text)
		}
		fail(fmt.Sprintf("fallback[%d]", i), err)
		out.Fallback = append(out.Fallback, addr)
	}
	var err error
	if spec.ConnectionLife != "" {
		out.ConnectionLife, err = plan.ParseConnectionLife(spec.ConnectionLife)
		fail("connectionLife", err)
	}
	if spec.CalmTTL != "" {
		out.CalmTTL, err = plan.ParseCalmTTL(spec.CalmTTL)
		fail("calmTTL", err)
	}
	if spec.Gain != "" {
		out.GainMicro, err = plan.ParseGain(spec.Gain)
		fail("gain", err)
	}
	if problems == nil {
		problems = append(problems, out.Validate("spec"))
	}
	return out, errors.Join(problems...)
}

func residency(r v1alpha1.Residency) plan.Residency {
	out := plan.Residency{Regions: slices.Clone(r.Regions)}
	for _, client := range r.Clients {
		out.Clients = append(out.Clients, plan.Region(client))
	}
	return out
}
