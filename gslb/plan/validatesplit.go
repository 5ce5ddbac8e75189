package plan

import (
	"fmt"
	"net/netip"
	"strings"

	"tidegate.dev/tidegate/gslb"
)

// classKeyDigits is the length of a ClassKey.
const classKeyDigits = 16

func (v *validator) splits(path string, splits []Split) {
	if len(splits) > MaxDemandClasses {
		v.fail(path+".splits", "%d splits, the limit is %d", len(splits), MaxDemandClasses)
	}
	for i, s := range splits {
		at := fmt.Sprintf("%s.splits[%d]", path, i)
		if len(s.Class) != classKeyDigits || strings.Trim(string(s.Class), "0123456789abcdef") != "" {
			v.fail(at+".class", "%q, want 16 hexadecimal digits", s.Class)
		}
		if i > 0 && s.Class <= splits[i-1].Class {
			v.fail(at+".class", "%s comes twice, or not in order", s.Class)
		}
		v.shares(at, s.Shares)
	}
}

func (v *validator) shares(path string, shares []SiteShare) {
	sum := int64(0)
	for i, s := range shares {
		at := fmt.Sprintf("%s.shares[%d]", path, i)
		if !v.sites[s.Site] {
			v.fail(at+".site", "no site is called %q: add it to sites", s.Site)
		}
		if i > 0 && s.Site <= shares[i-1].Site {
			v.fail(at+".site", "site %q comes twice, or not in order", s.Site)
		}
		if s.Share <= 0 || s.Share > gslb.WholeShare {
			v.fail(at+".share", "%d, want 1 to %d", s.Share, gslb.WholeShare)
		}
		sum += int64(s.Share)
	}
	if sum != int64(gslb.WholeShare) {
		v.fail(path+".shares", "they sum to %d, want %d", sum, gslb.WholeShare)
	}
}

func (v *validator) heavyResolvers(list []netip.Addr) {
	if len(list) > MaxHeavyResolvers {
		v.fail("heavyResolvers", "%d resolvers, the limit is %d", len(list), MaxHeavyResolvers)
	}
	for i, addr := range list {
		at := fmt.Sprintf("heavyResolvers[%d]", i)
		if !unicast(addr) {
			v.fail(at, "%v is no resolver's address: want a unicast IPv4 or IPv6 address", addr)
		}
		if i > 0 && addr.Compare(list[i-1]) <= 0 {
			v.fail(at, "%v comes twice, or not in order", addr)
		}
	}
}
