package node

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tidegate.dev/tidegate/gslb/plan"
)

// reportInterval is how often a node reports without news.
const reportInterval = 10 * time.Second

// Bus is a name server's side of the bus, as gslb/bus.Member has it.
type Bus interface {
	FollowMap(ctx context.Context, deliver func(ctx context.Context, signedHead []byte) error) error
	FetchMap(ctx context.Context, digest string) ([]byte, error)
	FetchTable(ctx context.Context, digest string) ([]byte, error)
	PublishReport(data []byte) error
}

// FollowBus proposes every map that the bus' head names, until ctx ends. Key is the hub's, which signs heads.
func (n *Node) FollowBus(ctx context.Context, bus Bus, key ed25519.PublicKey) error {
	err := bus.FollowMap(ctx, func(ctx context.Context, signedHead []byte) error {
		head, err := plan.OpenHead(signedHead, key)
		if err != nil {
			n.Refused(err)
			return nil
		}
		if n.confirms(head) {
			return nil
		}
		data, err := bus.FetchMap(ctx, string(head.Digest))
		if err != nil {
			return fmt.Errorf("fetch the map of generation %d: %w", head.Generation, err)
		}
		// What the guards refuse is refused for good, and already counted: the next head may be better.
		_ = n.Propose(ctx, Proposal{Head: head, SignedHead: signedHead, Data: data})
		return nil
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// confirms says whether the head names what is served already.
func (n *Node) confirms(head plan.Head) bool {
	served := n.store.Load()
	if served.Plan == nil || head.Generation != served.Generation || head.Digest != served.Plan.Digest {
		return false
	}
	n.status.confirmed()
	return true
}

// ReportTo reports to the hub under the node's name: at once after a swap, and every 10 s.
func (n *Node) ReportTo(ctx context.Context, bus Bus, name string) {
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	for {
		data, err := json.Marshal(n.Report(name, time.Now()))
		if err == nil {
			err = bus.PublishReport(data)
		}
		if err != nil {
			n.config.Log.Debug("not reported", "why", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-n.swapped:
		}
	}
}
