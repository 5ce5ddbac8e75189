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

func TestClientTakesIPv4OutOfItsCarrier(t *testing.T) {
	for in, want := range map[string]ClientSubnet{
		"84.128.7.0/24":                {Prefix: netip.MustParsePrefix("84.128.7.0/24")},
		"2001:db8::/48":                {Prefix: netip.MustParsePrefix("2001:db8::/48")},
		"64:ff9b::5480:700/120":        {Prefix: netip.MustParsePrefix("84.128.7.0/24"), CarrierBits: 96},
		"::ffff:84.128.7.9/128":        {Prefix: netip.MustParsePrefix("84.128.7.9/32"), CarrierBits: 96},
		"::ffff:0:0/96":                {Prefix: netip.MustParsePrefix("0.0.0.0/0"), CarrierBits: 96},
		"64:ff9b::/95":                 {Prefix: netip.MustParsePrefix("0.0.0.0/0"), CarrierBits: 96},
		"64:ff9b::/56":                 {Prefix: netip.MustParsePrefix("0.0.0.0/0"), CarrierBits: 96},
		"64:ff9b::/32":                 {Prefix: netip.MustParsePrefix("0.0.0.0/0"), CarrierBits: 96},
		"64:ff9a::/31":                 {Prefix: netip.MustParsePrefix("64:ff9a::/31")},
		"::ffff:0:0/95":                {Prefix: netip.MustParsePrefix("::fffe:0:0/95")},
		"::/0":                         {Prefix: netip.MustParsePrefix("::/0")},
		"64:ff9b:1::5480:700/120":      {Prefix: netip.MustParsePrefix("64:ff9b:1::5480:700/120")},
		"64:ff9b::1:5480:700/120":      {Prefix: netip.MustParsePrefix("64:ff9b::1:5480:700/120")},
		"::84.128.7.0/120":             {Prefix: netip.MustParsePrefix("::84.128.7.0/120")},
		"64:ff9b::ffff:ffff/128":       {Prefix: netip.MustParsePrefix("255.255.255.255/32"), CarrierBits: 96},
		"2001:db8:0:ffff::1.2.3.4/128": {Prefix: netip.MustParsePrefix("2001:db8:0:ffff::102:304/128")},
	} {
		if got := Client(netip.MustParsePrefix(in), false); got != want {
			t.Errorf("%s: %+v, want %+v", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"84.128.7.9": "84.128.7.9/32", "::ffff:84.128.7.9": "84.128.7.9/32", "64:ff9b::84.128.7.9": "84.128.7.9/32",
		"2001:db8:1:2ff::1": "2001:db8:1:2ff::1/128", "fe80::1%eth0": "fe80::1/128",
	} {
		if got := Resolver(netip.MustParseAddr(in)).Prefix.String(); got != want {
			t.Errorf("resolver %s: %s, want %s", in, got, want)
		}
	}
}

// Beside a carrier a /56 is too wide: what the carrier's addresses get goes by the IPv4 ones in them.
func TestUnitHoldsNoCarrier(t *testing.T) {
	for in, want := range map[string]string{
		"::/56": "::/81", "::1/128": "::/81", "::8000:0:0/81": "::8000:0:0/82", "::fffe:1:2/128": "::fffe:0:0/96",
		"::ffff:84.128.7.9/128": "84.128.7.0/24", "::1:0:0:0/128": "::1:0:0:0/80", "0:0:0:100::1/128": "0:0:0:100::/56",
		"64:ff9b::/48": "0.0.0.0/24", "64:ff9b::5480:709/128": "84.128.7.0/24", "64:ff9b::1:5480:709/128": "64:ff9b:0:0:0:1::/96",
		"64:ff9b:0:0:1::/80": "64:ff9b:0:0:1::/80", "64:ff9b:0:100::/56": "64:ff9b:0:100::/56",
	} {
		client := Client(netip.MustParsePrefix(in), true)
		if got := client.Unit(); got != netip.MustParsePrefix(want) {
			t.Errorf("unit of %s: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"0:0:0:100::/56": "0:0:0:100::/56", "0:0:1::/56": "0:0:1::/48", "64:ff9b:0:4000::/56": "64:ff9b:0:4000::/50",
		"::1/128": "::/81", "2001:db8:1:2ff::/64": "2001:db8:1::/48",
	} {
		if got := Client(netip.MustParsePrefix(in), true).Around(48); got != netip.MustParsePrefix(want) {
			t.Errorf("/48 around %s: %s, want %s", in, got, want)
		}
	}
}
