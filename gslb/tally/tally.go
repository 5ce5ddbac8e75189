// Package tally counts what a name server answers: for how long it sent the clients of each demand class to each site, and
// to which resolvers, as far as those are the heaviest.
//
// It stands beside the query path, which only adds; gslb/node takes what was added into every report to the hub, where
// gslb/loop estimates the demand from it, that of heavy resolvers apart. A Service belongs to one service with one set of
// demand classes, Resolvers to all services of a name server; any number of goroutines may add to them. It is pure.
package tally

import (
	"net/netip"
	"sync/atomic"
)

// Service counts for one service.
type Service struct {
	rows      []atomic.Pointer[[]atomic.Int64] // by demand class; nil until its first answer
	endpoints int
	resolvers *Resolvers // nil: single resolvers are not counted
	number    uint32     // in resolvers
}

// New makes an empty tally for demand classes and endpoints by their numbers, at most 65,536 of each.
func New(classes, endpoints int) *Service {
	return &Service{rows: make([]atomic.Pointer[[]atomic.Int64], classes), endpoints: endpoints}
}

// Counting has the tally count single resolvers too, in a table that services share. It is called before the first answer.
func (s *Service) Counting(resolvers *Resolvers) *Service {
	if resolvers != nil {
		s.resolvers, s.number = resolvers, resolvers.last.Add(1)
	}
	return s
}

// Number is the service's in the table of resolvers, from 1 on; 0 if they are not counted.
func (s *Service) Number() uint32 {
	if s == nil {
		return 0
	}
	return s.number
}

// AddResolver counts an answer to a resolver that sent no client subnet, by its TTL, beside Add.
func (s *Service) AddResolver(class, endpoint int, resolver netip.Addr, ttlSeconds int64) {
	if !s.has(class, endpoint) || s.resolvers == nil {
		return
	}
	s.resolvers.add(keyOf(resolver, s.number, class, endpoint), ttlSeconds)
}

// Add counts an answer by its TTL. What is not of the tally is not counted.
func (s *Service) Add(class, endpoint int, ttlSeconds int64) {
	if !s.has(class, endpoint) {
		return
	}
	row := s.rows[class].Load()
	if row == nil {
		row = s.begin(class)
	}
	(*row)[endpoint].Add(ttlSeconds)
}

// has says whether the tally is of a class and an endpoint. A fallback's answers are of none.
func (s *Service) has(class, endpoint int) bool {
	return s != nil && class >= 0 && class < len(s.rows) && endpoint >= 0 && endpoint < s.endpoints
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
