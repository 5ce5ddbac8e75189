// Package cname watches where domains outside our zones lead: their owners point them, by a CNAME, at the canonical name
// of an export. The hub's loop says which domains it wants to know of (Checker.Want) and reads what is known
// (Checker.LeadsTo); look-ups run beside the loop, a few at once and each with a deadline, and wake it when an answer is
// another than before.
//
// schedule decides what is asked when: a pure value, to which time comes as an argument. A Checker's methods may be called
// from several goroutines.
package cname
