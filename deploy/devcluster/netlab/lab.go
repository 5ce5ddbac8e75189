package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

// inside is the name of a host's interface in its own namespace.
const inside = "eth0"

// aliasPrefix starts the bridge's alias; the owner's run folder follows.
const aliasPrefix = "tidegate dev cluster "

// Lab is the network of one run.
type Lab struct {
	plan layout.Plan
	run  string
}

// New makes the handle of a run's network; nothing is created yet.
func New(plan layout.Plan, run string) *Lab {
	return &Lab{plan: plan, run: run}
}

// Owner is the run folder that owns the bridge on this machine; empty if there is no bridge.
func Owner() (string, error) {
	link, err := netlink.LinkByName(layout.Bridge)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for bridge %s: %w", layout.Bridge, err)
	}
	owner, ours := strings.CutPrefix(link.Attrs().Alias, aliasPrefix)
	if !ours {
		return "", fmt.Errorf("there is an interface %s that is not Tidegate's: rename or remove it", layout.Bridge)
	}
	return owner, nil
}

// Create makes guard, bridge and hosts.
func (l *Lab) Create() error {
	if err := addGuard(); err != nil {
		return err
	}
	bridge, err := l.addBridge()
	if err != nil {
		return fmt.Errorf("bridge %s: %w", layout.Bridge, err)
	}
	for _, h := range l.plan.Hosts {
		if err := addHost(h, bridge); err != nil {
			return fmt.Errorf("host %s: %w", h.Name, err)
		}
	}
	return nil
}

func (l *Lab) addBridge() (netlink.Link, error) {
	bridge, err := l.makeBridge()
	if err != nil {
		return nil, err
	}
	if err := addAddress(bridge, layout.Bridge4, layout.Hosts4.Bits()); err != nil {
		return nil, err
	}
	if HasIPv6() {
		if err := addAddress(bridge, layout.Bridge6, layout.Hosts6.Bits()); err != nil {
			return nil, err
		}
	}
	return bridge, netlink.LinkSetUp(bridge)
}

// makeBridge gives the bridge its name only when it has its alias: interrupted before that, it has a name that Remove
// knows as ours, and never one that could be somebody else's bridge.
func (l *Lab) makeBridge() (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = layout.VethPrefix + "new"
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return nil, err
	}
	bridge, err := netlink.LinkByName(attrs.Name)
	if err != nil {
		return nil, err
	}
	if err := netlink.LinkSetAlias(bridge, aliasPrefix+l.run); err != nil {
		return nil, err
	}
	return bridge, netlink.LinkSetName(bridge, layout.Bridge)
}

func addAddress(link netlink.Link, addr netip.Addr, bits int) error {
	a := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(addr, bits))}
	if addr.Is6() {
		a.Flags = unix.IFA_F_NODAD // usable at once
	}
	if err := netlink.AddrReplace(link, a); err != nil {
		return fmt.Errorf("address %s: %w", addr, err)
	}
	return nil
}

func addHost(h layout.Host, bridge netlink.Link) error {
	if err := makeNetns(h.Netns()); err != nil {
		return err
	}
	if err := addVeth(h, bridge); err != nil {
		return err
	}
	return in(h.Netns(), func() error { return configure(h) })
}

func addVeth(h layout.Host, bridge netlink.Link) error {
	ns, err := os.Open(nsPath(h.Netns()))
	if err != nil {
		return err
	}
	defer ns.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = h.Veth()
	attrs.MasterIndex = bridge.Attrs().Index
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: inside, PeerNamespace: netlink.NsFd(ns.Fd())}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("link %s: %w", h.Veth(), err)
	}
	return netlink.LinkSetUp(veth)
}

// configure runs inside the host's namespace.
func configure(h layout.Host) error {
	for _, name := range []string{"lo", inside} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
	}
	link, err := netlink.LinkByName(inside)
	if err != nil {
		return err
	}
	if err := addAddresses(link, h); err != nil {
		return err
	}
	if h.Kind != layout.Site {
		return nil
	}
	return configureSite(link, h)
}

func addAddresses(link netlink.Link, h layout.Host) error {
	for _, addr := range append([]netip.Addr{h.Addr}, h.More...) {
		if err := addAddress(link, addr, layout.Hosts4.Bits()); err != nil {
			return err
		}
	}
	if !HasIPv6() {
		return nil
	}
	for _, addr := range append(slices.Clone(h.More6), h.Addr6) { // the last is what the host speaks from
		if err := addAddress(link, addr, layout.Hosts6.Bits()); err != nil {
			return err
		}
	}
	return nil
}

// configureSite lets the site forward to its pods, and gives its own programs a route to the Service addresses: they
// are translated on their way out, but the kernel wants a route before it looks at that. Nobody answers behind it.
func configureSite(link netlink.Link, h layout.Host) error {
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		return err
	}
	route := &netlink.Route{Dst: ipNet(h.Services), LinkIndex: link.Attrs().Index, Scope: netlink.SCOPE_LINK, Src: h.Addr.AsSlice()}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("route to Services %s: %w", h.Services, err)
	}
	return nil
}

// Cut takes the host's link down at the bridge; everything inside the host goes on.
func (l *Lab) Cut(host string) error { return l.setLink(host, netlink.LinkSetDown) }

// Heal takes it up again.
func (l *Lab) Heal(host string) error { return l.setLink(host, netlink.LinkSetUp) }

func (l *Lab) setLink(host string, set func(netlink.Link) error) error {
	h, err := l.plan.Host(host)
	if err != nil {
		return err
	}
	link, err := netlink.LinkByName(h.Veth())
	if err != nil {
		return fmt.Errorf("the link of %s: %w", host, err)
	}
	return set(link)
}

// IsCut says whether the host's link is down.
func (l *Lab) IsCut(host string) bool {
	link, err := netlink.LinkByName(layout.VethPrefix + host)
	return err == nil && link.Attrs().RawFlags&unix.IFF_UP == 0
}

// In runs f on a thread inside the host's network. Sockets and processes that f opens stay there; goroutines that f
// starts do not, so f dials literal addresses only.
func (l *Lab) In(host string, f func() error) error {
	h, err := l.plan.Host(host)
	if err != nil {
		return err
	}
	return in(h.Netns(), f)
}
