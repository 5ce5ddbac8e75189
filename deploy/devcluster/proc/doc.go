// Package proc starts, finds and ends the dev cluster's processes.
//
// A process belongs to a run, which is a folder. It gets a session of its own (so that it outlives the program that
// started it), a log file, and a record with its pid and its start time. Only what a record names, or what carries the
// run's mark in its environment, is ever signalled: a pid alone may be somebody else's by now, and a name always may.
//
// Nothing here restarts anything: what died stays dead until somebody starts it, so that drills see what a crash does.
//
// Callers are the dev cluster's packages; a Runner's methods may be called from several goroutines for different names.
package proc
