// Package sim simulates clients, caching resolvers, sites and failures, and steers them with the production packages or
// with a peer's rule.
//
// Where it stands: a Population is drawn from a geo table, sites stand where clients are, and a Steerer answers the
// resolvers. Production is the one that runs gslb/loop, gslb/plan, gslb/world, gslb/health and gslb/steer as the hub and
// the name servers do; the package baseline has the rules of other traffic managers. Tests, benches and the what-if of a
// shift call it; no daemon does.
//
// The model is fluid and steps by one second. An asker is one cache entry: that of a client network at a resolver that
// sends the EDNS client subnet, or that of one cache of a resolver that sends none. It is busy enough to ask again in the
// second in which its entry expires. Its clients' demand follows the local time of day and the scenario. The load of a
// site approaches the demand of the askers whose entry names it, as connections end and open. What a site cannot serve
// waits, and what cannot wait fails. Sites report once a second; the reports may be late, lost, frozen or wrong.
//
// It is pure, and deterministic by seed: every purpose draws from a stream of its own. Requests are floating-point
// numbers, since they are what is simulated; what decides an answer is not.
package sim
