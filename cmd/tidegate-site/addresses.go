package main

import (
	"fmt"
	"net/netip"
	"strings"

	"tidegate.dev/tidegate/controlplane/site"
)

// addressSets is the -address flag.
type addressSets []site.AddressSet

// String is the flag as it could be given.
func (s *addressSets) String() string {
	var sets []string
	for _, set := range *s {
		var addrs []string
		for _, addr := range set {
			addrs = append(addrs, addr.String())
		}
		sets = append(sets, strings.Join(addrs, ","))
	}
	return strings.Join(sets, " ")
}

// Set adds one set.
func (s *addressSets) Set(value string) error {
	var set site.AddressSet
	for text := range strings.SplitSeq(value, ",") {
		addr, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("%q is not an IP address", text)
		}
		set = append(set, addr.Unmap())
	}
	*s = append(*s, set)
	return nil
}
