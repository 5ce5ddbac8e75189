// Package hub is the reconcile loop of the control plane: it watches intent (annotated workloads, placements, sites,
// zones) and signals (reports of sites and name servers), and makes of them work for the sites, the map for the name
// servers, and status for people.
//
// Plan is all of its thinking: a pure function of everything observed to everything that should be written. The rest
// of the package is the shell around it: one loop that observes, plans and applies the differences, at most ten times a
// second, and once a second when nothing happens. It is level-triggered: no pass depends on what the last one did, but
// only on what is observed.
//
// The status of the DomainExports is the hub's memory. What a silent site had, and what was known before a restart,
// stands until the site says otherwise. How far operators' moves are stands in the status of the TrafficShifts.
//
// cmd/tidegate-hub runs it under leader election; one Loop writes at a time.
package hub
