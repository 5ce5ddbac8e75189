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
	os.Exit(exitCode(err))
}

// exitCode is 2 for what ended before the command ran: then the command line was not understood.
func exitCode(err error) int {
	var ran runError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ran) && !errors.Is(err, errUsage):
		return 1
	}
	return 2
}

// runError is an error of a command that ran.
type runError struct{ error }

func (e runError) Unwrap() error { return e.error }

// markRuns tells the errors of commands from those of cobra, such as unknown commands.
func markRuns(command *cobra.Command) {
	if run := command.RunE; run != nil {
		command.RunE = func(c *cobra.Command, args []string) error {
			if err := run(c, args); err != nil {
				return runError{err}
			}
			return nil
		}
	}
	for _, c := range command.Commands() {
		markRuns(c)
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
	command.AddCommand(explainCommand(o), statusCommand(o), tokenCommand(o), enrollCommand(), geodataCommand(o), simulateCommand(o))
	markRuns(command)
	return command
}

// checkOutput refuses a format that does not exist.
func (o *options) checkOutput() error {
	if o.output != "table" && o.output != "json" {
		return fmt.Errorf("%w: output %q, want table or json", errUsage, o.output)
	}
	return nil
}

// wantArgs takes exactly the named arguments.
func wantArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return fmt.Errorf("%w: unexpected argument %q; for example:\n%s", errUsage, args[len(names)], c.Example)
		}
		return wantSome(names...)(c, args)
	}
}

// wantSome takes at least the named arguments.
func wantSome(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return fmt.Errorf("%w: %s is missing: %s %s; for example:\n%s",
				errUsage, names[len(args)], c.Parent().CommandPath(), c.Use, c.Example)
		}
		return nil
	}
}
