// Package layout is the dev cluster's floor plan: which hosts there are, their addresses, ports and address ranges.
// It is pure: values in, values out. Every other package of the dev cluster reads it, and the end-to-end tests do.
//
// A host is a network namespace on one bridge, or, without root, a loopback address of its own. Programs and ports
// are the same in both, so that what a test learns in one holds in the other.
package layout

import (
	"fmt"
	"net/netip"
	"slices"
)

// Mode says what a host is made of.
type Mode string

const (
	// Netns gives each host a network namespace, and each site a real node. It needs root.
	Netns Mode = "netns"
	// Loopback gives each host an address of 127.18.0.0/16, and each site fake nodes (kwok). It needs no rights.
	Loopback Mode = "loopback"
)

// Kind says what a host is for.
type Kind string

const (
	// Hub has the control plane where intent is written; it has no nodes.
	Hub Kind = "hub"
	// Site has a control plane of its own, one node and a load balancer.
	Site Kind = "site"
	// Plain hosts run single programs: name servers, the registry, clients.
	Plain Kind = "plain"
)

// Ports of the dev cluster's own programs. All of them are unprivileged.
const (
	PortAPIServer         = 6443
	PortEtcdClient        = 2379
	PortEtcdPeer          = 2380
	PortControllerManager = 10257
	PortScheduler         = 10259
	PortKubelet           = 10250
	PortKubeletHealth     = 10248
	PortProxyMetrics      = 10249
	PortProxyHealth       = 10256
	PortKwok              = 10247
	PortRegistry          = 5000
)

// Names and ranges that mark what is ours on a machine. Down looks for leftovers by them.
const (
	Bridge        = "tg0"
	NamePrefix    = "tg-" // of namespaces and cgroups; a host's name follows
	VethPrefix    = "tgv-"
	ImageRegistry = "registry.edge.example" // what image references say; nodes are told the registry's real address
)

var (
	// Range4 is RFC 2544's benchmark range: nobody's real network. Hosts are in its lower half, pods and Services
	// in the upper half.
	Range4 = netip.MustParsePrefix("198.18.0.0/15")
	// Hosts4 is the part of Range4 that is on the bridge.
	Hosts4 = netip.MustParsePrefix("198.18.0.0/16")
	// Range6 is our unique local range; Hosts6 is the part that is on the bridge.
	Range6 = netip.MustParsePrefix("fd74:6964:6567::/48")
	Hosts6 = netip.MustParsePrefix("fd74:6964:6567::/64")
	// Bridge4 and Bridge6 are the machine's own addresses on the bridge.
	Bridge4 = netip.MustParseAddr("198.18.0.1")
	Bridge6 = netip.MustParseAddr("fd74:6964:6567::1")
)

// Host is one host of the plan.
type Host struct {
	Name     string
	Kind     Kind
	Place    string       // for people: the town
	Addr     netip.Addr   // IPv4
	Addr6    netip.Addr   // not valid in loopback mode
	More     []netip.Addr // further IPv4 addresses: a site's load balancer, a client's other sources
	More6    []netip.Addr // the same in IPv6
	Pods     netip.Prefix // sites: never routed outside the site's namespace
	Services netip.Prefix // hub and sites
}

// HasCluster says whether the host runs a Kubernetes control plane.
func (h Host) HasCluster() bool { return h.Kind != Plain }

// Netns is the host's network namespace's name.
func (h Host) Netns() string { return NamePrefix + h.Name }

// Veth is the name of the bridge's end of the host's link: at most 15 bytes, as the kernel wants.
func (h Host) Veth() string { return VethPrefix + h.Name }

// Cgroup is the name of the cgroup below which the host's pods are.
func (h Host) Cgroup() string { return NamePrefix + h.Name }

// Node is the name of the site's node.
func (h Host) Node() string { return h.Name + "-1" }

// Local is the address for ports that only the host itself uses.
func (h Host) Local(mode Mode) netip.Addr {
	if mode == Netns {
		return netip.MustParseAddr("127.0.0.1")
	}
	return h.Addr
}

// At is the host's address and a port.
func (h Host) At(port uint16) string { return netip.AddrPortFrom(h.Addr, port).String() }

// Plan is the whole floor plan.
type Plan struct {
	Mode  Mode
	Hosts []Host
}

// row is one line of the table that the plan is made from. Its addresses are the last two bytes of the IPv4 address.
type row struct {
	name  string
	kind  Kind
	place string
	addr  [2]byte
	more  []byte
}

var rows = []row{
	{"hub", Hub, "hub", [2]byte{0, 10}, nil},
	{"fra", Site, "Frankfurt", [2]byte{1, 1}, []byte{10, 11}},
	{"pek", Site, "Beijing, China Telecom", [2]byte{2, 1}, []byte{10, 11}},
	{"iad", Site, "Virginia", [2]byte{3, 1}, []byte{10, 11}},
	{"registry", Plain, "image registry", [2]byte{0, 20}, nil},
	{"ns1", Plain, "name server", [2]byte{0, 53}, nil},
	{"ns2", Plain, "name server", [2]byte{0, 54}, nil},
	{"client", Plain, "client", [2]byte{0, 100}, []byte{101, 102, 103}},
}

// New makes the plan of a mode.
func New(mode Mode) Plan {
	plan := Plan{Mode: mode}
	clusters := 0
	for _, r := range rows {
		h := Host{Name: r.name, Kind: r.kind, Place: r.place}
		h.Addr, h.Addr6 = addresses(mode, r.addr)
		for _, last := range r.more {
			v4, v6 := addresses(mode, [2]byte{r.addr[0], last})
			h.More = append(h.More, v4)
			if v6.IsValid() {
				h.More6 = append(h.More6, v6)
			}
		}
		if h.HasCluster() {
			h.Pods, h.Services = ranges(clusters)
			clusters++
		}
		plan.Hosts = append(plan.Hosts, h)
	}
	return plan
}

func addresses(mode Mode, b [2]byte) (v4, v6 netip.Addr) {
	if mode == Loopback {
		return netip.AddrFrom4([4]byte{127, 18, b[0], b[1]}), netip.Addr{}
	}
	v4 = netip.AddrFrom4([4]byte{198, 18, b[0], b[1]})
	// The decimal digits are written as hex digits, so that people see the same host in both families.
	v6 = netip.MustParseAddr(fmt.Sprintf("fd74:6964:6567::%d:%d", b[0], b[1]))
	return v4, v6
}

// ranges gives cluster i a /19 of 198.19.0.0/16: half of it for pods, half for Services.
func ranges(i int) (pods, services netip.Prefix) {
	base := byte(i * 32)
	pods = netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 19, base, 0}), 20)
	services = netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 19, base + 16, 0}), 20)
	return pods, services
}

// Host finds a host by name.
func (p Plan) Host(name string) (Host, error) {
	i := slices.IndexFunc(p.Hosts, func(h Host) bool { return h.Name == name })
	if i < 0 {
		return Host{}, fmt.Errorf("no host %q: the hosts are %v", name, p.Names())
	}
	return p.Hosts[i], nil
}

// Must is Host for names that the code itself knows.
func (p Plan) Must(name string) Host {
	h, err := p.Host(name)
	if err != nil {
		panic(err)
	}
	return h
}

// Names lists all hosts.
func (p Plan) Names() []string {
	var names []string
	for _, h := range p.Hosts {
		names = append(names, h.Name)
	}
	return names
}

// Clusters lists the hosts with a control plane: the hub first.
func (p Plan) Clusters() []Host {
	return slices.DeleteFunc(slices.Clone(p.Hosts), func(h Host) bool { return !h.HasCluster() })
}

// Sites lists the sites.
func (p Plan) Sites() []Host {
	return slices.DeleteFunc(slices.Clone(p.Hosts), func(h Host) bool { return h.Kind != Site })
}
