package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// objects are the maps that members asked for last, in memory. Hub.mu guards them.
type objects struct {
	newest []object
}

type object struct {
	digest string
	data   []byte
}

// keepObjects is how many maps stay in memory: the head's, and the one before it for whoever is still reading.
const keepObjects = 2

func (o *objects) drop(digest string) {
	o.newest = slices.DeleteFunc(o.newest, func(have object) bool { return have.digest == digest })
}

func (o *objects) add(digest string, data []byte) {
	o.drop(digest)
	o.newest = slices.Insert(o.newest, 0, object{digest, data})
	o.newest = o.newest[:min(len(o.newest), keepObjects)]
}

func (o *objects) get(digest string) ([]byte, bool) {
	for _, have := range o.newest {
		if have.digest == digest {
			return have.data, true
		}
	}
	return nil, false
}

// object is a map from memory or from the bus.
func (h *Hub) object(ctx context.Context, digest string) ([]byte, error) {
	h.mu.Lock()
	data, found := h.objects.get(digest)
	h.mu.Unlock()
	if found {
		return data, nil
	}
	err := h.withBuckets(ctx, func(b *buckets) error {
		stream, err := h.js.Stream(ctx, mapStream)
		if err != nil {
			return err
		}
		info, err := b.maps.GetInfo(ctx, digest)
		if err != nil {
			return notFound(err)
		}
		data, err = readObject(ctx, stream, info)
		return notFound(err)
	})
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.objects.add(digest, data)
	return data, nil
}

// readObject reads an object chunk by chunk; the client's own way makes a consumer each time.
func readObject(ctx context.Context, stream jetstream.Stream, info *jetstream.ObjectInfo) ([]byte, error) {
	if info.Size > wire.MaxObjectBytes {
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", info.Name, info.Size, wire.MaxObjectBytes)
	}
	data := make([]byte, 0, info.Size)
	for next := uint64(1); uint64(len(data)) < info.Size; {
		chunk, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(dataPrefix+info.NUID))
		if err != nil {
			return nil, err
		}
		data, next = append(data, chunk.Data...), chunk.Sequence+1
	}
	if digestOf(data) != info.Name {
		return nil, fmt.Errorf("the bytes of %s have another digest", info.Name)
	}
	return data, nil
}

// digestOf is the name of a map.
func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
