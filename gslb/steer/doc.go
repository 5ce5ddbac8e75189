// Package steer decides which endpoint answers a client.
//
// Decide is the one decision function: the name servers, explain, the simulator and replay all call it, with a snapshot
// and a query, and get the same answer on every machine, since all its arithmetic is on integers. Explain runs the same
// code and keeps the numbers that made the decision.
//
// The scope of a decision is exact: every address inside it gets the same answer from the same snapshot. Three things
// can tell clients apart: the class of their network, which gives the scope its width; and, where several near-equal
// endpoints share a class, the client's own unit (/24 or /56), which then is the scope.
//
// It is pure, takes no lock, and Decide allocates nothing.
package steer
