// Package build gets the dev cluster's programs: each is built once by the Go command and kept in a cache folder under
// a name that says its version, so that a fresh clone finds what an older one built.
//
// Only devcluster calls it. Two callers at once build once: the second waits for the first.
package build
