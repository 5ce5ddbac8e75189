package daemons

import (
	"path/filepath"

	"tidegate.dev/tidegate/deploy/devcluster"
	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

// Ports of the daemons, the same on every host. Name servers listen on PortDNS, UDP and TCP.
const (
	PortBus    = 4222
	PortEnroll = 4223
	PortDNS    = 5300
)

// Names of the daemons among the dev cluster's processes.
const (
	Hub  = "tidegate-hub"
	NATS = "nats" // the bus, where it is a process of its own
)

// Site is the name of a site's agent.
func Site(site string) string { return "tidegate-site-" + site }

// NameServers are the hosts that a name server runs on; the process has the same name.
var NameServers = []string{"ns1", "ns2"}

// The sample: its name and its image.
const (
	Zone            = "edge.example"
	SampleName      = "chat.edge.example"
	SampleImage     = layout.ImageRegistry + "/chat:dev"
	SampleNamespace = "demo"
	SamplePort      = 8080
)

// fleet is Tidegate's daemons on one cluster.
type fleet struct {
	cluster *devcluster.Cluster
	bus     Bus
	say     func(format string, args ...any)
}

// root is the checkout's root: the folder above deploy.
func (f *fleet) root() string { return filepath.Dir(f.cluster.Deploy()) }

func (f *fleet) bin(program string) string { return bin(f.cluster, program) }

// bin is a program of the checkout that started the cluster.
func bin(c *devcluster.Cluster, program string) string {
	return filepath.Join(filepath.Dir(c.Deploy()), "bin", program)
}

func (f *fleet) folder(daemon string) string { return folder(f.cluster, daemon) }

// folder is where a daemon keeps its data.
func folder(c *devcluster.Cluster, daemon string) string {
	return filepath.Join(c.Run(), "data", daemon)
}

// Disk is what a daemon keeps on its disk, as folders that may be lost. With NATS these are the streams and the accounts
// that the hub told it; the files that the hub wrote lie beside and stay.
func Disk(c *devcluster.Cluster, daemon string) []string {
	if daemon == NATS {
		return []string{filepath.Join(busFiles(c), "jetstream"), filepath.Join(busFiles(c), "accounts")}
	}
	return []string{folder(c, daemon)}
}

// Socket is the admin socket of a daemon.
func Socket(c *devcluster.Cluster, daemon string) string {
	return filepath.Join(c.Run(), "admin", daemon+".sock")
}
