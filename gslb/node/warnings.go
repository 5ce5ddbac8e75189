package node

import (
	"slices"

	"tidegate.dev/tidegate/gslb/plan"
)

// maxWarnings bounds how many warnings a status lists.
const maxWarnings = 100

// warningsOf are what an operator should look at, though it is served all the same: in a world file, and in the geo data.
// Of the lines that a hub's map declares it has none: the hub tells them where its objects are.
func warningsOf(trusted bool, compiled *plan.Compiled) (list []string) {
	if len(compiled.UnknownTimes) > 0 {
		list = append(list, compiled.UnknownTimes.Error())
	}
	if !trusted {
		return list
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
			n.config.Log.Warn("the map is served, but look at this", "what", w)
		}
	}
	n.status.warnings = warnings
}
