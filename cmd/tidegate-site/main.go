// Command tidegate-site runs a site: it pulls the site's work from the hub's bus, applies it to the site's Kubernetes
// cluster, keeps HAProxy in front of it, and reports. It only connects outwards.
//
// It may be stopped, killed and started at any time: pods and HAProxy go on without it and are taken up again. What it
// keeps is in the -data folder; HAProxy is ended by the process in lb/haproxy.pid there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"k8s.io/klog/v2"

	"tidegate.dev/tidegate/controlplane/kubeconfig"
	"tidegate.dev/tidegate/controlplane/site"
	"tidegate.dev/tidegate/controlplane/site/cluster"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/join"
	"tidegate.dev/tidegate/lbagent/lb/haproxy"
)

// options are the flags.
type options struct {
	name, kubeconfig, token, data, haproxy, admin string
	sets                                          addressSets
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // the flag set has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("site", o.name)
	klog.SetSlogLogger(log)
	if err := run(ctx, o, log); err != nil {
		fmt.Fprintln(os.Stderr, "tidegate-site:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("tidegate-site", flag.ContinueOnError)
	flags.StringVar(&o.name, "name", "", "the site's name, as its Site object at the hub has it")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig of the site's own cluster; empty: that of the pod this runs in")
	flags.StringVar(&o.token, "token", "", "file with the hub's one-time token; needed until the site is enrolled")
	flags.StringVar(&o.data, "data", "/var/lib/tidegate-site", "folder that keeps credentials, work and the load balancer's files")
	flags.StringVar(&o.haproxy, "haproxy", "haproxy", "name or path of HAProxy, 2.6 or later")
	flags.StringVar(&o.admin, "admin", "", "path of the admin socket; empty: admin.sock in the data folder")
	flags.Var(&o.sets, "address", "address of the load balancer; `A[,B...]` serve the same workloads (one per line, both families);\n"+
		"given again, further addresses for workloads that want the same port")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if o.admin == "" {
		o.admin = filepath.Join(o.data, "admin.sock")
	}
	err := errors.Join(gslb.CheckLabel(o.name), site.CheckSets(o.sets))
	if flags.NArg() > 0 {
		err = errors.Join(err, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	if err != nil {
		fmt.Fprintf(flags.Output(), "tidegate-site: %v\n", err)
		flags.Usage()
	}
	return o, err
}

// run wires the parts and waits for all of them. Load balancer and pods are left running.
func run(ctx context.Context, o options, log *slog.Logger) error {
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	config, err := kubeconfig.Read(o.kubeconfig)
	if err != nil {
		return err
	}
	kube, err := cluster.Connect(config, log)
	if err != nil {
		return err
	}
	balancer, err := haproxy.New(haproxy.Options{Binary: o.haproxy, Dir: filepath.Join(o.data, "lb"), Logger: log})
	if err != nil {
		return err
	}
	creds, err := credentials(ctx, o, log)
	if err != nil {
		return err
	}
	member, err := bus.Dial(ctx, creds, bus.Config{Logger: log, Renew: join.Renew,
		Saved: func(c bus.Credentials) error { return c.Write(o.credentialsFile()) }})
	if err != nil {
		return err
	}
	defer member.Close()
	agent, err := site.New(site.Config{Site: gslb.SiteID(o.name), Bus: member, Cluster: kube, Watcher: kube, Balancer: balancer,
		Sets: o.sets, Dir: filepath.Join(o.data, "work"), Logger: log})
	if err != nil {
		return err
	}
	return serve(ctx, o, agent, member)
}

// serve runs the agent and its admin socket; the end of one ends the other.
func serve(ctx context.Context, o options, agent *site.Agent, member *bus.Member) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		all      sync.WaitGroup
		adminErr error
	)
	all.Go(func() {
		defer cancel()
		adminErr = admin.Serve(ctx, o.admin, agent.AdminHandler(member.Connected))
	})
	err := agent.Run(ctx)
	cancel()
	all.Wait()
	return errors.Join(err, adminErr)
}
