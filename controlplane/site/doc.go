// Package site is the pull agent: it makes a site run what the hub gives it, and says how that goes.
//
// Work comes from the bus (the site only ever connects outwards), is kept on disk, and is applied to the site's own
// cluster. What the cluster then runs decides what the load balancer serves and what the site reports, once a second
// and at once when it changes:
//
//	bus --inventory, bundles--> Keep (disk) --objects--> Cluster
//	                                 |                      | pods, nodes
//	                                 '--> Plan <------------'
//	                                        |--> lb.Driver       within 100 ms of a change
//	                                        '--> SiteReport --> bus
//
// Plan and the claims on addresses are pure; Agent is the shell around them. Losing the bus, the hub or the site's own
// API server takes nothing away: only a newer inventory does. Before pods were seen, the load balancer is left as it is.
//
// cmd/tidegate-site wires an Agent to gslb/bus, to the package cluster below, and to a driver of lbagent/lb.
package site
