package enroll_test

import (
	"context"
	"sync"

	"tidegate.dev/tidegate/controlplane/enroll"
)

// memory is a Store that forgets with the process; its methods may be called from several goroutines.
type memory struct {
	mu      sync.Mutex
	records map[string]enroll.Record
}

var _ enroll.Store = (*memory)(nil)

func newMemory() *memory { return &memory{records: map[string]enroll.Record{}} }

func (m *memory) Add(_ context.Context, r enroll.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records[r.Hash] = r
	return nil
}

func (m *memory) Get(_ context.Context, hash string) (enroll.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, found := m.records[hash]
	if !found {
		return enroll.Record{}, enroll.ErrNoRecord
	}
	return r, nil
}

func (m *memory) Use(_ context.Context, hash, publicKey string) (enroll.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, found := m.records[hash]
	if !found {
		return enroll.Record{}, enroll.ErrNoRecord
	}
	if r.UsedBy == "" {
		r.UsedBy = publicKey
		m.records[hash] = r
	}
	return r, nil
}
