package placement

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/scheduler"
)

// Policy is an EdgePlacement as the scheduler reads it, without its label selector (see Excluded).
func Policy(p *v1alpha1.EdgePlacement) scheduler.Policy {
	policy := scheduler.Policy{
		Name:         p.Name,
		Sites:        ids[gslb.SiteID](p.Spec.Sites),
		Regions:      p.Spec.Regions,
		Lines:        ids[gslb.Line](p.Spec.Lines),
		Accelerators: p.Spec.Accelerators,
	}
	if s := p.Spec.Spread; s != nil {
		policy.MinSites, policy.MaxSites = int(s.MinSites), int(s.MaxSites)
	}
	return policy
}

func ids[T ~string](names []string) []T {
	var list []T
	for _, name := range names {
		list = append(list, T(name))
	}
	return list
}

// Excluded is why a label selector rules out a site with those labels; empty if it does not. Nil selects every site.
func Excluded(selector *metav1.LabelSelector, site map[string]string) string {
	if selector == nil {
		return ""
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return fmt.Sprintf("the site selector is wrong: %v", err)
	}
	if s.Matches(labels.Set(site)) {
		return ""
	}
	return fmt.Sprintf("its labels do not match %s", s)
}
