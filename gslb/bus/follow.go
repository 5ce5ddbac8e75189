package bus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// askTimeout bounds one question to the hub.
const askTimeout = 5 * time.Second

// FollowMap calls deliver with the signed head, once on connecting and then within milliseconds of every move, until
// ctx ends; it then returns ctx's error. Only a head that differs from the last one taken is delivered, never two at a
// time, and not one per move: the newest wins. deliver fetches the map with FetchMap. If it returns an error, the head
// counts as not taken and is delivered again after Config.Reread; so a head that is refused for good returns nil.
// A lost bus or an empty one delivers nothing. Heads are as the bus holds them: deliver verifies the signature and that
// the generation is newer. Only name servers may.
func (m *Member) FollowMap(ctx context.Context, deliver func(ctx context.Context, head []byte) error) error {
	return m.follow(ctx, wire.MapNote, wire.Head, deliver)
}

// FollowWork calls deliver with the site's inventory, as FollowMap does with the head. deliver fetches the bundles it
// lacks with FetchBundle, compares their digests with the inventory's, and takes only an inventory with a newer
// revision than it has. A lost bus or an empty one delivers nothing. Only sites may.
func (m *Member) FollowWork(ctx context.Context, deliver func(ctx context.Context, inventory []byte) error) error {
	return m.follow(ctx, wire.WorkNote(m.name), wire.Inventory, deliver)
}

// follow asks for op on every note, on every connection and every Config.Reread, and delivers what is new.
func (m *Member) follow(ctx context.Context, note string, op wire.Operation, deliver func(context.Context, []byte) error) error {
	wake := m.watch()
	defer m.unwatch(wake)
	select {
	case <-m.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	sub, err := m.conn.Load().Subscribe(note, func(*nats.Msg) { poke(wake) })
	if err != nil {
		return fmt.Errorf("follow %s: %w", note, err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	var taken []byte
	for ctx.Err() == nil {
		taken = m.deliverNew(ctx, op, taken, deliver)
		m.idle(ctx, wake)
	}
	return ctx.Err()
}

// deliverNew delivers what the hub holds now, unless it is what was taken last, and returns what is taken now.
func (m *Member) deliverNew(ctx context.Context, op wire.Operation, taken []byte, deliver func(context.Context, []byte) error) []byte {
	answer, err := m.ask(ctx, op, nil)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrOffline) && !errors.Is(err, ErrNotFound) {
			m.cfg.Logger.Warn("the hub did not answer; asking again", "member", m.name, "for", op, "error", err)
		}
		return taken
	}
	if taken != nil && bytes.Equal(answer.Data, taken) {
		return taken
	}
	if err := deliver(ctx, answer.Data); err != nil {
		m.count.deliveryErrors.Add(1)
		m.cfg.Logger.Warn("what the hub sent was not taken; trying again", "member", m.name, "what", op, "error", err)
		return nil
	}
	return answer.Data
}

// idle waits for a signal, for Config.Reread, or for the end.
func (m *Member) idle(ctx context.Context, wake <-chan struct{}) {
	timer := time.NewTimer(jitter(m.cfg.Reread, 20))
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// FetchMap reads the map of a digest ("sha256:" and 64 hexadecimal digits), at most 64 MiB, and verifies the digest.
// ErrNotFound: the bus does not hold it. Only name servers may.
func (m *Member) FetchMap(ctx context.Context, digest string) ([]byte, error) {
	data, err := m.fetchMap(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("fetch map %s: %w", digest, err)
	}
	return data, nil
}

func (m *Member) fetchMap(ctx context.Context, digest string) ([]byte, error) {
	data, err := m.fetchObject(ctx, wire.Object, digest)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if digest != "sha256:"+hex.EncodeToString(sum[:]) {
		return nil, errors.New("the bytes have another digest")
	}
	return data, nil
}

// FetchTable reads the geo table of a digest, at most 64 MiB. The digest is of what is in the file, so the caller decodes
// and compares it. ErrNotFound: the bus does not hold it. Only name servers may.
func (m *Member) FetchTable(ctx context.Context, digest string) ([]byte, error) {
	data, err := m.fetchObject(ctx, wire.Table, digest)
	if err != nil {
		return nil, fmt.Errorf("fetch geo table %s: %w", digest, err)
	}
	return data, nil
}

// fetchObject reads an object chunk by chunk.
func (m *Member) fetchObject(ctx context.Context, op wire.Operation, digest string) (data []byte, err error) {
	for {
		chunk, size, err := m.fetchChunk(ctx, op, digest, len(data))
		if err != nil {
			return nil, err
		}
		data = append(data, chunk...)
		if len(data) == size {
			return data, nil
		}
		if len(data) > size || len(chunk) == 0 {
			return nil, fmt.Errorf("the hub sent %d bytes of %d", len(data), size)
		}
	}
}

// fetchChunk reads what follows offset, and the size of the whole.
func (m *Member) fetchChunk(ctx context.Context, op wire.Operation, digest string, offset int) (chunk []byte, size int, err error) {
	request, err := json.Marshal(wire.ObjectRequest{Digest: digest, Offset: offset})
	if err != nil {
		return nil, 0, err
	}
	answer, err := m.ask(ctx, op, request)
	if err != nil {
		return nil, 0, err
	}
	size, err = strconv.Atoi(answer.Header.Get(wire.SizeHeader))
	if err != nil || size < 0 || size > wire.MaxObjectBytes {
		return nil, 0, fmt.Errorf("the hub gave its size as %q", answer.Header.Get(wire.SizeHeader))
	}
	return answer.Data, size, nil
}

// FetchBundle reads one bundle of the site's own work by its key. ErrNotFound: there is none.
func (m *Member) FetchBundle(ctx context.Context, key string) ([]byte, error) {
	answer, err := m.ask(ctx, wire.Bundle, []byte(key))
	if err != nil {
		return nil, fmt.Errorf("fetch bundle %s: %w", key, err)
	}
	return answer.Data, nil
}

// ask puts one question to the hub.
func (m *Member) ask(ctx context.Context, op wire.Operation, data []byte) (*nats.Msg, error) {
	if !m.Connected() {
		return nil, ErrOffline
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := m.conn.Load().RequestWithContext(ctx, wire.Ask(m.name, op), data)
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, fmt.Errorf("%w: no hub listens", ErrOffline)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the hub for %s: %w", op, err)
	}
	return answer, answerError(answer)
}

func answerError(answer *nats.Msg) error {
	switch text := answer.Header.Get(wire.ErrorHeader); text {
	case "":
		return nil
	case wire.ErrNone:
		return ErrNotFound
	case wire.ErrRefused:
		return ErrRefused
	default:
		return fmt.Errorf("the hub answered %q", text)
	}
}
