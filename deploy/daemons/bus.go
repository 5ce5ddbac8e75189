package daemons

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"time"

	"tidegate.dev/tidegate/deploy/devcluster"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// Bus says where the bus runs.
type Bus string

const (
	// Embedded is in the hub: killing the hub kills it.
	Embedded Bus = ""
	// External is a NATS server, a process of its own on the hub's host, with the files that the hub writes for it.
	External Bus = "external"
)

// ParseBus reads what the user asked for ($BUS).
func ParseBus(text string) (Bus, error) {
	if b := Bus(text); b == Embedded || b == External {
		return b, nil
	}
	return "", fmt.Errorf("BUS=%s: it is external, or not set for the bus in the hub", text)
}

// natsPackage is built in the checkout's module, whose go.mod says the version that the hub embeds.
const natsPackage = "github.com/nats-io/nats-server/v2"

// busFiles is the folder that the hub's -bus-files makes for the one server, and where that runs.
func busFiles(c *devcluster.Cluster) string {
	return filepath.Join(folder(c, NATS), c.Plan.Must("hub").Addr.String())
}

func busURL(c *devcluster.Cluster) string { return "tls://" + c.Plan.Must("hub").At(PortBus) }

// startBus starts the bus, if it is to be a process of its own, and waits until it listens.
func (f *fleet) startBus(ctx context.Context) error {
	switch {
	case f.bus == Embedded || f.cluster.Alive(NATS):
		return nil
	case f.cluster.Alive(Hub):
		return errors.New("the hub that runs carries the bus in itself: `make down` first, then `BUS=external make up`")
	}
	if err := f.writeBusFiles(ctx); err != nil {
		return err
	}
	host := f.cluster.Plan.Must("hub")
	err := f.start(proc.Spec{
		Name: NATS, Host: host.Name, Dir: busFiles(f.cluster),
		// The files are for a host of its own; this one may be an address of many on the machine.
		Args: []string{f.bin("nats-server"), "-c", "nats.conf", "-a", host.Addr.String()},
	})
	if err != nil {
		return err
	}
	return f.cluster.Await(ctx, NATS, "to listen", func() (bool, error) {
		conn, err := net.DialTimeout("tcp", host.At(PortBus), time.Second)
		if err != nil {
			return false, err
		}
		return true, conn.Close()
	})
}

// writeBusFiles has the hub write what the NATS server needs, as an operator would.
func (f *fleet) writeBusFiles(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, f.bin("tidegate-hub"), "-kubeconfig", f.cluster.Kubeconfig("hub"),
		"-bus-url", busURL(f.cluster), "-bus-files", folder(f.cluster, NATS))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("write the files of the bus: %w\n%s", err, out)
	}
	return nil
}
