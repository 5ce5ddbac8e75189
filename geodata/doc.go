// Package geodata is the immutable table that says where an address is: prefix to place (a location, a country, a region,
// an ISP line, and the round-trip times that were measured to sites). For the addresses of known resolvers it also says
// where their clients are.
//
// It stands between the databases and the decisions. geodata/load and geodata/embedded make a Table, the compiler in
// gslb/plan folds its places into client classes, and the name server's query path calls Lookup. Every package above
// gslb may import it. It is pure: no sockets, files, clocks, logs or randomness; those who read files are below it.
//
// Resolution: Tidegate decides on networks no longer than /24 and /56 (gslb.MaxBits4, gslb.MaxBits6), so a table
// holds one place for each of those and nothing finer. The package calls such a network a unit. Resolvers are told apart
// by address, as no answer to them has a scope.
//
// Concurrency: a Table never changes after Build or Decode, so any number of goroutines may use it. A Builder belongs
// to one goroutine.
package geodata
