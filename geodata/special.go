package geodata

import "net/netip"

// specialPrefixes are the ranges where nobody's clients live, so that no source may place them: the registries of
// special-purpose addresses (RFC 6890), multicast, and every IPv6 address outside 2000::/3, the only part of the space
// that is handed out. An operator's override is above this list: who serves clients in 10.0.0.0/8 may say where.
//
// 6to4 (2002::/16) and Teredo (2001::/32, inside 2001::/23) are here because a database can only know their relays.
func specialPrefixes() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("192.88.99.0/24"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("224.0.0.0/3"),
		netip.MustParsePrefix("::/3"),
		netip.MustParsePrefix("2001::/23"),
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("3fff::/20"),
		netip.MustParsePrefix("4000::/2"),
		netip.MustParsePrefix("8000::/1"),
	}
}
