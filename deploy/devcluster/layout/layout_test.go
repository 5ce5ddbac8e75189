package layout

import (
	"net/netip"
	"testing"
)

func TestHostsAreDistinctAndInRange(t *testing.T) {
	for _, mode := range []Mode{Netns, Loopback} {
		seen := map[netip.Addr]string{}
		for _, h := range New(mode).Hosts {
			for _, a := range append([]netip.Addr{h.Addr}, h.More...) {
				if other, dup := seen[a]; dup {
					t.Errorf("%s: %s and %s both have %s", mode, h.Name, other, a)
				}
				seen[a] = h.Name
				if mode == Netns && !Hosts4.Contains(a) {
					t.Errorf("%s: %s is outside %s", h.Name, a, Hosts4)
				}
				if mode == Loopback && !a.IsLoopback() {
					t.Errorf("%s: %s is no loopback address", h.Name, a)
				}
			}
			if mode == Netns && !Hosts6.Contains(h.Addr6) {
				t.Errorf("%s: %s is outside %s", h.Name, h.Addr6, Hosts6)
			}
			if len(h.Veth()) > 15 {
				t.Errorf("%s: interface name %s is too long for the kernel", h.Name, h.Veth())
			}
		}
	}
}

func TestClusterRangesDoNotOverlap(t *testing.T) {
	var all []netip.Prefix
	for _, h := range New(Netns).Clusters() {
		for _, p := range []netip.Prefix{h.Pods, h.Services} {
			if p != p.Masked() || !Range4.Contains(p.Addr()) || Hosts4.Overlaps(p) {
				t.Errorf("%s: bad range %s", h.Name, p)
			}
			for _, q := range all {
				if p.Overlaps(q) {
					t.Errorf("%s: %s overlaps %s", h.Name, p, q)
				}
			}
			all = append(all, p)
		}
	}
	if len(all) != 8 {
		t.Errorf("%d ranges for a hub and three sites", len(all))
	}
}

func TestKnownAddresses(t *testing.T) {
	for host, want := range map[string]string{
		"hub": "198.18.0.10 fd74:6964:6567::10", "ns1": "198.18.0.53 fd74:6964:6567::53", "ns2": "198.18.0.54 fd74:6964:6567::54",
		"fra": "198.18.1.1 fd74:6964:6567::1:1", "pek": "198.18.2.1 fd74:6964:6567::2:1", "iad": "198.18.3.1 fd74:6964:6567::3:1",
		"client": "198.18.0.100 fd74:6964:6567::100",
	} {
		h := New(Netns).Must(host)
		if got := h.Addr.String() + " " + h.Addr6.String(); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
	if got := New(Loopback).Must("pek").At(PortAPIServer); got != "127.18.2.1:6443" {
		t.Errorf("pek in loopback mode: %s", got)
	}
}

func TestUnknownHostNamesTheKnownOnes(t *testing.T) {
	if _, err := New(Netns).Host("lhr"); err == nil {
		t.Error("an unknown host was found")
	}
}
