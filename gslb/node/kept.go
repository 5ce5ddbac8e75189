package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/plan"
)

// Restore proposes the newest kept map of the bus that verifies. Verify opens a signed head.
func (n *Node) Restore(ctx context.Context, verify func(signedHead []byte) (plan.Head, error)) error {
	return n.restore(ctx, keep.Bus, verify)
}

// RestoreWorld proposes the newest kept world that is whole.
func (n *Node) RestoreWorld(ctx context.Context) error {
	return n.restore(ctx, keep.World, openWorldHead)
}

func (n *Node) restore(ctx context.Context, source keep.Source, open func([]byte) (plan.Head, error)) error {
	if n.config.Folder == nil {
		return nil
	}
	_, found, refused := n.config.Folder.Newest(source, func(k keep.Kept) error {
		head, err := open(k.Head)
		if err != nil {
			return err
		}
		return n.Propose(ctx, Proposal{Head: head, SignedHead: k.Head, Data: k.Data, Trusted: source == keep.World, Kept: true})
	})
	if refused != nil {
		n.config.Log.Warn("kept maps were passed over", "why", refused)
	}
	if !found && ctx.Err() == nil {
		n.config.Log.Info("no map is kept on disk")
	}
	return ctx.Err()
}

// keep keeps a map that is served.
func (l *loop) keep(p Proposal) {
	if l.node.config.Folder == nil || p.Kept || p.SignedHead == nil && !p.Trusted {
		return
	}
	kept := keep.Kept{Source: keep.Bus, Generation: p.Head.Generation, Head: p.SignedHead, Data: p.Data}
	var err error
	if p.Trusted {
		kept.Source = keep.World
		kept.Head, err = json.Marshal(worldHead{p.Head})
	}
	if err == nil {
		err = l.node.config.Folder.Save(kept)
	}
	if err != nil {
		l.node.config.Log.Error("the map is served but could not be kept on disk", "why", err)
	}
}

// worldHead is the head of a kept world. It is not signed: whoever may write the folder may write the world file. Its key
// tells it from a signed head.
type worldHead struct {
	World plan.Head `json:"world"`
}

func openWorldHead(data []byte) (plan.Head, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var head worldHead
	if err := decoder.Decode(&head); err != nil {
		return plan.Head{}, fmt.Errorf("read the head of a kept world: %w", err)
	}
	return head.World, nil
}

// keptWorld is the head of the newest kept world, whether the world itself is whole or not; the zero head if there is none.
func (n *Node) keptWorld() (newest plan.Head) {
	if n.config.Folder == nil {
		return plan.Head{}
	}
	_, _, refused := n.config.Folder.Newest(keep.World, func(k keep.Kept) error {
		head, err := openWorldHead(k.Head)
		newest = head
		return err
	})
	if refused != nil {
		n.config.Log.Warn("kept worlds were passed over", "why", refused)
	}
	return newest
}
