package tidegate

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// weight is how many networks a demand class has, and how many of them are runs of IPv6.
type weight struct{ all, runs6 int64 }

// bySplit is the contest of the sites that the client's demand class is split among, if one of them is eligible.
func (r *reference) bySplit(s *plan.Service, f plan.Family, q query) (c contest, ok bool) {
	unit := unitOf(clientAddress(q))
	if len(s.Splits) == 0 {
		return c, false
	}
	key := r.keyOf(s, r.placeOf(unit.Addr()))
	for _, split := range s.Splits {
		if split.Class != key {
			continue
		}
		for _, share := range split.Shares {
			for i := range s.Endpoints {
				if e := &s.Endpoints[i]; e.Site == share.Site && levels[0](r, s, e, f) {
					c.sites = append(c.sites, contender{e, float64(share.Share)})
				}
			}
		}
	}
	if len(c.sites) == 0 {
		return c, false
	}
	r.cut(&c, s, key, q)
	c.scope = max(r.leaf(s, f, unit), r.leaf(s, plan.Families, unit))
	if len(c.sites) > 1 && sourceBits(q) > 0 {
		c.scope = max(c.scope, r.unitBits(s, key, unit))
	}
	r.splits[fmt.Sprintf("of %d", min(2, len(c.sites)))]++
	return c, true
}

// cut says what the draws are made from: the unit, or the resolver, and its slot of time.
func (r *reference) cut(c *contest, s *plan.Service, key plan.ClassKey, q query) {
	client := clientAddress(q)
	if sourceBits(q) > 0 {
		unit := unitOf(client)
		c.key = netip.PrefixFrom(unit.Addr(), r.unitBits(s, key, unit)).Masked().Addr()
		r.splits["by unit"]++
		return
	}
	c.key = client
	r.splits["by resolver"]++
	if !slices.Contains(r.world.HeavyResolvers, client) {
		return
	}
	high, low := halves(client)
	seconds := min(uint64(s.TTL/time.Second), 3)
	phase := scramble(scramble(high)^low) % seconds
	c.slot = (uint64(time.Now().Unix())+phase)/seconds + 1
	r.splits["by slot"]++
}

func halves(a netip.Addr) (high, low uint64) {
	octets := a.As16()
	for i := range 8 {
		high, low = high*256+uint64(octets[i]), low*256+uint64(octets[8+i])
	}
	return high, low
}

// holder is the site that a slot is for: the shares lie end to end on a circle, and each slot is 2^64/phi further on it.
func (c contest) holder() *plan.Endpoint {
	high, low := halves(c.key)
	whole := 0.0
	for _, s := range c.sites {
		whole += s.weight
	}
	at := new(big.Int).SetUint64(scramble(scramble(low)^high) + c.slot*0x9e3779b97f4a7c15)
	at.Rsh(at.Mul(at, big.NewInt(int64(whole))), 64)
	for _, s := range c.sites {
		if at.Sub(at, big.NewInt(int64(s.weight))).Sign() < 0 {
			return s.endpoint
		}
	}
	panic("the circle is round")
}

// unitBits is how long the prefixes are that carry at most 1/256 of a class, within the network that is all of one class.
func (r *reference) unitBits(s *plan.Service, key plan.ClassKey, unit netip.Prefix) int {
	w, leaf := r.weights[s][key], r.leaf(s, plan.Families, unit)
	if !unit.Addr().Is4() {
		if w.runs6 < 32 {
			return apart(unit.Addr(), max(leaf, 56)).Bits()
		}
		return apart(unit.Addr(), max(leaf, 48)).Bits()
	}
	length := 24
	for int64(2)<<(24-length) <= w.all/256 {
		length--
	}
	return max(leaf, length)
}

// keyOf is the demand class of a place: the digest of the tags that match there, and of its candidates by tier.
func (r *reference) keyOf(s *plan.Service, id geodata.PlaceID) plan.ClassKey {
	if r.keys[s] == nil {
		r.keys[s] = make([]plan.ClassKey, r.table.Places())
		r.weights[s] = map[plan.ClassKey]weight{}
		networks, digests := r.networks(), map[string]plan.ClassKey{}
		for i := range r.keys[s] {
			text := r.classText(choiceOf{s, plan.Families}, geodata.PlaceID(i))
			key, known := digests[text]
			if !known {
				key = r.digest(s, r.table.Place(geodata.PlaceID(i)))
				digests[text] = key
			}
			w := r.weights[s][key]
			r.keys[s][i], r.weights[s][key] = key, weight{w.all + max(1, networks[i].all), w.runs6 + networks[i].runs6}
		}
	}
	return r.keys[s][id]
}

func (r *reference) digest(s *plan.Service, place geodata.Place) plan.ClassKey {
	content := ""
	for _, whom := range r.meantFor(choiceOf{s, plan.Families}, place) {
		line, region, _ := strings.Cut(whom, "/")
		content += "tag " + line + " " + region + "\n"
	}
	if s.Steering.Method == plan.Proximity && place.HasLocation {
		listed := 0
		for i, tier := range r.tiers(s, withFamily(s, plan.Families), place) {
			var sites []string
			for _, e := range tier {
				if listed++; listed <= 8 {
					sites = append(sites, fmt.Sprintf("tier %d %s\n", i, e.Site))
				}
			}
			slices.Sort(sites)
			content += strings.Join(sites, "")
		}
	}
	return plan.ClassKey(fmt.Sprintf("%x", sha256.Sum256([]byte(content)))[:16])
}

// networks counts what each place has.
func (r *reference) networks() []weight {
	list := make([]weight, r.table.Places())
	for i, p := range r.v4 {
		next := uint64(1 << 24)
		if i+1 < len(r.v4) {
			next = r.v4[i+1].first
		}
		list[p.place].all += int64(next - p.first)
	}
	for _, p := range r.v6 {
		list[p.place].all++
		list[p.place].runs6++
	}
	return list
}

// addSplits splits classes of most services at random, and makes a few resolvers heavy.
func addSplits(rng *rand.Rand, m *plan.Map, geo *plan.Geo) {
	compiled := plan.Compile(m, "sha256:none", geo, nil)
	for i := range m.Services {
		s, demand := &m.Services[i], compiled.Services[i].All.Classes.Demand()
		if len(demand.List) == plan.MaxDemandClasses || rng.IntN(4) == 0 {
			continue // merged classes have keys that the reference does not know
		}
		for _, class := range demand.List {
			if rng.IntN(4) > 0 {
				s.Splits = append(s.Splits, plan.Split{Class: class.Key, Shares: randomShares(rng, s.Endpoints)})
			}
		}
		if rng.IntN(4) == 0 {
			s.Splits = append(s.Splits, plan.Split{Class: "00000000deadbeef", Shares: randomShares(rng, s.Endpoints)})
		}
	}
	for range rng.IntN(12) {
		if addr := randomAddress(rng); !addr.IsMulticast() && !slices.Contains(m.HeavyResolvers, addr) {
			m.HeavyResolvers = append(m.HeavyResolvers, addr)
		}
	}
}

func randomShares(rng *rand.Rand, endpoints []plan.Endpoint) (list []plan.SiteShare) {
	left := gslb.WholeShare
	for _, i := range rng.Perm(len(endpoints))[:1+rng.IntN(min(8, len(endpoints)))] {
		share := gslb.Share(1 + rng.IntN(int(left)))
		list = append(list, plan.SiteShare{Site: endpoints[i].Site, Share: share})
		if left -= share; left == 0 {
			break
		}
	}
	list[0].Share += left
	return list
}
