// Command dev runs Tidegate's dev cluster on one machine: a hub and three edge sites. People call it through make, or
// from the deploy folder with `go run ./dev`; it is a thin shell around package devcluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"tidegate.dev/tidegate/deploy/daemons"
	"tidegate.dev/tidegate/deploy/devcluster"
)

const usage = `dev runs the dev cluster: a hub, and the sites fra, pek and iad.

  up                      start it; NODES=kwok: without root and real nodes; BUS=external: with the bus as a process of
                          its own, a NATS server, instead of in the hub
  down                    stop it and remove everything it made
  status                  what runs, since when, and its memory
  kubectl CLUSTER ARG...  kubectl on the hub or a site
  push-image REF BINARY   make an image of a static binary and push it (registry.edge.example/NAME:TAG)
  exec HOST COMMAND...    run a command in a host's network (hub, fra, pek, iad, ns1, ns2, registry, client)
  stop NAME [-9]          end a process that status lists
  start NAME              start it again
  cut HOST | heal HOST    take a host's link down, up
  leftovers               what of a run is on the machine

Files are in $TIDEGATE_RUN (.run at the repository's root), built programs in $TIDEGATE_CACHE.
`

// commands by name; the second number is how many arguments each needs at least.
var commands = map[string]struct {
	run  func(context.Context, []string) error
	args int
}{
	"up":         {up, 0},
	"down":       {down, 0},
	"status":     {status, 0},
	"kubectl":    {kubectl, 1},
	"push-image": {pushImage, 2},
	"exec":       {execOn, 2},
	"stop":       {stop, 1},
	"start":      {start, 1},
	"cut":        {cut, 1},
	"heal":       {heal, 1},
	"leftovers":  {leftovers, 0},
	// The dev cluster starts these itself.
	"registry":  {registry, 2},
	"node-init": {nodeInit, 2},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:])
	stop()
	exit, ran := err.(*exec.ExitError) // not wrapped: kubectl and exec
	switch {
	case ran && exit.ExitCode() > 0:
		os.Exit(exit.ExitCode()) // the command that we ran has said why
	case err != nil:
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errors.New("say what to do")
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Print(usage)
		return nil
	}
	command, ok := commands[args[0]]
	if !ok || len(args)-1 < command.args {
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("cannot do %q", args)
	}
	return command.run(ctx, args[1:])
}

func up(ctx context.Context, _ []string) error {
	bus, err := daemons.ParseBus(os.Getenv("BUS"))
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	c, err := devcluster.Up(ctx, devcluster.Options{Nodes: os.Getenv("NODES"), Program: program, Log: os.Stderr})
	if err == nil {
		err = daemons.Up(ctx, c, bus, c.Say)
	}
	if ctx.Err() != nil {
		return errors.New("interrupted; `make down` clears what was started")
	}
	if err != nil {
		return err
	}
	fmt.Print(daemons.Welcome(c.Plan))
	return nil
}

func down(ctx context.Context, _ []string) error {
	run, err := devcluster.RunFolder()
	if err != nil {
		return err
	}
	return devcluster.Down(ctx, run, os.Stderr)
}

func leftovers(context.Context, []string) error {
	run, err := devcluster.RunFolder()
	if err != nil {
		return err
	}
	left, err := devcluster.Leftovers(run)
	for _, line := range left {
		fmt.Println(line)
	}
	return err
}

// attached calls f with the cluster that runs.
func attached(f func(*devcluster.Cluster) error) error {
	run, err := devcluster.RunFolder()
	if err != nil {
		return err
	}
	c, err := devcluster.Attach(run)
	if err != nil {
		return err
	}
	return f(c)
}
