// Package signal holds what sites and name servers report to the hub, and how it travels.
//
// Reports are small values that carry their own sample time and a sequence number. Numbers have their unit in the name,
// and unknown is not zero: a field that was not measured is absent. Decoding treats its input as hostile.
//
// It is pure. lbagent and the site agent write SiteReports, name servers write NameServerReports, the hub reads both.
package signal
