package kube

import (
	"fmt"
	"net"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/pki"
)

// Identities makes the cluster's certificates and the kubeconfigs of its components, and an administrator's
// kubeconfig at adminPath.
func (c Cluster) Identities(adminPath string) error {
	ca, err := pki.NewCA(c.PKI(), "tidegate dev "+c.Host.Name)
	if err != nil {
		return err
	}
	servers := map[string]pki.Subject{
		"apiserver":      {Name: "kube-apiserver", DNS: serverNames(c.Host), IPs: serverAddresses(c.Host)},
		"kubelet-client": {Name: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}},
	}
	if c.Host.Kind == layout.Site {
		servers["kubelet"] = pki.Subject{Name: c.Host.Node(), DNS: []string{c.Host.Node()}, IPs: []net.IP{c.Host.Addr.AsSlice()}}
	}
	for name, subject := range servers {
		if err := ca.Write(name, subject); err != nil {
			return err
		}
	}
	if err := c.writeKubeconfigs(ca); err != nil {
		return err
	}
	admin := pki.Subject{Name: "admin", Groups: []string{"system:masters"}}
	return ca.WriteKubeconfig(adminPath, c.Host.Name, c.Server(), admin)
}

func (c Cluster) writeKubeconfigs(ca *pki.CA) error {
	// The usual way is a service account and token for each controller; one strong user starts faster.
	clients := map[string]pki.Subject{"controller-manager": {Name: "system:kube-controller-manager", Groups: []string{"system:masters"}}}
	if c.Host.Kind == layout.Site {
		clients["scheduler"] = pki.Subject{Name: "system:kube-scheduler"}
		clients["kubelet"] = pki.Subject{Name: "system:node:" + c.Host.Node(), Groups: []string{"system:nodes"}}
		clients["kube-proxy"] = pki.Subject{Name: "system:kube-proxy"}
		clients["kwok"] = pki.Subject{Name: "kwok", Groups: []string{"system:masters"}}
	}
	for name, subject := range clients {
		if err := ca.WriteKubeconfig(c.Kubeconfig(name), c.Host.Name, c.Server(), subject); err != nil {
			return fmt.Errorf("kubeconfig of %s: %w", name, err)
		}
	}
	return nil
}

func serverNames(h layout.Host) []string {
	return []string{"localhost", h.Name, "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
}

// serverAddresses are the host's own and the first of its Services, which is the "kubernetes" Service.
func serverAddresses(h layout.Host) []net.IP {
	ips := []net.IP{net.IPv4(127, 0, 0, 1), h.Addr.AsSlice(), h.Services.Addr().Next().AsSlice()}
	if h.Addr6.IsValid() {
		ips = append(ips, h.Addr6.AsSlice())
	}
	return ips
}
