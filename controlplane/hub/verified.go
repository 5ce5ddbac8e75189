package hub

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/cname"
	"tidegate.dev/tidegate/gslb"
)

// links are the CNAMEs that the owners of an export's domains outside our zones have to add, or have added.
func (e *exported) links() (list []cname.Link) {
	for _, d := range e.ruling.Outside {
		if e.ruling.Canonical != "" {
			list = append(list, cname.Link{Domain: d, Canonical: e.ruling.Canonical})
		}
	}
	return list
}

// verified holds the domains of an export whose CNAME leads to it. Until a domain is answered, what was so before stays so:
// a new leader has not looked yet, and a resolver in trouble says nothing about a domain.
func (t *exportTable) verified(e *exported) map[gslb.Name]bool {
	verified := map[gslb.Name]bool{}
	for _, l := range e.links() {
		leadsTo, answered := t.in.LeadsTo[l.Domain]
		verified[l.Domain] = leadsTo == l.Canonical || !answered && e.wasVerified(l)
	}
	return verified
}

// wasVerified says that the DomainExport remembers a domain as verified: its condition is true, and of a spec with it.
func (e *exported) wasVerified(l cname.Link) bool {
	c := meta.FindStatusCondition(e.old.Status.Conditions, v1alpha1.ConditionVerified)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == e.old.Generation &&
		e.old.Status.CanonicalName == string(l.Canonical) && slices.Contains(e.old.Spec.Domains, string(l.Domain))
}
