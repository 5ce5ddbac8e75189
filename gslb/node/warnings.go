package node

import (
	"slices"

	"tidegate.dev/tidegate/gslb/plan"
)

// maxWarnings bounds how many warnings a status lists.
const maxWarnings = 100

// warningsOf are what an operator should look at in a world file that is served all the same. A hub's map has none: the
// hub tells them where its objects are.
func warningsOf(trusted bool, compiled *plan.Compiled) (list []string) {
	if !trusted {
		return nil
	}
	for _, c := range compiled.Map.Contradictions(compiled.Geo.Table, maxWarnings) {
		list = append(list, c.String())
	}
	return list
}

// warn puts warnings into the status and logs those that are new.
func (n *Node) warn(warnings []string) {
	n.status.mu.Lock()
	defer n.status.mu.Unlock()
	for _, w := range warnings {
		if !slices.Contains(n.status.warnings, w) {
			n.config.Log.Warn("the world file is served, but look at this", "what", w)
		}
	}
	n.status.warnings = warnings
}
