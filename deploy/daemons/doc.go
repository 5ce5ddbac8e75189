// Package daemons puts Tidegate itself on a running dev cluster: the hub, a site agent at each site, two name servers,
// and the sample workload. It does what an operator would do, with the same commands: apply the CRDs, describe zone
// and sites, make one-time tokens, enrol, start. The dev command calls it after package devcluster is up; end-to-end
// tests and benches use its names and ports.
package daemons
