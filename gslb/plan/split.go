package plan

import (
	"slices"
	"strings"

	"tidegate.dev/tidegate/gslb"
)

// SiteShare is the part of a demand class that a site gets.
type SiteShare struct {
	Site  gslb.SiteID `json:"site"`
	Share gslb.Share  `json:"share"`
}

// Split says which sites a demand class of one service goes to: what the hub's solver found. Shares are sorted by site,
// above zero, and sum to gslb.WholeShare.
type Split struct {
	Class  ClassKey    `json:"class"`
	Shares []SiteShare `json:"shares"`
}

// Splits are those of a compiled service, by demand class. They never change.
type Splits struct {
	at     []splitAt // by demand class
	shares []EndpointShare
}

// EndpointShare is the part of a demand class that an endpoint gets.
type EndpointShare struct {
	Seed     uint64 // the endpoint's, so that a choice has it at hand
	Endpoint int32  // an index into the service's
	Share    gslb.Share
}

// splitAt is one class' part of Splits.shares, none of them where the class is not split, and how widely it is cut.
type splitAt struct {
	first    uint32
	count    uint16
	unitBits [Families]uint8
}

// Of is the shares of a demand class, by its index, nil where it has no split, and the prefix length that cuts its networks
// into units of at most 1/256 of its demand. Client is the family of the client's address. The shares must not be changed.
func (s *Splits) Of(demand int, client Family) (shares []EndpointShare, unitBits int) {
	if s == nil || demand < 0 {
		return nil, 0
	}
	at := &s.at[demand]
	if at.count == 0 {
		return nil, 0
	}
	end := at.first + uint32(at.count)
	return s.shares[at.first:end:end], int(at.unitBits[client])
}

// splits resolves a service's splits; nil if it has none. Unknown counts those that name no class of the service: the map
// was planned with another geo table. They are left out, and so are shares of sites that are no endpoint.
func (s *CompiledService) splits() (out *Splits, unknown int) {
	if len(s.Spec.Splits) == 0 {
		return nil, 0
	}
	demand := s.Demand
	out = &Splits{at: make([]splitAt, len(demand.List))}
	for _, split := range s.Spec.Splits {
		index, known := demand.Find(split.Class)
		if !known {
			unknown++
			continue
		}
		first := len(out.shares)
		out.shares = s.appendShares(out.shares, split.Shares)
		class := &demand.List[index]
		out.at[index] = splitAt{
			first: uint32(first), count: uint16(len(out.shares) - first),
			unitBits: [Families]uint8{uint8(class.UnitBits(IPv4)), uint8(class.UnitBits(IPv6))},
		}
	}
	return out, unknown
}

func (s *CompiledService) appendShares(list []EndpointShare, shares []SiteShare) []EndpointShare {
	for _, share := range shares {
		at, found := slices.BinarySearchFunc(s.All.BySite, share.Site, func(endpoint int32, site gslb.SiteID) int {
			return strings.Compare(string(s.Endpoints[endpoint].Site), string(site))
		})
		if found {
			endpoint := s.All.BySite[at]
			list = append(list, EndpointShare{Seed: s.Endpoints[endpoint].Seed, Endpoint: endpoint, Share: share.Share})
		}
	}
	return list
}
