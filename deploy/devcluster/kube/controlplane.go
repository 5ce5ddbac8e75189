package kube

import (
	"fmt"
	"path/filepath"
	"strings"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// EtcdURL is where the API server finds its etcd. With namespaces only the host itself can reach it.
func (c Cluster) EtcdURL() string {
	return fmt.Sprintf("http://%s:%d", c.Host.Local(c.Mode), layout.PortEtcdClient)
}

// Etcd keeps the cluster's objects. It does not wait for the disk: the data lives no longer than the run.
func (c Cluster) Etcd() proc.Spec {
	peer := fmt.Sprintf("http://%s:%d", c.Host.Local(c.Mode), layout.PortEtcdPeer)
	return c.spec("etcd", c.Tools.Etcd,
		"--name="+c.Host.Name,
		"--data-dir="+filepath.Join(c.Folder, "etcd"),
		"--listen-client-urls="+c.EtcdURL(),
		"--advertise-client-urls="+c.EtcdURL(),
		"--listen-peer-urls="+peer,
		"--initial-advertise-peer-urls="+peer,
		"--initial-cluster="+c.Host.Name+"="+peer,
		"--unsafe-no-fsync",
		"--snapshot-count=2000",
		"--auto-compaction-retention=10m",
		"--logger=zap",
		"--log-level=warn",
	)
}

// APIServer answers on the host's address, so that kubectl works from the machine and the hub from every site.
func (c Cluster) APIServer() proc.Spec {
	args := []string{
		"--advertise-address=" + c.Host.Addr.String(),
		"--bind-address=" + c.Host.Addr.String(),
		fmt.Sprintf("--secure-port=%d", layout.PortAPIServer),
		"--etcd-servers=" + c.EtcdURL(),
		"--service-cluster-ip-range=" + c.Host.Services.String(),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.pki("sa.key"),
		"--service-account-signing-key-file=" + c.pki("sa.key"),
		"--client-ca-file=" + c.pki("ca.crt"),
		"--tls-cert-file=" + c.pki("apiserver.crt"),
		"--tls-private-key-file=" + c.pki("apiserver.key"),
		"--kubelet-certificate-authority=" + c.pki("ca.crt"),
		"--kubelet-client-certificate=" + c.pki("kubelet-client.crt"),
		"--kubelet-client-key=" + c.pki("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--profiling=false",
	}
	if c.Mode == layout.Loopback {
		// The address of the "kubernetes" Service may not be a loopback address; no pod is there to use it.
		args = append(args, "--endpoint-reconciler-type=none")
	}
	return c.spec("apiserver", c.kube("kube-apiserver"), args...)
}

// hubControllers keep the API itself in order. Whatever makes pods is left out.
var hubControllers = []string{
	"clusterrole-aggregation-controller",
	"garbage-collector-controller",
	"namespace-controller",
	"resourcequota-controller",
	"root-ca-certificate-publisher-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"validatingadmissionpolicy-status-controller",
}

// ControllerManager runs the controllers that the cluster's kind has.
func (c Cluster) ControllerManager() proc.Spec {
	controllers := "*"
	if c.Host.Kind == layout.Hub {
		controllers = strings.Join(hubControllers, ",")
	}
	return c.spec("controller-manager", c.kube("kube-controller-manager"), append(c.client("controller-manager"),
		fmt.Sprintf("--secure-port=%d", layout.PortControllerManager),
		"--controllers="+controllers,
		"--cluster-signing-cert-file="+c.pki("ca.crt"),
		"--cluster-signing-key-file="+c.pki("ca.key"),
		"--root-ca-file="+c.pki("ca.crt"),
		"--service-account-private-key-file="+c.pki("sa.key"),
	)...)
}

// Scheduler puts a site's pods on its nodes.
func (c Cluster) Scheduler() proc.Spec {
	return c.spec("scheduler", c.kube("kube-scheduler"), append(c.client("scheduler"),
		fmt.Sprintf("--secure-port=%d", layout.PortScheduler),
	)...)
}

// client is what controller manager and scheduler have in common: one of each, so nothing to elect.
func (c Cluster) client(component string) []string {
	config := c.Kubeconfig(component)
	return []string{
		"--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config,
		"--authorization-kubeconfig=" + config,
		"--bind-address=" + c.Host.Local(c.Mode).String(),
		"--leader-elect=false",
		"--profiling=false",
	}
}

// Kwok plays the site's node where there are no real ones.
func (c Cluster) Kwok() proc.Spec {
	return c.spec("kwok", filepath.Join(c.Tools.Kwok, "kwok"),
		"--kubeconfig="+c.Kubeconfig("kwok"),
		"--config="+filepath.Join(c.Tools.Kwok, "stages.yaml"),
		"--manage-all-nodes=false",
		"--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
		"--cidr="+c.Host.Pods.String(),
		"--node-ip="+c.Host.Addr.String(),
		"--node-name="+c.Host.Node(),
		fmt.Sprintf("--node-port=%d", layout.PortKwok),
		"--server-address="+c.Host.At(layout.PortKwok),
		"--node-lease-duration-seconds=40",
	)
}
