// Package tidegate is the CoreDNS plugin that answers for the zones of the world.
//
// It stands at the edge: it turns a DNS query into a steer.Query, asks steer.Decide on the current snapshot, and turns
// the decision into a message. Static records of a zone come from CoreDNS' own zone engine (plugin/file), as a library.
// The node behind it (gslb/node) follows the map and the probes; the plugin only reads its Store. The query path takes
// no lock.
package tidegate
