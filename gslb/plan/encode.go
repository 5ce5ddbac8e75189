package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// MaxEncodedBytes bounds an encoded map; a larger one is refused, never half read.
const MaxEncodedBytes = 64 << 20

// Digest is the content address of an encoded map: "sha256:" and 64 hexadecimal digits.
type Digest string

// DigestOf is the content address of data.
func DigestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// ErrEncoding is the reason for every encoded map that Decode refuses.
var ErrEncoding = errors.New("not an encoded map")

// Canonical sorts sites, zones, services, aliases, addresses, fallbacks, splits and resolvers, so that equal worlds have one
// encoding. Endpoints keep their order, which is the order of failover. The map must not be shared yet.
func (m *Map) Canonical() {
	m.Schema = Schema
	m.Sites, m.Services = noneIsNil(m.Sites), noneIsNil(m.Services)
	slices.SortFunc(m.Sites, func(a, b Site) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(m.Zones, func(a, b Zone) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(m.Services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	for i := range m.Services {
		slices.Sort(m.Services[i].Aliases)
		m.Services[i].Steering.Canonical()
		for j := range m.Services[i].Endpoints {
			addresses := m.Services[i].Endpoints[j].Addresses
			slices.SortFunc(addresses, func(a, b Address) int { return a.Addr.Compare(b.Addr) })
		}
		m.Services[i].sortSplits()
	}
	m.HeavyResolvers = noneIsNil(m.HeavyResolvers)
	slices.SortFunc(m.HeavyResolvers, netip.Addr.Compare)
}

// Canonical sorts the fallback, the costs and each list of regions, so that equal policies are deeply equal. Residency keeps
// its order, which is the order of its rules.
func (s *Steering) Canonical() {
	s.Fallback, s.Costs, s.Residency = noneIsNil(s.Fallback), noneIsNil(s.Costs), noneIsNil(s.Residency)
	slices.SortFunc(s.Fallback, netip.Addr.Compare)
	slices.SortFunc(s.Costs, func(a, b SiteCost) int { return cmp.Compare(a.Site, b.Site) })
	for i := range s.Residency {
		slices.Sort(s.Residency[i].Clients)
		slices.Sort(s.Residency[i].Regions)
	}
}

func (s *Service) sortSplits() {
	s.Splits = noneIsNil(s.Splits)
	slices.SortFunc(s.Splits, func(a, b Split) int { return cmp.Compare(a.Class, b.Class) })
	for i := range s.Splits {
		slices.SortFunc(s.Splits[i].Shares, func(a, b SiteShare) int { return cmp.Compare(a.Site, b.Site) })
	}
}

// noneIsNil gives an empty list one encoding.
func noneIsNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// Encode writes a canonical map.
func (m *Map) Encode() ([]byte, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode map: %w", err)
	}
	if len(data) > MaxEncodedBytes {
		return nil, fmt.Errorf("encode map: %d bytes, the limit is %d: export fewer services from one hub", len(data), MaxEncodedBytes)
	}
	return data, nil
}

// Decode reads an encoded map and validates it.
func Decode(data []byte) (*Map, error) {
	if len(data) > MaxEncodedBytes {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", ErrEncoding, len(data), MaxEncodedBytes)
	}
	var m Map
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if m.Schema != Schema {
		return nil, fmt.Errorf("%w: schema %d, this build reads %d", ErrEncoding, m.Schema, Schema)
	}
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return &m, nil
}
