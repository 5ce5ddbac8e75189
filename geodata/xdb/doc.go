// Package xdb reads the files of ip2region (https://github.com/lionsoul2014/ip2region): versions 2 and 3 of the xdb
// format, with IPv4 or IPv6 networks, their country, their province for China, and their ISP, which gives the line.
//
// It stands between a file and a stream of geodata, beside geodata/mmdb; geodata/load calls it. It walks over the list
// of segments from beginning to end and takes each distinct text apart once; the index by which a searcher finds a
// segment is left alone. A file for IPv6 has 650 MB, so it is read in pieces, through an io.ReaderAt. The package is
// pure: whoever has a file opens it.
//
// # Format
//
// Numbers are little-endian. The vendor's maker writes:
//
//	256 bytes  head: version (2 bytes), index policy (2), seconds since 1970 (4), where the first segment (4) and the
//	           last one (4) begin; from version 3 on: 4 or 6 for the family (2), bytes of a position (2)
//	512 KiB    index of the segments by an address's first two bytes
//	...        texts, one after the other
//	...        segments, in ascending order: first and last address, bytes of the text (2), where it begins (4)
//
// An IPv4 address is a number; an IPv6 address is in network order.
//
// # Texts
//
// Version 2 has country|area|province|city|ISP, in Chinese throughout; so may version 3, which since 2026 has
// country|province|city|ISP|code with the ISO 3166-1 code of the country, and in between had it without the code. What is
// not known is empty or 0.
package xdb
