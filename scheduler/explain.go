package scheduler

import (
	"fmt"
	"strings"
)

// Explain writes the decision for a person: one line for the workload, one for each site.
func (d Decision) Explain() string {
	var b strings.Builder
	w := d.Workload
	fmt.Fprintf(&b, "%s: %d of %d replicas placed by %q", w.Name, w.Replicas-d.Unschedulable, w.Replicas, w.Policy.Name)
	if d.Problem != "" {
		fmt.Fprintf(&b, "; %s", d.Problem)
	}
	b.WriteByte('\n')
	for _, s := range d.Sites {
		fmt.Fprintf(&b, "  %-12s %4d %-6s %s\n", s.Site, s.Replicas, moved(s), s.Reason)
	}
	return b.String()
}

func moved(s SiteDecision) string {
	if s.Replicas == s.Previous {
		return ""
	}
	return fmt.Sprintf("(%+d)", s.Replicas-s.Previous)
}
