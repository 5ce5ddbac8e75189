// Package gslb holds the nouns that both halves of Tidegate share: sites, lines, places on the earth, names, rates and
// client subnets.
//
// It stands at the bottom: every other package may import it, and it imports the standard library only. It is pure: no
// sockets, files, clocks, logs or randomness. What decides an answer is integer arithmetic, so that every architecture
// and every replay agrees.
package gslb
