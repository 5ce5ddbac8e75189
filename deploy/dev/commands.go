package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"tidegate.dev/tidegate/deploy/devcluster"
	"tidegate.dev/tidegate/deploy/devcluster/image"
	"tidegate.dev/tidegate/deploy/devcluster/node"
)

func status(context.Context, []string) error {
	return attached(func(c *devcluster.Cluster) error { return c.PrintStatus(os.Stdout) })
}

func kubectl(ctx context.Context, args []string) error {
	return attached(func(c *devcluster.Cluster) error {
		cmd, err := c.KubectlCommand(ctx, args[0], args[1:]...)
		if err != nil {
			return err
		}
		return connected(cmd).Run()
	})
}

func execOn(ctx context.Context, args []string) error {
	return attached(func(c *devcluster.Cluster) error {
		return c.RunOn(args[0], connected(exec.CommandContext(ctx, args[1], args[2:]...)))
	})
}

// connected gives a command our terminal.
func connected(cmd *exec.Cmd) *exec.Cmd {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

func pushImage(ctx context.Context, args []string) error {
	return attached(func(c *devcluster.Cluster) error {
		reference, err := c.PushImage(ctx, args[0], args[1])
		if err == nil {
			fmt.Println(reference)
		}
		return err
	})
}

func stop(ctx context.Context, args []string) error {
	return attached(func(c *devcluster.Cluster) error {
		switch {
		case len(args) == 1:
			return c.Stop(ctx, args[0])
		case len(args) == 2 && args[1] == "-9":
			return c.Kill(ctx, args[0])
		default:
			return errors.New("stop takes a name and perhaps -9")
		}
	})
}

func start(_ context.Context, args []string) error {
	return attached(func(c *devcluster.Cluster) error { return c.Restart(args[0]) })
}

func cut(_ context.Context, args []string) error {
	return attached(func(c *devcluster.Cluster) error { return c.Cut(args[0]) })
}

func heal(_ context.Context, args []string) error {
	return attached(func(c *devcluster.Cluster) error { return c.Heal(args[0]) })
}

// registry is the image registry's process: ADDRESS FOLDER.
func registry(ctx context.Context, args []string) error {
	return image.Serve(ctx, args[0], args[1])
}

// nodeInit is a node's first process: NAME FOLDER, and folders that its mounts must not cover.
func nodeInit(_ context.Context, args []string) error {
	return node.Init(args[0], args[1], args[2:])
}
