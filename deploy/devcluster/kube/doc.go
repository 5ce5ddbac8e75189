// Package kube writes down how each program of a dev cluster's Kubernetes is called and configured: the control plane
// of the hub and of the sites, and a site's node. It renders values and starts nothing.
//
// On the hub there is neither a scheduler nor a controller for workloads: a Deployment there is intent, and Tidegate
// alone decides which sites run it. A site is an ordinary cluster.
//
// Only devcluster calls it.
package kube

import (
	"path/filepath"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// Tools are the absolute paths of the programs.
type Tools struct {
	Kube       string // folder with kube-apiserver, kubelet, kubectl, ...
	Etcd       string // binary
	Containerd string // folder with containerd and its shim
	CNI        string // folder with the CNI plugins
	Kwok       string // folder with kwok and stages.yaml
	Runc       string // binary, the system's
	Pause      string // binary for the pause image
}

// Cluster is one host's Kubernetes.
type Cluster struct {
	Host     layout.Host
	Mode     layout.Mode
	Folder   string // the run's folder for this host, absolute
	Tools    Tools
	Registry string   // host:port of the image registry
	Resolve  []string // addresses of the name servers that pods ask
}

// PauseImage is the sandbox of every pod.
const PauseImage = layout.ImageRegistry + "/pause:1"

// PKI is the folder of the cluster's certificates.
func (c Cluster) PKI() string { return filepath.Join(c.Folder, "pki") }

// Etc is the folder of the rendered configuration.
func (c Cluster) Etc() string { return filepath.Join(c.Folder, "etc") }

// Kubeconfig is the file of one of the cluster's own components.
func (c Cluster) Kubeconfig(component string) string {
	return filepath.Join(c.Etc(), component+".kubeconfig")
}

// Server is the API server's URL.
func (c Cluster) Server() string { return "https://" + c.Host.At(layout.PortAPIServer) }

// Name is the name of one of the cluster's processes.
func (c Cluster) Name(program string) string { return c.Host.Name + "." + program }

func (c Cluster) pki(file string) string { return filepath.Join(c.PKI(), file) }

func (c Cluster) etc(file string) string { return filepath.Join(c.Etc(), file) }

func (c Cluster) kube(program string) string { return filepath.Join(c.Tools.Kube, program) }

// spec is a process on the host.
func (c Cluster) spec(program, binary string, args ...string) proc.Spec {
	return proc.Spec{Name: c.Name(program), Host: c.Host.Name, Args: append([]string{binary}, args...), Dir: c.Folder}
}

// nodeSpec is a process inside the site's node.
func (c Cluster) nodeSpec(program, binary string, args ...string) proc.Spec {
	s := c.spec(program, binary, args...)
	s.Node = c.Name("node")
	s.Dir = "/"
	return s
}
