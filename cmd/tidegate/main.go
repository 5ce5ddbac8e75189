// Command tidegate is the command line: it asks the daemons' admin sockets and prints what they say, and it looks after
// geo files. Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// defaultSocket is where a name server's Corefile puts the admin socket on an ordinary host.
const defaultSocket = "/run/tidegate/dns.sock"

// errUsage marks an error of whoever typed the command.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		os.Exit(1)
	}
}

// options are the flags that every command has.
type options struct {
	socket string
	output string
}

func root() *cobra.Command {
	o := &options{}
	command := &cobra.Command{
		Use:           "tidegate",
		Short:         "Ask a Tidegate daemon what it does, and why",
		SilenceUsage:  true,
		SilenceErrors: false,
	}
	socket := os.Getenv("TIDEGATE_SOCKET")
	if socket == "" {
		socket = defaultSocket
	}
	command.PersistentFlags().StringVar(&o.socket, "socket", socket, "admin socket of the daemon to ask (or $TIDEGATE_SOCKET)")
	command.PersistentFlags().StringVarP(&o.output, "output", "o", "table", "table or json")
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	command.AddCommand(explainCommand(o), statusCommand(o), tokenCommand(o), enrollCommand(), geodataCommand(o))
	return command
}

// checkOutput refuses a format that does not exist.
func (o *options) checkOutput() error {
	if o.output != "table" && o.output != "json" {
		return fmt.Errorf("%w: output %q, want table or json", errUsage, o.output)
	}
	return nil
}

// exactArgs is cobra's, as an error of usage.
func exactArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(c, args); err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		return nil
	}
}
