// Package operator reads what an operator says of networks: overrides of places, known resolvers, and measured
// round-trip times, in a YAML file.
//
//	overrides:
//	- {prefix: 203.0.113.0/24, location: {lat: 50.11, lon: 8.68}, country: DE, region: DE-HE, line: telecom}
//	- {prefix: 10.0.0.0/8, line: internal}
//	resolvers:          # where the clients of the resolvers in a network are
//	- {prefix: 172.253.0.0/26, location: {lat: 1.35, lon: 103.82}, country: SG}
//	resolverFeeds:      # geofeeds (RFC 8805) of resolvers, beside this file
//	- public-dns.csv
//	rtt:                # measured from clients in a network: site, milliseconds
//	- {prefix: 198.51.100.0/24, sites: {fra: 12, pek: 180}}
//
// It stands between the file and geodata.Builder; geodata/load reads the file and calls Parse. Parse returns what the
// file says or an error that names every wrong line and what is wanted there. Where two networks of one list overlap, the
// longer prefix counts, wherever it stands; of a place it has what it does not say itself from the network around it. The
// package is pure.
package operator
