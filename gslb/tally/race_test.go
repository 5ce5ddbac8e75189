//go:build race

package tally

// The race detector makes an atomic operation ten times as slow: everything is a sixteenth as large.
const scaleBits = 4
