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
const Hub = "tidegate-hub"

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
	say     func(format string, args ...any)
}

// root is the checkout's root: the folder above deploy.
func (f *fleet) root() string { return filepath.Dir(f.cluster.Deploy()) }

func (f *fleet) bin(program string) string { return bin(f.cluster, program) }

// bin is a program of the checkout that started the cluster.
func bin(c *devcluster.Cluster, program string) string {
	return filepath.Join(filepath.Dir(c.Deploy()), "bin", program)
}

// folder is where a daemon keeps its data.
func (f *fleet) folder(daemon string) string { return filepath.Join(f.cluster.Run(), "data", daemon) }

// Socket is the admin socket of a daemon.
func Socket(c *devcluster.Cluster, daemon string) string {
	return filepath.Join(c.Run(), "admin", daemon+".sock")
}
