// Package load says how full a service is at a site, and how fast a loop may answer to that.
//
// It reads a Sample, what the site's load balancer, engines and accelerators reported, into one Level; holds the watermarks with
// their hysteresis; computes the loop's dead time and the gain that it allows; and lets new capacity in slowly. It is pure.
// gslb/loop calls it every epoch, and tests and the simulator do.
package load
