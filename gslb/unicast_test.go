package gslb

import (
	"net/netip"
	"testing"
)

func TestUnicast(t *testing.T) {
	for text, want := range map[string]bool{
		"192.0.2.1": true, "2001:db8::1": true, "127.0.0.1": true,
		"0.0.0.0": false, "::": false, "224.0.0.1": false, "ff02::1": false, "fe80::1%eth0": false, "::ffff:192.0.2.1": false,
	} {
		if got := Unicast(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if Unicast(netip.Addr{}) {
		t.Error("no address is one")
	}
}
