// Command tidegate-hub is the control plane of Tidegate: it watches the Kubernetes API for annotated workloads, places
// them on sites, and publishes the map that the name servers serve. It carries the bus in itself, unless -bus-url names
// NATS servers of one's own; -bus-files writes what those need.
//
// Several may run against one API: one leads, the others wait for its lease. Sites and name servers go on without any.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"tidegate.dev/tidegate/controlplane/kubeconfig"
)

// options are the flags.
type options struct {
	kubeconfig   string
	namespace    string
	busListen    string
	busURLs      []string
	busFiles     string
	enrollListen string
	advertise    string
	// resolver is nil for the system's.
	resolver *net.Resolver
	data     string
	admin    string
	geoFiles []string
	geoForce bool
}

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `file` of the hub's API; empty: the pod's own service account")
	flag.StringVar(&o.namespace, "namespace", "tidegate-system", "`namespace` of the hub's Secrets, ConfigMap and Lease")
	flag.StringVar(&o.busListen, "bus-listen", ":4222", "`address` that members of the bus connect to, unless -bus-url is given")
	flag.Func("bus-url", "`addresses` of NATS servers of your own to be the bus instead, such as tls://nats1:4222,tls://nats2:4222,tls://nats3:4222;\n"+
		"with three or more, streams have three copies. Members enrolled from then on get these addresses.", o.setBusURLs)
	flag.StringVar(&o.busFiles, "bus-files", "", "write into `folder` what each server of -bus-url needs (configuration, operator, certificate), and exit.\n"+
		"Certificates are good for 90 days: before that write and copy anew, and restart the servers one after the other")
	flag.StringVar(&o.enrollListen, "enroll-listen", ":4223", "`address` that new members enrol at")
	flag.StringVar(&o.advertise, "advertise", hostname(), "`hosts` that members reach this hub by, names or IP addresses, with commas")
	flag.Func("resolver", "IP `address` of the DNS server that says whether domains outside the zones lead here; without it the system's",
		o.setResolver)
	flag.StringVar(&o.data, "data", "/var/lib/tidegate-hub", "`folder` for the bus' streams and a copy of the map; it may be lost")
	flag.StringVar(&o.admin, "admin", "/run/tidegate/hub.sock", "Unix `socket` of the admin API")
	flag.Func("geodata", "geo databases and lists, `files` with commas, to plan with and to hand to the name servers that have none of their own;\n"+
		"they are read again when they change (default the embedded table)", o.addGeoFiles)
	flag.BoolVar(&o.geoForce, "geodata-force", false, "hand the files over as they are at the start, though the name servers' guards refuse the change; leave it out again afterwards")
	flag.Parse()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := start(o, logger); err != nil {
		logger.Error("tidegate-hub ends", "error", err)
		os.Exit(1)
	}
}

func start(o options, logger *slog.Logger) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: see -help", flag.Arg(0))
	}
	slog.SetDefault(logger)
	klog.SetSlogLogger(logger)
	ctrllog.SetLogger(logr.FromSlogHandler(logger.Handler()))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	kube, err := kubeConfig(o.kubeconfig)
	if err != nil {
		return err
	}
	p, err := newProcess(o, kube, logger)
	if err != nil {
		return err
	}
	if o.geoForce && len(o.geoFiles) == 0 {
		return errors.New("-geodata-force insists on the files of -geodata: give it too")
	}
	if o.busFiles != "" {
		return p.writeBusFiles(ctx, os.Stdout)
	}
	for _, folder := range []string{o.data, filepath.Dir(o.admin)} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("make the hub's folders: %w", err)
		}
	}
	return p.serve(ctx)
}

func kubeConfig(file string) (*rest.Config, error) {
	config, err := kubeconfig.Read(file)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 200, 400
	config.UserAgent = "tidegate-hub"
	return config, nil
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

func (o *options) setBusURLs(value string) (err error) {
	o.busURLs, err = parseBusURLs(value)
	return err
}

func (o *options) setResolver(value string) (err error) {
	o.resolver, err = newResolver(value)
	return err
}

// hosts are the advertised hosts.
func (o options) hosts() ([]string, error) {
	var list []string
	for host := range strings.SplitSeq(o.advertise, ",") {
		if host = strings.TrimSpace(host); host != "" {
			list = append(list, host)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("-advertise names no host: give one that sites and name servers reach")
	}
	return list, nil
}
