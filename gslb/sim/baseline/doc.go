// Package baseline has the published rules of other traffic managers, each as a sim.Steerer: what Tidegate is compared
// with on the same clients, resolvers, sites and failures.
//
// A rule is what the peer documents, no better and no worse; where its documents are silent, the choice stands at the
// rule and flatters the peer. All of them know the distances that Tidegate knows, and all answer one site at a time with
// the TTL that they are given. None is told what the sites truly carry: they see reports and probes.
//
// It is pure. Tests and benches of steering call it.
package baseline
