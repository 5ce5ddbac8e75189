// Package placement translates between Kubernetes and the scheduler: an EdgePlacement becomes a policy, and a workload
// with its share of replicas becomes the work of a site.
//
// It stands on both sides of scheduler.Place. It is pure; the hub calls it.
package placement
