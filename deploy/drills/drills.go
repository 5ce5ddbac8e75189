// Package drills breaks a running dev cluster on purpose and measures what clients get: sites go, networks are cut, the
// hub dies, disks are wiped, name servers are killed. End-to-end tests run every drill once; the benches run them often.
//
// A drill says what it does, waits until both name servers answer every client as the design says, and returns how long
// that took. It leaves the cluster as it found it.
package drills

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"tidegate.dev/tidegate/deploy/daemons"
	"tidegate.dev/tidegate/deploy/devcluster"
)

// Drills is a cluster to break.
type Drills struct {
	Cluster *devcluster.Cluster
	// Say gets one line per step.
	Say func(format string, args ...any)
}

// poll is how often a condition is looked at while its time is measured.
const poll = 20 * time.Millisecond

// Everyone is the answer that each client gets while all sites are well: its own site.
func Everyone() map[string]string {
	want := map[string]string{}
	for _, c := range daemons.Clients {
		want[c.Site] = c.Site
	}
	return want
}

// Without is the same while one site gives its clients to another.
func Without(site, heir string) map[string]string {
	want := Everyone()
	want[site] = heir
	return want
}

// Expect waits until both name servers give every client the site that want names for the client's home site. It
// returns the time since start.
func (d *Drills) Expect(ctx context.Context, name string, want map[string]string, start time.Time, limit time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, ns := range daemons.NameServers {
		for _, client := range daemons.Clients {
			group.Go(func() error {
				return until(ctx, func() error {
					answer, err := daemons.Ask(ctx, d.Cluster, ns, name, client.Subnet)
					if err == nil && answer.Site != want[client.Site] {
						err = fmt.Errorf("%s answers %s with %v (%s), want %s", ns, client.Who, answer.Addresses, answer.Site, want[client.Site])
					}
					return err
				})
			})
		}
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("after %v: %w", time.Since(start).Round(time.Millisecond), err)
	}
	return time.Since(start), nil
}

// ExpectGone waits until both name servers say that a name does not exist.
func (d *Drills) ExpectGone(ctx context.Context, name string, start time.Time, limit time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, ns := range daemons.NameServers {
		err := until(ctx, func() error {
			answer, err := daemons.Ask(ctx, d.Cluster, ns, name, daemons.Clients[0].Subnet)
			if err == nil && answer.Rcode != rcodeNXDomain {
				err = fmt.Errorf("%s still answers for %s with code %d and %v", ns, name, answer.Rcode, answer.Addresses)
			}
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

const rcodeNXDomain = 3 // RFC 1035 section 4.1.1

// until repeats a check until it passes, or returns its last error when the time is up.
func until(ctx context.Context, check func() error) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return err
		case <-ticker.C:
		}
	}
}

// kubectl runs kubectl on a cluster and trims what it printed.
func (d *Drills) kubectl(ctx context.Context, cluster string, args ...string) (string, error) {
	out, err := d.Cluster.Kubectl(ctx, cluster, args...)
	return strings.TrimSpace(out), err
}
