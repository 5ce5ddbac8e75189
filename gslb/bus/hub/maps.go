package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// keepMaps is how many published maps stay on the bus beside the head's.
const keepMaps = 10

// Revision is the bus' revision of the head. It is not a generation: it begins anew on a new disk.
type Revision uint64

// NoHead is the revision to expect of a bus without a head.
const NoHead Revision = 0

// Head is the signed head as the bus holds it. ErrNotFound: there is none yet.
func (h *Hub) Head(ctx context.Context) (signed []byte, at Revision, err error) {
	err = h.withBuckets(ctx, func(b *buckets) error {
		entry, err := b.head.Get(ctx, headKey)
		if err != nil {
			return err
		}
		signed, at = entry.Value(), Revision(entry.Revision())
		return nil
	})
	if err != nil {
		return nil, NoHead, fmt.Errorf("read the head: %w", notFound(err))
	}
	return signed, at, nil
}

// notFound is ErrNotFound for what the bus does not hold.
func notFound(err error) error {
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrObjectNotFound) ||
		errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// PublishMap stores an encoded map, at most 64 MiB, and returns its digest ("sha256:..."). It is idempotent.
func (h *Hub) PublishMap(ctx context.Context, data []byte) (digest string, err error) {
	if len(data) == 0 || len(data) > wire.MaxObjectBytes {
		return "", fmt.Errorf("publish a map: %d bytes, want 1 to %d", len(data), wire.MaxObjectBytes)
	}
	digest = digestOf(data)
	if err := h.put(ctx, &h.maps, digest, bytes.Clone(data)); err != nil {
		return "", fmt.Errorf("publish map %s: %w", digest, err)
	}
	return digest, nil
}

// MoveHead makes signed the head, if the head is still at revision expected (NoHead: if there is none), and tells the
// name servers. digest is the map that signed names; it must have been published. Maps older than the last 10 are then
// removed, never the head's. Errors: ErrConflict, ErrNotFound for the map.
func (h *Hub) MoveHead(ctx context.Context, signed []byte, digest string, expected Revision) (at Revision, err error) {
	err = h.withBuckets(ctx, func(b *buckets) (err error) {
		at, err = h.moveHead(ctx, b, signed, digest, expected)
		return err
	})
	if errors.Is(err, ErrConflict) {
		h.count.conflicts.Add(1)
	}
	if err != nil {
		return NoHead, fmt.Errorf("move the head to %s: %w", digest, err)
	}
	h.count.headsMoved.Add(1)
	poke(h.prune)
	h.note(wire.MapNote, strconv.FormatUint(uint64(at), 10))
	return at, nil
}

// moveHead moves the head to a map that is there, and that no clean-up takes away meanwhile.
func (h *Hub) moveHead(ctx context.Context, b *buckets, signed []byte, digest string, expected Revision) (Revision, error) {
	h.moving.Lock()
	defer h.moving.Unlock()
	if _, err := b.maps.GetInfo(ctx, digest); err != nil {
		return NoHead, notFound(err)
	}
	revision, err := setHead(ctx, b.head, signed, expected)
	if err == nil {
		h.headDigest = digest
	}
	return Revision(revision), err
}

func setHead(ctx context.Context, head jetstream.KeyValue, signed []byte, expected Revision) (revision uint64, err error) {
	if expected == NoHead {
		revision, err = head.Create(ctx, headKey, signed)
	} else {
		revision, err = head.Update(ctx, headKey, signed, uint64(expected))
	}
	if isConflict(err) {
		return 0, fmt.Errorf("%w: expected revision %d", ErrConflict, expected)
	}
	return revision, err
}

func isConflict(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// note tells members that something changed. A lost note is made good by their own reading.
func (h *Hub) note(subject, text string) {
	if err := h.nc.Publish(subject, []byte(text)); err != nil {
		h.cfg.Logger.Debug("note not sent", "subject", subject, "error", err)
	}
}

// noteAll has every member ask: those that were connected before the hub had no answer.
func (h *Hub) noteAll() {
	h.note(wire.MapNote, "")
	for name, m := range h.cfg.Authority.Members() {
		if m.Role == bus.Site {
			h.note(wire.WorkNote(name), "")
		}
	}
}

// pruneAll removes old maps after each move of the head.
func (h *Hub) pruneAll() {
	for {
		select {
		case <-h.prune:
		case <-h.ctx.Done():
			return
		}
		if err := h.pruneMaps(h.ctx); err != nil && h.ctx.Err() == nil {
			h.cfg.Logger.Warn("old maps are not removed; trying again after the next one", "error", err)
		}
	}
}

func (h *Hub) pruneMaps(ctx context.Context) error {
	return h.removeOld(ctx, &h.maps, keepMaps, func(stream jetstream.Stream, info *jetstream.ObjectInfo) error {
		return h.removeMap(ctx, stream, info)
	})
}

// removeMap takes a map out, unless the head names it.
func (h *Hub) removeMap(ctx context.Context, stream jetstream.Stream, info *jetstream.ObjectInfo) error {
	h.moving.Lock()
	defer h.moving.Unlock()
	if info.Name == h.headDigest {
		return nil
	}
	return h.remove(ctx, &h.maps, stream, info)
}
