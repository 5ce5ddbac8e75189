package gslb

import (
	"net/netip"
	"testing"
)

func TestUnit(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.77":                "192.0.2.0/24",
		"::ffff:192.0.2.77":         "192.0.2.0/24",
		"2001:db8:1:2ff:3::1":       "2001:db8:1:200::/56",
		"fe80::1%eth0":              "fe80::/56",
		"255.255.255.255":           "255.255.255.0/24",
		"ffff:ffff:ffff:ffff::ffff": "ffff:ffff:ffff:ff00::/56",
	} {
		if got := Unit(netip.MustParseAddr(in)); got != netip.MustParsePrefix(want) {
			t.Errorf("unit of %s: %s, want %s", in, got, want)
		}
	}
	if got := Unit(netip.Addr{}); got.IsValid() {
		t.Errorf("unit of no address: %v", got)
	}
	c := ClientSubnet{Prefix: netip.MustParsePrefix("84.128.0.0/9"), FromECS: true}
	if got := c.Unit().String(); got != "84.128.0.0/24" {
		t.Errorf("unit of %s: %s", c.Prefix, got)
	}
}
