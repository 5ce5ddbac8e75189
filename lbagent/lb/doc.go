// Package lb says what a site's load balancer shall serve and what it can tell about itself.
//
// It stands between controlplane/site, which derives a Config from the site's work and pods, and the drivers below it
// (haproxy, later others), which make a real load balancer serve exactly that. Config is the whole state, never a change
// to it: a driver compares it with what runs. The values here are pure; only drivers do I/O. A Config is not changed
// after it was handed to a driver.
package lb
