package hub

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// shelf is an object store of the bus, with the objects that members asked for last in memory.
type shelf struct {
	// store is its name on the bus, of its handle.
	store  string
	handle func(*buckets) jetstream.ObjectStore
	// check holds an object that was read against its name; nil: who asked for it does.
	check func(name string, data []byte) error
	// newest is in memory. Hub.mu guards it.
	newest []object
}

type object struct {
	name string
	data []byte
}

func mapShelf() shelf {
	return shelf{store: mapStore, handle: func(b *buckets) jetstream.ObjectStore { return b.maps }, check: checkDigest}
}

func tableShelf() shelf {
	return shelf{store: tableStore, handle: func(b *buckets) jetstream.ObjectStore { return b.tables }}
}

// digestOf is the name of a map.
func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func checkDigest(name string, data []byte) error {
	if digestOf(data) != name {
		return fmt.Errorf("the bytes of %s have another digest", name)
	}
	return nil
}

// keepObjects is how many objects of a shelf stay in memory: the newest, and the one before it for whoever is still reading.
const keepObjects = 2

func (s *shelf) drop(name string) {
	s.newest = slices.DeleteFunc(s.newest, func(have object) bool { return have.name == name })
}

func (s *shelf) add(name string, data []byte) {
	s.drop(name)
	s.newest = slices.Insert(s.newest, 0, object{name, data})
	s.newest = s.newest[:min(len(s.newest), keepObjects)]
}

func (s *shelf) get(name string) ([]byte, bool) {
	for _, have := range s.newest {
		if have.name == name {
			return have.data, true
		}
	}
	return nil, false
}

// The object store's stream and subjects, as NATS defines them (its ADR-20). List and Delete of the client are not used:
// List makes a consumer each time, and Delete leaves a marker for each name.
func (s *shelf) stream() string            { return "OBJ_" + s.store }
func (s *shelf) meta(suffix string) string { return "$O." + s.store + ".M." + suffix }
func (s *shelf) data(nuid string) string   { return "$O." + s.store + ".C." + nuid }

// chunked is how objects are cut: one chunk is one message.
var chunked = &jetstream.ObjectMetaOptions{ChunkSize: 512 << 10}

// put stores an object, unless it is there, as the newest of its shelf. The shelf keeps data.
func (h *Hub) put(ctx context.Context, s *shelf, name string, data []byte) error {
	err := h.withBuckets(ctx, func(b *buckets) error {
		store := s.handle(b)
		if info, err := store.GetInfo(ctx, name); err == nil && info.Size == uint64(len(data)) {
			return store.UpdateMeta(ctx, name, info.ObjectMeta) // it is the newest again
		}
		_, err := store.Put(ctx, jetstream.ObjectMeta{Name: name, Opts: chunked}, bytes.NewReader(data))
		return err
	})
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.add(name, data)
	return nil
}

// object is an object from memory or from the bus.
func (h *Hub) object(ctx context.Context, s *shelf, name string) ([]byte, error) {
	h.mu.Lock()
	data, found := s.get(name)
	h.mu.Unlock()
	if found {
		return data, nil
	}
	err := h.withBuckets(ctx, func(b *buckets) error {
		stream, err := h.js.Stream(ctx, s.stream())
		if err != nil {
			return err
		}
		info, err := s.handle(b).GetInfo(ctx, name)
		if err != nil {
			return notFound(err)
		}
		data, err = s.read(ctx, stream, info)
		return notFound(err)
	})
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.add(name, data)
	return data, nil
}

// read reads an object chunk by chunk; the client's own way makes a consumer each time.
func (s *shelf) read(ctx context.Context, stream jetstream.Stream, info *jetstream.ObjectInfo) ([]byte, error) {
	if info.Size > wire.MaxObjectBytes {
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", info.Name, info.Size, wire.MaxObjectBytes)
	}
	data := make([]byte, 0, info.Size)
	for next := uint64(1); uint64(len(data)) < info.Size; {
		chunk, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(s.data(info.NUID)))
		if err != nil {
			return nil, err
		}
		data, next = append(data, chunk.Data...), chunk.Sequence+1
	}
	if s.check == nil {
		return data, nil
	}
	return data, s.check(info.Name, data)
}

// removeOld removes all objects but the newest few, by remove.
func (h *Hub) removeOld(ctx context.Context, s *shelf, keep int, remove func(jetstream.Stream, *jetstream.ObjectInfo) error) error {
	return h.withBuckets(ctx, func(b *buckets) error {
		stream, err := h.js.Stream(ctx, s.stream())
		if err != nil {
			return err
		}
		infos, err := s.list(ctx, stream, s.handle(b))
		if err != nil {
			return err
		}
		for _, info := range outdated(infos, keep) {
			if err := remove(stream, info); err != nil {
				return fmt.Errorf("remove %s: %w", info.Name, err)
			}
		}
		return nil
	})
}

func (s *shelf) list(ctx context.Context, stream jetstream.Stream, store jetstream.ObjectStore) ([]*jetstream.ObjectInfo, error) {
	subjects, err := stream.Info(ctx, jetstream.WithSubjectFilter(s.meta(">")))
	if err != nil {
		return nil, err
	}
	var infos []*jetstream.ObjectInfo
	for subject := range subjects.State.Subjects {
		name, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(subject, s.meta("")))
		if err != nil {
			continue // not an object
		}
		info, err := store.GetInfo(ctx, string(name))
		if errors.Is(err, jetstream.ErrObjectNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// outdated are the objects beyond the newest few.
func outdated(infos []*jetstream.ObjectInfo, keep int) []*jetstream.ObjectInfo {
	slices.SortFunc(infos, func(a, b *jetstream.ObjectInfo) int {
		return cmp.Or(b.ModTime.Compare(a.ModTime), cmp.Compare(a.Name, b.Name))
	})
	return infos[min(len(infos), keep):]
}

// remove takes an object out: first its name, then its bytes.
func (h *Hub) remove(ctx context.Context, s *shelf, stream jetstream.Stream, info *jetstream.ObjectInfo) error {
	subject := s.meta(base64.URLEncoding.EncodeToString([]byte(info.Name)))
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
		return err
	}
	h.mu.Lock()
	s.drop(info.Name)
	h.mu.Unlock()
	return stream.Purge(ctx, jetstream.WithPurgeSubject(s.data(info.NUID)))
}
