package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// maxWorkBytes leaves room for what JetStream adds to a value of 1 MiB.
const maxWorkBytes = wire.MaxPayloadBytes - 4096

// maxKeyBytes bounds a bundle's key.
const maxKeyBytes = 512

// PutBundle stores one bundle of a site's work under a key such as "shop/Deployment/chat", at most 1 MiB less 4 KiB.
// Keys have letters, digits and -/_=. in them. Sites see the bundle once an inventory lists it.
func (h *Hub) PutBundle(ctx context.Context, site, key string, data []byte) error {
	return h.putWork(ctx, site, bundleKey(site, key), data)
}

// DeleteBundle removes a bundle; none is fine. Put the inventory without it first.
func (h *Hub) DeleteBundle(ctx context.Context, site, key string) error {
	if err := checkWork(site, bundleKey(site, key), nil); err != nil {
		return err
	}
	err := h.withWorkStream(ctx, func(stream jetstream.Stream) error {
		return stream.Purge(ctx, jetstream.WithPurgeSubject(workPrefix+bundleKey(site, key)))
	})
	if err != nil {
		return fmt.Errorf("delete bundle %s of site %s: %w", key, site, err)
	}
	return nil
}

// Bundles lists the keys of the bundles that the bus holds for a site, in order.
func (h *Hub) Bundles(ctx context.Context, site string) (keys []string, err error) {
	if err := gslb.CheckLabel(site); err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	err = h.withWorkStream(ctx, func(stream jetstream.Stream) error {
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(workPrefix+bundleKey(site, ">")))
		if err != nil {
			return err
		}
		keys = keys[:0]
		for subject := range info.State.Subjects {
			keys = append(keys, strings.TrimPrefix(subject, workPrefix+bundleKey(site, "")))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the bundles of site %s: %w", site, err)
	}
	slices.Sort(keys)
	return keys, nil
}

// The work bucket's stream and subjects, as NATS defines them (its ADR-8). They are used where the client would make a
// consumer or leave a marker for each deleted key.
const (
	workStream = "KV_" + workBucket
	workPrefix = "$KV." + workBucket + "."
)

func (h *Hub) withWorkStream(ctx context.Context, f func(jetstream.Stream) error) error {
	return h.withBuckets(ctx, func(*buckets) error {
		stream, err := h.js.Stream(ctx, workStream)
		if err != nil {
			return err
		}
		return f(stream)
	})
}

// PutInventory stores a site's inventory, at most 1 MiB less 4 KiB, and tells the site.
func (h *Hub) PutInventory(ctx context.Context, site string, data []byte) error {
	if err := h.putWork(ctx, site, inventoryKey(site), data); err != nil {
		return err
	}
	h.note(wire.WorkNote(site), "")
	return nil
}

// Inventory is the site's inventory as the bus holds it. ErrNotFound: there is none yet.
func (h *Hub) Inventory(ctx context.Context, site string) ([]byte, error) {
	return h.getWork(ctx, inventoryKey(site))
}

func inventoryKey(site string) string { return site + ".inventory" }

func bundleKey(site, key string) string { return site + ".bundle." + key }

func (h *Hub) putWork(ctx context.Context, site, key string, data []byte) error {
	if err := checkWork(site, key, data); err != nil {
		return err
	}
	err := h.withBuckets(ctx, func(b *buckets) error {
		_, err := b.work.Put(ctx, key, data)
		return err
	})
	if err != nil {
		return fmt.Errorf("put work %s: %w", key, err)
	}
	return nil
}

func checkWork(site, key string, data []byte) error {
	if err := gslb.CheckLabel(site); err != nil {
		return fmt.Errorf("site: %w", err)
	}
	if strings.ContainsAny(key, "*> \t\r\n") {
		return fmt.Errorf("work %q: the key has a character that is not in -/_=. or a letter or digit", key)
	}
	if len(key) > maxKeyBytes {
		return fmt.Errorf("work %s: the key has %d bytes, the limit is %d", key, len(key), maxKeyBytes)
	}
	if len(data) > maxWorkBytes {
		return fmt.Errorf("work %s: %d bytes, the limit is %d: split the workload", key, len(data), maxWorkBytes)
	}
	return nil
}

func (h *Hub) getWork(ctx context.Context, key string) (data []byte, err error) {
	err = h.withBuckets(ctx, func(b *buckets) error {
		entry, err := b.work.Get(ctx, key)
		if err == nil {
			data = entry.Value()
		}
		return err
	})
	if errors.Is(err, jetstream.ErrInvalidKey) {
		err = fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read work %s: %w", key, notFound(err))
	}
	return data, nil
}
