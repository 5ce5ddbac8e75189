//go:build devprograms

// Command kube is every Kubernetes program that the dev cluster runs, in one binary: which one it is depends on the
// name it is called by (kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl). One
// link instead of six saves minutes of a cold build and about 400 MB of disk; the running programs share its pages.
//
// Only the dev cluster calls it, through links that devcluster/build makes beside the binary. The build tag keeps it out
// of ./...: a vet or a race test of the deploy folder would compile all of Kubernetes once more, for minutes.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // CronJobs name time zones, and a small host has no tzdata

	"github.com/spf13/cobra"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var daemons = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy":              proxy.NewProxyCommand,
}

func main() {
	name := filepath.Base(os.Args[0])
	if name == "kubectl" {
		runKubectl()
		return
	}
	if daemon, ok := daemons[name]; ok {
		os.Exit(cli.Run(daemon()))
	}
	fmt.Fprintf(os.Stderr, "called as %q: call it by a link named kubectl, %s\n", name, strings.Join(daemonNames(), ", "))
	os.Exit(2)
}

func runKubectl() {
	// CheckErr prints the way kubectl does and exits with its codes.
	kubectlutil.CheckErr(cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()))
}

func daemonNames() []string {
	var names []string
	for name := range daemons {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
