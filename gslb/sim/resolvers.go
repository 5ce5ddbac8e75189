package sim

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// membersPerCache is how many client networks one cache of a resolver serves. A large resolver is many machines, each
// with a cache of its own.
const membersPerCache = 64

// resolverZipf is the exponent of the sizes of the resolvers of a catchment.
const resolverZipf = 1

// catchmentMicro is the width of the squares whose clients may share a resolver if they are of one country: providers have
// resolvers in every larger region.
const catchmentMicro = 5_000_000

// catchment is the country and the square.
func (c *Client) catchment() string {
	square := geodata.Grid(catchmentMicro).Centre(c.Location)
	return fmt.Sprint(c.Country, " ", square.LatMicro, " ", square.LonMicro)
}

// setResolvers makes the askers: one for each client whose subnet is sent, and for the others the caches of the
// resolvers that they share with clients around them.
func (p *Population) setResolvers(spec PopulationSpec, random *Stream) {
	shared := map[string][]int32{} // by catchment
	count := 0
	for i := range p.Clients {
		if random.IntN(100) < spec.ECSPercent {
			p.addECS(int32(i))
			continue
		}
		around := p.Clients[i].catchment()
		shared[around] = append(shared[around], int32(i))
		count++
	}
	resolver := int32(0)
	for _, around := range sortedKeys(shared) {
		clients := shared[around]
		n := max(1, spec.Resolvers*len(clients)/max(count, 1))
		for _, members := range deal(clients, n, random) {
			if len(members) > 0 {
				resolver++
				p.addResolver(resolver, members)
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// deal puts clients behind n resolvers of Zipf-distributed sizes.
func deal(clients []int32, n int, random *Stream) [][]int32 {
	upTo := make([]float64, n) // cumulative
	sum := 0.0
	for i := range upTo {
		sum += zipf(i, resolverZipf)
		upTo[i] = sum
	}
	hands := make([][]int32, n)
	for _, c := range clients {
		at, _ := slices.BinarySearch(upTo, random.Float()*sum)
		hands[min(at, n-1)] = append(hands[min(at, n-1)], c)
	}
	return hands
}

func (p *Population) addECS(client int32) {
	c := &p.Clients[client]
	p.add(Asker{Client: gslb.Client(c.Network, true), Direction: c.Direction}, []int32{client})
}

// addResolver makes the caches of a resolver, which stands where most of its clients are. They have one address.
func (p *Population) addResolver(number int32, members []int32) {
	home := &p.Clients[p.home(members)]
	octets := home.Network.Addr().As4()
	octets[3] = byte(1 + number%250)
	asker := Asker{Client: gslb.Resolver(netip.AddrFrom4(octets)), Direction: home.Direction, Resolver: number}
	caches := (len(members) + membersPerCache - 1) / membersPerCache
	for cache := range caches {
		var own []int32
		for i := cache; i < len(members); i += caches {
			own = append(own, members[i])
		}
		p.add(asker, own)
	}
}

// home is the largest client at the location where the clients' demand is largest.
func (p *Population) home(members []int32) int32 {
	demand := map[gslb.Location]int64{}
	for _, m := range members {
		demand[p.Clients[m].Location] += p.Clients[m].Size
	}
	return slices.MaxFunc(members, func(a, b int32) int {
		x, y := &p.Clients[a], &p.Clients[b]
		return cmp.Or(cmp.Compare(demand[x.Location], demand[y.Location]), cmp.Compare(x.Size, y.Size), cmp.Compare(b, a))
	})
}

func (p *Population) add(a Asker, members []int32) {
	a.first = int32(len(p.members))
	p.members = append(p.members, members...)
	a.end = int32(len(p.members))
	for _, m := range members {
		a.Size += p.Clients[m].Size
	}
	p.Askers = append(p.Askers, a)
}
