package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"tidegate.dev/tidegate/deploy/daemons"
	"tidegate.dev/tidegate/deploy/drills"
)

// These need BUS=external: the bus is a process of its own and dies apart from the hub.

// busAway is how long a daemon is away, and busQueries what is asked in that time. Everyone has noticed by then.
const (
	busAway    = 5 * time.Second
	busQueries = 500
)

// busAgain is how long it may take from a daemon's start to the answer for a new export. Members try to connect every 3 s
// at the latest, and a site has to make the pods.
const busAgain = 20 * time.Second

func TestBusIsLost(t *testing.T) {
	recovers(t, newDrills().LoseBus, false)
}

// The hub, which lives, puts the map and the sites' work back.
func TestBusIsLostWithItsDisk(t *testing.T) {
	recovers(t, newDrills().LoseBus, true)
}

// It follows the lost disk: the hub reads on its start what it has put back.
func TestBusOutlivesTheHub(t *testing.T) {
	recovers(t, newDrills().LoseHub, false)
	if !cluster.Alive(daemons.NATS) {
		t.Error("the bus is gone too")
	}
}

// recovers takes a daemon away and back: no query fails, no answer changes, and then a new export is answered in time.
func recovers(t *testing.T, lose func(context.Context, time.Duration, int, bool) (drills.Loss, error), wipe bool) {
	t.Helper()
	needExternalBus(t)
	loss, err := lose(drillContext(t), busAway, busQueries, wipe)
	check(t, err)
	unharmed(t, loss)
	within(t, "a new export after the daemon's start", loss.Recovery, busAgain)
}

// needExternalBus skips a test where the bus is in the hub.
func needExternalBus(t *testing.T) {
	t.Helper()
	if bus == daemons.Embedded {
		fmt.Fprintf(os.Stderr, "e2e: %s is left out: it needs BUS=external\n", t.Name())
		t.Skip("needs a bus of its own: run with BUS=external, as `make test` does after this")
	}
}
