package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb/plan"
)

// How long to wait before a table is asked for again: one that the bus does not have yet or cannot send now, and one that
// came damaged.
const (
	geoRetry        = 5 * time.Second
	geoDamagedRetry = 10 * time.Minute
)

// wantedGeo is the table that the served map was planned with.
type wantedGeo struct {
	digest string
	meant  bool
}

// FollowGeo takes the table that the served map was planned with from the bus, whenever it is another than the one in use,
// until ctx ends. The map does not wait for it.
func (n *Node) FollowGeo(ctx context.Context, bus Bus) {
	var settled wantedGeo // taken, or refused for good
	for {
		var again <-chan time.Time
		if wanted := n.wantedGeo(); wanted != settled {
			if wait := n.takeWanted(ctx, bus, wanted); wait > 0 {
				again = time.After(wait)
			} else {
				settled = wanted
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-n.headNews:
		case <-again:
		}
	}
}

func (n *Node) wantedGeo() wantedGeo {
	head := n.status.servedHead()
	return wantedGeo{head.GeoDigest, head.Explains(plan.ReasonGeoChanged, head.GeoDigest)}
}

// takeWanted proposes the table, and returns how long to wait before that is tried again; 0: it is settled.
func (n *Node) takeWanted(ctx context.Context, bus Bus, wanted wantedGeo) (wait time.Duration) {
	switch wanted.digest {
	case "":
		return 0 // a hub that hands out no table
	case n.geo.Load().digest():
		_ = n.ProposeGeo(ctx, GeoProposal{Geo: n.geo.Load().Geo, From: GeoHub}) // it is the hub's too
		return 0
	}
	file, err := bus.FetchTable(ctx, wanted.digest)
	if err != nil {
		n.status.setGeoTrouble(fmt.Sprintf("the hub's geo table %s is not here yet: %v", wanted.digest, err))
		return geoRetry
	}
	table, err := geodata.Decode(file)
	if err == nil && table.Digest() != wanted.digest {
		err = fmt.Errorf("%w: %s", errOtherTable, table.Digest())
	}
	if err != nil {
		n.GeoRefused(fmt.Errorf("the hub's geo table %s: %w", wanted.digest, err))
		return geoDamagedRetry
	}
	// What the guards refuse is refused for good, and already counted: the next head may be better.
	_ = n.ProposeGeo(ctx, GeoProposal{Geo: plan.NewGeo(table), From: GeoHub, Meant: wanted.meant, File: file})
	return 0
}

var errOtherTable = errors.New("the bus sent another one")
