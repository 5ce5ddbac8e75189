// Package steer decides which endpoint answers a client.
//
// Decide is the one decision function: the name servers, explain, the simulator and replay all call it, with a snapshot
// and a query, and get the same answer on every machine, since all its arithmetic is on integers. Explain runs the same
// code and keeps the numbers that made the decision.
//
// Where the map splits the client's demand class, the shares of the class decide, among its sites that are up, not drained
// and with capacity; elsewhere, and where none of them is, tiers and capacity do.
//
// Where no endpoint is eligible, the policy says what answers: all of them, those that were eligible last, as the snapshot
// remembers, addresses of a fallback, or nobody.
//
// The scope of a decision is exact: every address inside it gets the same answer from the same snapshot. Three things
// can tell clients apart: the class of their network, which gives the scope its width; where several sites share a split
// class, the unit that carries at most 1/256 of its demand; and where several near-equal endpoints share another class,
// the client's own /24 or /56. The unit then is the scope, unless the class is narrower.
//
// It is pure, takes no lock, and Decide allocates nothing.
package steer
