// Package netlab makes the dev cluster's network: a network namespace for each host, all on one bridge.
//
// The machine's own network stays as it was. A guard comes first and goes last: routes that make the whole range
// unreachable, so that no packet for a host leaves by the machine's default route while the bridge is not there.
// Hosts have no default route at all, and packets are forwarded inside namespaces only.
//
// What it makes is found again by its names (layout.Bridge, layout.VethPrefix, Host.Netns), so that Remove also
// clears what an interrupted Create left. The bridge's alias says which run owns it: there is one per machine.
//
// It needs root. Only devcluster calls it.
package netlab
