package hub

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

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
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrObjectNotFound) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// PublishMap stores an encoded map, at most 64 MiB, and returns its digest ("sha256:..."). It is idempotent.
func (h *Hub) PublishMap(ctx context.Context, data []byte) (digest string, err error) {
	if len(data) == 0 || len(data) > wire.MaxObjectBytes {
		return "", fmt.Errorf("publish a map: %d bytes, want 1 to %d", len(data), wire.MaxObjectBytes)
	}
	sum := sha256.Sum256(data)
	digest = "sha256:" + hex.EncodeToString(sum[:])
	err = h.withBuckets(ctx, func(b *buckets) error {
		if info, err := b.maps.GetInfo(ctx, digest); err == nil && info.Size == uint64(len(data)) {
			return b.maps.UpdateMeta(ctx, digest, info.ObjectMeta) // it is the newest again
		}
		_, err := b.maps.Put(ctx, jetstream.ObjectMeta{Name: digest}, bytes.NewReader(data))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("publish map %s: %w", digest, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.objects.add(digest, bytes.Clone(data))
	return digest, nil
}

// MoveHead makes signed the head, if the head is still at revision expected (NoHead: if there is none), and tells the
// name servers. digest is the map that signed names; it must have been published. Maps older than the last 10 are then
// removed, never the head's. Errors: ErrConflict, ErrNotFound for the map.
func (h *Hub) MoveHead(ctx context.Context, signed []byte, digest string, expected Revision) (at Revision, err error) {
	err = h.withBuckets(ctx, func(b *buckets) error {
		if _, err := b.maps.GetInfo(ctx, digest); err != nil {
			return notFound(err)
		}
		revision, err := setHead(ctx, b.head, signed, expected)
		at = Revision(revision)
		return err
	})
	if errors.Is(err, ErrConflict) {
		h.count.conflicts.Add(1)
	}
	if err != nil {
		return NoHead, fmt.Errorf("move the head to %s: %w", digest, err)
	}
	h.count.headsMoved.Add(1)
	h.mu.Lock()
	h.headDigest = digest
	h.mu.Unlock()
	poke(h.prune)
	h.note(wire.MapNote, strconv.FormatUint(uint64(at), 10))
	return at, nil
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
	return h.withBuckets(ctx, func(b *buckets) error {
		infos, err := b.maps.List(ctx)
		if errors.Is(err, jetstream.ErrNoObjectsFound) {
			return nil
		}
		if err != nil {
			return err
		}
		h.mu.Lock()
		head := h.headDigest
		h.mu.Unlock()
		for _, digest := range outdated(infos, head) {
			if err := h.removeMap(ctx, b.maps, digest); err != nil {
				return fmt.Errorf("remove map %s: %w", digest, err)
			}
		}
		return nil
	})
}

// outdated are the maps beyond the newest keepMaps, without the head's.
func outdated(infos []*jetstream.ObjectInfo, head string) []string {
	slices.SortFunc(infos, func(a, b *jetstream.ObjectInfo) int {
		return cmp.Or(b.ModTime.Compare(a.ModTime), cmp.Compare(a.Name, b.Name))
	})
	var old []string
	for i, info := range infos {
		if i >= keepMaps && info.Name != head {
			old = append(old, info.Name)
		}
	}
	return old
}

// removeMap deletes an object, and the marker that the object store leaves in its place: digests do not come back.
func (h *Hub) removeMap(ctx context.Context, maps jetstream.ObjectStore, digest string) error {
	if err := maps.Delete(ctx, digest); err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return err
	}
	stream, err := h.js.Stream(ctx, "OBJ_"+mapStore)
	if err != nil {
		return err
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject("$O."+mapStore+".M."+objectToken(digest)))
}
