// Package mmdb makes a geodata.Table of the databases that an operator has: MaxMind DB files of the GeoIP2 schema
// (GeoIP2 and GeoLite2 City, Country, ASN and ISP) and of DB-IP's flat schema, and ASN lists as CSV.
//
// It stands beside geodata and reads files, which geodata itself must not. geodata/load calls it among the readers of
// other kinds; the generator of geodata/embedded reads its sources here. It keeps no state and no file open.
package mmdb
