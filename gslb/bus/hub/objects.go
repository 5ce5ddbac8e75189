package hub

import (
	"context"
	"encoding/base64"
	"slices"
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

func (o *objects) add(digest string, data []byte) {
	o.newest = slices.DeleteFunc(o.newest, func(have object) bool { return have.digest == digest })
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
	err := h.withBuckets(ctx, func(b *buckets) (err error) {
		data, err = b.maps.GetBytes(ctx, digest)
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

// objectToken is an object's name in the object store's subjects.
func objectToken(name string) string { return base64.URLEncoding.EncodeToString([]byte(name)) }
