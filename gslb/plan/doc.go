// Package plan turns a description of the world into what name servers serve.
//
// The hub (or a world file) describes sites, zones and services in a Map. A Map travels as a content-addressed object
// beside a small signed Head; Accept holds the guards that a name server applies before it swaps. Compile joins an
// accepted Map with a geo table into lookup structures: names, and for every steering method and set of sites the
// class of each client network with its widest correct scope.
//
// It is pure: the hub, the name server, the simulator and explain all call it, and all get the same result.
package plan
