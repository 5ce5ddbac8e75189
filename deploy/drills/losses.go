package drills

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"tidegate.dev/tidegate/deploy/daemons"
)

// Loss is what clients saw while a daemon was away, and until it worked again.
type Loss struct {
	Queries, Failed, Changed int
	// Recovery is how long after its start both name servers answered a new name.
	Recovery time.Duration
}

func (l *Loss) add(other Loss) {
	l.Queries += other.Queries
	l.Failed += other.Failed
	l.Changed += other.Changed
}

// LoseHub kills the hub, and with it the bus if the hub carries that, asks all the while, and starts it again. Wipe
// empties its disk in between. It returns after the hub publishes again: a map newer than any before.
func (d *Drills) LoseHub(ctx context.Context, away time.Duration, queries int, wipe bool) (Loss, error) {
	return d.loseDaemon(ctx, outage{daemons.Hub, away, queries, wipe})
}

// LoseBus does the same to a bus that is a process of its own. The hub lives on.
func (d *Drills) LoseBus(ctx context.Context, away time.Duration, queries int, wipe bool) (Loss, error) {
	return d.loseDaemon(ctx, outage{daemons.NATS, away, queries, wipe})
}

// outage says which daemon is away, for how long, how many queries are asked in that time, and whether its disk is
// emptied.
type outage struct {
	daemon  string
	away    time.Duration
	queries int
	wipe    bool
}

// pace is the time from one query to the next.
func (o outage) pace() time.Duration { return o.away / time.Duration(o.queries) }

func (d *Drills) loseDaemon(ctx context.Context, o outage) (loss Loss, err error) {
	if err := d.steady(ctx); err != nil {
		return Loss{}, err
	}
	before, err := d.generations(ctx)
	if err != nil {
		return Loss{}, err
	}
	err = d.without(ctx, o.daemon, func() error {
		if loss, err = d.ask(ctx, o.pace(), o.queries); err != nil || !o.wipe {
			return err
		}
		return d.wipe(o.daemon)
	})
	if err != nil {
		return loss, err
	}
	d.Say("%s was away for %v (disk wiped: %v): %d queries, %d failed, %d changed", o.daemon, o.away, o.wipe, loss.Queries, loss.Failed, loss.Changed)
	meanwhile, err := d.askWhile(ctx, o.pace(), func() (err error) {
		loss.Recovery, err = d.worksAgain(ctx, o.daemon, time.Now(), before)
		return err
	})
	loss.add(meanwhile)
	d.Say("%s is back: %d queries meanwhile, %d failed, %d changed", o.daemon, meanwhile.Queries, meanwhile.Failed, meanwhile.Changed)
	return loss, err
}

// wipe empties a daemon's disk.
func (d *Drills) wipe(daemon string) error {
	var errs []error
	for _, path := range daemons.Disk(d.Cluster, daemon) {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// The pace of steady, which is longer than a probe takes to change its mind.
const (
	steadyQueries = 100
	steadyPace    = 40 * time.Millisecond
)

// steady waits until answers have been as they should for a while, so that what changes later has a cause.
func (d *Drills) steady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	return until(ctx, func() error {
		loss, err := d.ask(ctx, steadyPace, steadyQueries)
		if err == nil && loss.Failed+loss.Changed > 0 {
			err = fmt.Errorf("answers are not steady: %d of %d are not as they should", loss.Failed+loss.Changed, loss.Queries)
		}
		return err
	})
}

// askWhile asks until f returns.
func (d *Drills) askWhile(ctx context.Context, pace time.Duration, f func() error) (Loss, error) {
	asking, stop := context.WithCancel(ctx)
	asked := make(chan Loss)
	go func() {
		loss, _ := d.ask(asking, pace, math.MaxInt) // its error is that it was stopped
		asked <- loss
	}()
	err := f()
	stop()
	return <-asked, err
}

// ask asks at a pace and counts what is not as it was.
func (d *Drills) ask(ctx context.Context, pace time.Duration, queries int) (loss Loss, err error) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	want := Everyone()
	for i := range queries {
		client := daemons.Clients[i%len(daemons.Clients)]
		answer, err := daemons.Ask(ctx, d.Cluster, daemons.NameServers[i%len(daemons.NameServers)], daemons.SampleName, client.Subnet)
		if ctx.Err() != nil {
			return loss, ctx.Err() // the query was cut off
		}
		loss.Queries++
		switch {
		case err != nil:
			loss.Failed++
		case answer.Site != want[client.Site]:
			loss.Changed++
		}
		select {
		case <-ctx.Done():
			return loss, ctx.Err()
		case <-ticker.C:
		}
	}
	return loss, nil
}
