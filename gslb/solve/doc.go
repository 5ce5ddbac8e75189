// Package solve assigns the demand of client classes to sites at the least cost: one service's assignment problem.
//
// It stands between demand and the map. gslb/loop asks every 15 s which share of each demand class goes to which site,
// with what the sites can take at their watermarks as limits; gslb/sim asks the same on a simulated world, and the
// scheduler before it moves replicas. Name servers never call it: they read shares.
//
// The problem is a minimum-cost flow: classes send their demand over edges to sites, and sites send what arrives over
// steps of rising cost to one sink. It is solved exactly, by the network simplex (Ahuja, Magnanti and Orlin, "Network
// Flows", 1993, chapter 11), with strongly feasible trees, which cannot cycle (Cunningham, "A network simplex method",
// 1976), and block search for the arc to enter. What the sites cannot take is overload. It comes in steps as well, each
// dearer than any detour, so that as little as possible is overloaded, and the sites that clients can be sent to share
// it in proportion to their limits. No class goes unserved.
//
// Arithmetic is on integers. Rates are counted in equal parts of a milli-RPS (see units), never rounded, so the answer
// is the optimum of the problem as given, and costs are summed up in 128 bits. Potentials stay below 2^53: see
// overloadPrice. What is rounded is the shares: to ten-thousandths, so that a site's part of a class is within one
// ten-thousandth of its flow. Which sites get the rest is chosen so that small ones are not put over their limits.
//
// It is pure, and a Solver is for one goroutine.
package solve
