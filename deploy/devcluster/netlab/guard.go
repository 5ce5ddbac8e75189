package netlab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

// guardMetric is worse than any real route's, so the bridge's own routes win while they exist.
const guardMetric = 4000

// HasIPv6 says whether the machine's kernel does IPv6.
func HasIPv6() bool {
	data, err := os.ReadFile("/proc/sys/net/ipv6/conf/all/disable_ipv6")
	return err == nil && strings.TrimSpace(string(data)) == "0"
}

func guardRoutes() []*netlink.Route {
	routes := []*netlink.Route{{Dst: ipNet(layout.Range4), Type: unix.RTN_UNREACHABLE, Priority: guardMetric}}
	if HasIPv6() {
		routes = append(routes, &netlink.Route{Dst: ipNet(layout.Range6), Type: unix.RTN_UNREACHABLE, Priority: guardMetric})
	}
	return routes
}

func addGuard() error {
	for _, route := range guardRoutes() {
		if err := netlink.RouteReplace(route); err != nil {
			return fmt.Errorf("guard route for %s: %w", route.Dst, err)
		}
	}
	return nil
}

func removeGuard() error {
	for _, route := range guardRoutes() {
		if err := netlink.RouteDel(route); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("remove the guard route for %s: %w", route.Dst, err)
		}
	}
	return nil
}

// ForeignRoutes lists the machine's routes inside our ranges that are not ours: somebody here uses these addresses.
func ForeignRoutes() ([]string, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var foreign []string
	for _, route := range routes {
		dst, ok := prefix(route.Dst)
		if !ok || dst.Bits() == 0 || !layout.Range4.Overlaps(dst) && !layout.Range6.Overlaps(dst) {
			continue
		}
		if route.Priority != guardMetric && linkName(route.LinkIndex) != layout.Bridge {
			foreign = append(foreign, route.String())
		}
	}
	return foreign, nil
}

func linkName(index int) string {
	link, err := netlink.LinkByIndex(index)
	if err != nil {
		return ""
	}
	return link.Attrs().Name
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func prefix(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), bits), ok
}
