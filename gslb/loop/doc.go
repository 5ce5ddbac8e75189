// Package loop is one turn of the control loop of one service: what sites report goes in, the shares of every demand class come
// out.
//
// A turn has two parts. Feed-forward: the demand of each class is estimated from the answers that name servers gave and the rates
// that load balancers measured; gslb/solve assigns it to the sites' capacity below their high marks, and what comes out goes to
// the name servers at once, as far as the ramp guard lets it. Feedback: where a site turns out fuller than its load says,
// its capacity is corrected, by no more of the error in each dead time than cannot oscillate (gslb/load).
//
// It is pure. The hub's leader calls Step every Epoch for every service, a name server with a world file does in its own process,
// and so does the simulator. State goes from one Step to the next; it may be lost, and is then learnt again.
package loop
