// Package tally counts what a name server answers: for how long it sent the clients of each demand class to each site.
//
// It stands beside the query path, which only adds; gslb/node takes what was added into every report to the hub, where
// gslb/loop estimates the demand from it. A Service belongs to one service with one set of demand classes; any number of
// goroutines may add to it.
package tally

import "sync/atomic"

// Service counts for one service.
type Service struct {
	rows      []atomic.Pointer[[]atomic.Int64] // by demand class; nil until its first answer
	endpoints int
}

// New makes an empty tally for demand classes and endpoints by their numbers.
func New(classes, endpoints int) *Service {
	return &Service{rows: make([]atomic.Pointer[[]atomic.Int64], classes), endpoints: endpoints}
}

// Add counts an answer by its TTL. What is not of the tally is not counted.
func (s *Service) Add(class, endpoint int, ttlSeconds int64) {
	if s == nil || class < 0 || class >= len(s.rows) || endpoint < 0 || endpoint >= s.endpoints {
		return
	}
	row := s.rows[class].Load()
	if row == nil {
		row = s.begin(class)
	}
	(*row)[endpoint].Add(ttlSeconds)
}

// begin makes a class' row; of several that try at once, one wins.
func (s *Service) begin(class int) *[]atomic.Int64 {
	row := make([]atomic.Int64, s.endpoints)
	if s.rows[class].CompareAndSwap(nil, &row) {
		return &row
	}
	return s.rows[class].Load()
}

// Take gives what was added since the last Take to count, and begins anew.
func (s *Service) Take(count func(class, endpoint int, seconds int64)) {
	if s == nil {
		return
	}
	for class := range s.rows {
		row := s.rows[class].Load()
		if row == nil {
			continue
		}
		for endpoint := range *row {
			if seconds := (*row)[endpoint].Swap(0); seconds > 0 {
				count(class, endpoint, seconds)
			}
		}
	}
}
