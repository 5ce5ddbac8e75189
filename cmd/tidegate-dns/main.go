// Command tidegate-dns is the name server: CoreDNS with the tidegate plugin and the plugins beside it that an
// authoritative server needs. It contains no Kubernetes code.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/bufsize"
	_ "github.com/coredns/coredns/plugin/cancel"
	_ "github.com/coredns/coredns/plugin/dnstap"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/multisocket"
	_ "github.com/coredns/coredns/plugin/nsid"
	_ "github.com/coredns/coredns/plugin/pprof"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/root"
	_ "github.com/coredns/coredns/plugin/shed"
	_ "github.com/coredns/coredns/plugin/timeouts"

	_ "tidegate.dev/tidegate/plugin/tidegate"
)

// directives is every plugin that a Corefile may name, in the order in which they see a query.
var directives = []string{
	"root", "metadata", "cancel", "timeouts", "multisocket", "reload", "nsid", "bufsize", "bind", "ready", "health",
	"pprof", "shed", "prometheus", "errors", "log", "dnstap", "tidegate",
}

func main() {
	// A flag set of our own: the plugins bring flags that a server without coremain does not have.
	flags := flag.NewFlagSet("tidegate-dns", flag.ExitOnError)
	conf := flags.String("conf", "Corefile", "the Corefile to start from")
	_ = flags.Parse(os.Args[1:]) // it exits on an error
	if err := run(*conf); err != nil {
		fmt.Fprintln(os.Stderr, "tidegate-dns:", err)
		os.Exit(1)
	}
}

func run(conf string) error {
	if err := dnsserver.Register(); err != nil {
		return err
	}
	if err := dnsserver.SetDirectives(directives); err != nil {
		return err
	}
	content, err := os.ReadFile(conf)
	if err != nil {
		return fmt.Errorf("%w: name one with -conf; the README has the shortest that works", err)
	}
	caddy.AppName, caddy.Quiet = "tidegate-dns", true
	loader := func(string) (caddy.Input, error) {
		return caddy.CaddyfileInput{Contents: content, Filepath: conf, ServerTypeName: "dns"}, nil
	}
	caddy.SetDefaultCaddyfileLoader("default", caddy.LoaderFunc(loader))
	input, err := caddy.LoadCaddyfile("dns")
	if err != nil {
		return err
	}
	instance, err := caddy.Start(input)
	if err != nil {
		return err
	}
	return waitForSignal(instance)
}

// waitForSignal serves until the process is asked to end, and then lets the plugins end in order.
func waitForSignal(instance *caddy.Instance) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	for _, err := range instance.ShutdownCallbacks() {
		fmt.Fprintln(os.Stderr, "tidegate-dns: stop:", err)
	}
	return instance.Stop()
}
