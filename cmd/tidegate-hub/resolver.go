package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
)

// newResolver asks one DNS server. Its port is 53 unless the address says otherwise.
func newResolver(address string) (*net.Resolver, error) {
	server, err := netip.ParseAddrPort(address)
	if err != nil {
		var addr netip.Addr
		addr, err = netip.ParseAddr(strings.Trim(address, "[]"))
		server = netip.AddrPortFrom(addr, 53)
	}
	if err != nil {
		return nil, errors.New("want the IP address of a DNS server, such as 192.0.2.53 or [2001:db8::53]:5353")
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.String())
	}
	return &net.Resolver{PreferGo: true, Dial: dial}, nil // the C library's does not take a server
}
