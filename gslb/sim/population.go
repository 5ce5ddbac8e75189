package sim

import (
	"math"
	"net/netip"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// Whole is the demand of all clients together, in the parts that sizes are counted in. Sums of sizes are exact, so that
// moving clients back and forth leaves no trace.
const Whole = 1 << 40

// PopulationSpec says whom to draw from a table.
type PopulationSpec struct {
	// Clients is how many networks of clients there are.
	Clients int
	// ECSPercent of the clients have a resolver that sends their subnet.
	ECSPercent int
	// Resolvers is about how many resolvers the other clients share. There is at least one in every
	// square of five degrees of every country that has clients.
	Resolvers int
}

// DefaultPopulation is a world of 40,000 client networks. A third of them is behind resolvers that send the subnet, as
// the large public ones do.
var DefaultPopulation = PopulationSpec{Clients: 40_000, ECSPercent: 33, Resolvers: 2_000}

// Population is the clients and the resolvers in front of them. It never changes.
type Population struct {
	Clients []Client
	Askers  []Asker
	members []int32 // the clients of the askers, one list after the other
}

// Client is one /24 network and its share of the demand.
type Client struct {
	Network   netip.Prefix
	Direction gslb.Direction
	Location  gslb.Location
	Country   string
	// Size is its demand in parts of Whole, as a mean over the day.
	Size int64
}

// Asker is one cache entry.
type Asker struct {
	// Client is as name servers see it.
	Client gslb.ClientSubnet
	// Direction is that of the client network, or of the resolver where it sends none.
	Direction gslb.Direction
	// Resolver numbers the resolvers that send no subnet, from 1 on; 0 is one that does.
	Resolver   int32
	Size       int64
	first, end int32 // of its members
}

// Members are the clients behind an asker, as indices into Clients.
func (p *Population) Members(asker int) []int32 {
	a := &p.Askers[asker]
	return p.members[a.first:a.end]
}

// clientZipf is the exponent of the sizes of client networks: the largest of 40,000 is 200 times the mean one.
const clientZipf = 0.5

// NewPopulation draws clients from the IPv4 networks of a table that have a location, each /24 as likely as any other,
// and puts them behind resolvers.
func NewPopulation(table *geodata.Table, spec PopulationSpec, seed uint64) *Population {
	p := &Population{Clients: drawClients(table, spec.Clients, NewStream(seed, "clients"))}
	p.setSizes(NewStream(seed, "sizes"))
	p.setResolvers(spec, NewStream(seed, "resolvers"))
	return p
}

// drawClients takes one network from each of n equal parts of the placed space (systematic sampling), so that small
// populations are as spread as the table.
func drawClients(table *geodata.Table, n int, random *Stream) []Client {
	total := int64(0)
	placed(table, func(_, count int64, _ geodata.PlaceID) { total += count })
	clients := make([]Client, 0, n)
	before := int64(0)
	due := func() int64 {
		return int64((float64(len(clients)) + random.Float()) * float64(total) / float64(n))
	}
	next := due()
	placed(table, func(first, count int64, id geodata.PlaceID) {
		for ; len(clients) < n && next < before+count; next = due() {
			clients = append(clients, clientAt(uint32(first+next-before), table.Place(id)))
		}
		before += count
	})
	return clients
}

// placed yields the runs of /24 networks with a location: the first, how many, and the place.
func placed(table *geodata.Table, yield func(first, count int64, id geodata.PlaceID)) {
	last, lastID := int64(0), geodata.Unknown
	end := func(at int64) {
		if at > last && table.Place(lastID).HasLocation {
			yield(last, at-last, lastID)
		}
	}
	for addr, id := range table.V4() {
		end(int64(addr) >> 8)
		last, lastID = int64(addr)>>8, id
	}
	end(1 << 24)
}

func clientAt(network uint32, place geodata.Place) Client {
	addr := netip.AddrFrom4([4]byte{byte(network >> 16), byte(network >> 8), byte(network), 0})
	return Client{
		Network: netip.PrefixFrom(addr, gslb.MaxBits4), Location: place.Location, Direction: place.Location.Direction(),
		Country: place.Country,
	}
}

// setSizes gives the clients sizes by Zipf's law, in random order.
func (p *Population) setSizes(random *Stream) {
	sum := 0.0
	for i := range p.Clients {
		sum += zipf(i, clientZipf)
	}
	for rank, client := range random.order(len(p.Clients)) {
		p.Clients[client].Size = int64(zipf(rank, clientZipf) / sum * Whole)
	}
}

func zipf(rank int, exponent float64) float64 { return math.Pow(float64(rank+1), -exponent) }
