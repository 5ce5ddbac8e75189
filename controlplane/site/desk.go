package site

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/gslb/plan"
)

// desk is where work arrives: it takes inventories from the bus, keeps them, and tells the rest of the agent.
type desk struct {
	bus  Bus
	keep Keep
	log  *slog.Logger
	wake func()

	mu      sync.Mutex
	desired Desired
	problem error // why the newest inventory was not taken
}

// current is the work to run. It is not changed once it was handed out.
func (d *desk) current() (Desired, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.desired, d.problem
}

// deliver takes one inventory, whole or not at all. An error asks the bus to deliver it again.
func (d *desk) deliver(ctx context.Context, data []byte) error {
	err := d.take(ctx, data)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problem = err
	return err
}

func (d *desk) take(ctx context.Context, data []byte) error {
	var inventory work.Inventory
	if err := json.Unmarshal(data, &inventory); err != nil {
		return fmt.Errorf("read the inventory: %w", err)
	}
	now, _ := d.current()
	if !newer(inventory, now) {
		if inventory.Revision < now.Inventory.Revision {
			d.log.Warn("an old inventory is left alone", "revision", inventory.Revision, "have", now.Inventory.Revision)
		}
		return nil
	}
	next := Desired{Inventory: inventory, Bundles: map[string]work.Bundle{}}
	for key, digest := range inventory.Bundles {
		b, err := d.bundle(ctx, key, digest)
		if err != nil {
			return fmt.Errorf("inventory %d is not taken: %w", inventory.Revision, err)
		}
		next.Bundles[key] = b
	}
	if err := d.keep.SaveInventory(inventory); err != nil {
		return err
	}
	d.mu.Lock()
	d.desired = next
	d.mu.Unlock()
	d.log.Info("new work", "revision", inventory.Revision, "bundles", len(next.Bundles))
	d.wake()
	return nil
}

// newer says whether an inventory is to be taken: it has a higher revision, or it is the one that counts and some of its
// bundles were lost.
func newer(inventory work.Inventory, now Desired) bool {
	if inventory.Revision == now.Inventory.Revision && inventory.Revision > 0 {
		return !now.complete()
	}
	return inventory.Revision > now.Inventory.Revision
}

// bundle reads a bundle from the disk or else from the bus, and keeps it.
func (d *desk) bundle(ctx context.Context, key string, digest plan.Digest) (work.Bundle, error) {
	if data, ok := d.keep.Bundle(digest); ok {
		return decodeBundle(key, data)
	}
	data, err := d.bus.FetchBundle(ctx, key)
	if err != nil {
		return work.Bundle{}, err
	}
	if got := plan.DigestOf(data); got != digest {
		return work.Bundle{}, fmt.Errorf("bundle %s has digest %s, the inventory says %s", key, got, digest)
	}
	b, err := decodeBundle(key, data)
	if err != nil {
		return work.Bundle{}, err
	}
	return b, d.keep.SaveBundle(digest, data)
}
