// Package scheduler decides how many replicas of a workload each site runs.
//
// It stands between intent and work: the hub turns its objects and the sites' reports into a snapshot (Site, Workload),
// Place returns a Decision, and controlplane/placement writes that down as work for each site. A Ledger keeps several
// workloads of one round from taking the same room.
//
// It is pure and knows no Kubernetes: equal inputs give equal decisions, on every machine. Any caller may use it from
// any goroutine; nothing is shared.
package scheduler
