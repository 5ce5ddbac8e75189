package hub

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// declaresLine says that a Site's addresses are of a line because its operator says so. Line default says that they are of
// none, which no table contradicts.
func declaresLine(s *v1alpha1.Site) bool {
	line := addressLine(s)
	return line != gslb.NoLine && line != gslb.DefaultLine
}

// lineConfirmed holds the declared line against what the geo table knows of the site's addresses. There is nothing to say
// where no line is declared or none is known; without a table, or while no address is known, it stays as it was.
func (s *site) lineConfirmed(table *geodata.Table) *metav1.Condition {
	if !declaresLine(s.object) {
		return nil
	}
	addresses := s.addresses()
	if table == nil || len(addresses) == 0 {
		return meta.FindStatusCondition(s.object.Status.Conditions, v1alpha1.ConditionLineConfirmed)
	}
	declared, confirmed := addressLine(s.object), false
	var others []string
	for _, addr := range addresses {
		switch known := plan.LineOf(table, addr); known {
		case gslb.NoLine:
		case declared:
			confirmed = true
		default:
			others = append(others, fmt.Sprintf("%s on %s", addr, known))
		}
	}
	switch {
	case len(others) > 0:
		return &metav1.Condition{Type: v1alpha1.ConditionLineConfirmed, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonLineContradicted,
			Message: fmt.Sprintf("spec.lines says %s and the geo data has %s: %s is used; correct spec.lines, or leave it out and the line is looked up",
				declared, strings.Join(others, ", "), declared)}
	case confirmed:
		return &metav1.Condition{Type: v1alpha1.ConditionLineConfirmed, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonLineConfirmed,
			Message: fmt.Sprintf("the geo data has the site's addresses on %s", declared)}
	}
	return nil
}

// addresses are where the site's load balancer serves, sorted, each once.
func (s *site) addresses() (list []netip.Addr) {
	for _, service := range s.services {
		list = append(list, service.Addresses...)
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}
