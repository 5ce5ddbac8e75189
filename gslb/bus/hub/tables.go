package hub

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// keepTables is how many geo tables stay on the bus: the one that was published last, and the one before it for who still
// fetches that.
const keepTables = 2

// PublishTable stores a geo table's file, at most 64 MiB, under the table's digest, and removes all but the one before it.
// It is idempotent, and keeps data, which must not change any more. Name servers read it; nobody but the hub writes it.
func (h *Hub) PublishTable(ctx context.Context, digest string, data []byte) error {
	if len(data) == 0 || len(data) > wire.MaxObjectBytes {
		return fmt.Errorf("publish geo table %s: %d bytes, want 1 to %d", digest, len(data), wire.MaxObjectBytes)
	}
	h.tabling.Lock()
	defer h.tabling.Unlock()
	if err := h.put(ctx, &h.tables, digest, data); err != nil {
		return fmt.Errorf("publish geo table %s: %w", digest, err)
	}
	err := h.removeOld(ctx, &h.tables, keepTables, func(stream jetstream.Stream, info *jetstream.ObjectInfo) error {
		if info.Name == digest {
			return nil
		}
		return h.remove(ctx, &h.tables, stream, info)
	})
	if err != nil {
		return fmt.Errorf("remove old geo tables: %w", err)
	}
	return nil
}
