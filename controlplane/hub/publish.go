package hub

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"tidegate.dev/tidegate/gslb"
	bushub "tidegate.dev/tidegate/gslb/bus/hub"
)

func publicKey(key ed25519.PrivateKey) ed25519.PublicKey {
	return key.Public().(ed25519.PublicKey) // what an ed25519 key returns
}

// publish keeps the state, stores the map and moves the head, in this order: a generation is never used twice, and no
// head names a map that is not there.
func (l *Loop) publish(ctx context.Context, in Inputs, out Outputs) error {
	state := out.State
	if out.Publish {
		state.Generation = in.NextGeneration()
	}
	if err := l.writeState(ctx, state); err != nil {
		return err
	}
	if !out.Publish {
		return nil
	}
	data, err := out.Map.Encode()
	if err != nil {
		return err
	}
	head := in.NextHead(state, data)
	signed, err := head.Sign(l.cfg.MapKey)
	if err != nil {
		return err
	}
	if _, err := l.cfg.Bus.PublishMap(ctx, data); err != nil {
		return err
	}
	revision, err := l.cfg.Bus.MoveHead(ctx, signed, string(head.Digest), l.bus.revision)
	if err != nil {
		l.bus.known = !errors.Is(err, bushub.ErrConflict) && !errors.Is(err, bushub.ErrNotFound)
		return err
	}
	l.bus.head, l.bus.revision, l.bus.current = head, revision, out.Map
	l.log.Info("map published", "generation", head.Generation, "digest", head.Digest, "services", len(out.Map.Services))
	return l.saveMap(data)
}

// saveMap keeps a copy of the published map on this machine.
func (l *Loop) saveMap(data []byte) error {
	temporary := l.cfg.MapFile + ".new"
	err := os.WriteFile(temporary, data, 0o600)
	if err == nil {
		err = os.Rename(temporary, l.cfg.MapFile)
	}
	if err != nil {
		return fmt.Errorf("save the published map: %w", err)
	}
	return nil
}

// handOut writes work to the bus: bundles, then the inventory that lists them, then it removes what is no longer
// listed. A site whose work cannot be written does not keep others from theirs.
func (l *Loop) handOut(ctx context.Context, in Inputs, out Outputs) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(out.Work)) { // in order, so that the same errors are the same text
		if err := l.handOutTo(ctx, id, in.Work[id], out.Work[id]); err != nil {
			errs = append(errs, fmt.Errorf("site %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

func (l *Loop) handOutTo(ctx context.Context, id gslb.SiteID, held SiteWork, w WorkWrite) error {
	for key, data := range w.Put {
		if err := l.cfg.Bus.PutBundle(ctx, string(id), key, data); err != nil {
			l.bus.work[id] = SiteWork{Inventory: held.Inventory, Since: held.Since, Tried: w.Inventory}
			return err
		}
	}
	data, err := json.Marshal(w.Inventory)
	if err != nil {
		return fmt.Errorf("encode inventory: %w", err)
	}
	if err := l.cfg.Bus.PutInventory(ctx, string(id), data); err != nil {
		delete(l.bus.work, id) // it may have been written or not: read it again
		return err
	}
	l.bus.work[id] = SiteWork{Inventory: w.Inventory, Since: since(held, w)}
	l.log.Info("work handed out", "site", id, "revision", w.Inventory.Revision, "bundles", len(w.Inventory.Bundles))
	for _, key := range w.Remove {
		if err := l.cfg.Bus.DeleteBundle(ctx, string(id), key); err != nil {
			return err
		}
	}
	return nil
}

// since carries over from which revision on each bundle has its present form.
func since(held SiteWork, w WorkWrite) map[string]uint64 {
	revisions := make(map[string]uint64, len(w.Inventory.Bundles))
	for key := range w.Inventory.Bundles {
		before, known := held.Since[key]
		switch _, put := w.Put[key]; {
		case put:
			revisions[key] = w.Inventory.Revision
		case known:
			revisions[key] = before
		default:
			revisions[key] = held.Inventory.Revision
		}
	}
	return revisions
}
