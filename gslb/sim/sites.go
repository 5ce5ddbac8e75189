package sim

import (
	"fmt"
	"math"

	"tidegate.dev/tidegate/gslb"
)

// SitesSpec says which sites to build for a population.
type SitesSpec struct {
	Count int
	// Demand is what all clients want in the mean; the sites together can carry Demand/Use.
	Demand gslb.MilliRPS
	Use    float64
	// Model is what all sites have in common.
	Model SiteSpec
}

// apartKm is how far sites are from each other, while there is room.
const apartKm = 150

// DrawSites builds sites where clients are, likelier where more are. The larger the demand around a site the larger the
// site, but not in proportion: demand and capacity never meet.
func DrawSites(p *Population, spec SitesSpec, seed uint64) []SiteSpec {
	places := drawPlaces(p, spec.Count, NewStream(seed, "sites"))
	random := NewStream(seed, "capacity")
	weights, sum := make([]float64, len(places)), 0.0
	for i, demand := range demandAround(p, places) {
		weights[i] = math.Sqrt(demand) * (0.5 + random.Float())
		sum += weights[i]
	}
	var sites []SiteSpec
	replicas := float64(spec.Demand) / spec.Use / float64(spec.Model.PerReplica)
	for i, place := range places {
		s := spec.Model
		s.ID, s.Location = gslb.SiteID(fmt.Sprintf("site-%03d", i)), place
		s.Replicas = max(1, int(math.Round(weights[i]/sum*replicas)))
		if a := spec.Model.Autoscaler; a != nil {
			own := *a
			own.Floor, own.Ceiling = max(1, s.Replicas/3), s.Replicas
			s.Autoscaler = &own
		}
		sites = append(sites, s)
	}
	return sites
}

// drawPlaces are places of clients, each as likely as its demand is large.
func drawPlaces(p *Population, count int, random *Stream) (places []gslb.Location) {
	upTo := make([]int64, len(p.Clients))
	sum := int64(0)
	for i := range p.Clients {
		sum += p.Clients[i].Size
		upTo[i] = sum
	}
	for tries := 0; len(places) < count; tries++ {
		at := search(upTo, int64(random.Float()*float64(sum)))
		l := p.Clients[at].Location
		if tries > 100*count || farFromAll(l, places) {
			places = append(places, l)
		}
	}
	return places
}

func farFromAll(l gslb.Location, places []gslb.Location) bool {
	for _, other := range places {
		if l.Direction().DistanceKm(other.Direction()) < apartKm {
			return false
		}
	}
	return true
}

// search is the first position whose value is above v.
func search(ascending []int64, v int64) int {
	low, high := 0, len(ascending)-1
	for low < high {
		middle := (low + high) / 2
		if ascending[middle] > v {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// demandAround is the part of all demand that is nearest to each place.
func demandAround(p *Population, places []gslb.Location) []float64 {
	directions, demand := make([]gslb.Direction, len(places)), make([]float64, len(places))
	for i, l := range places {
		directions[i] = l.Direction()
	}
	for i := range p.Clients {
		best := 0
		for k, d := range directions {
			if p.Clients[i].Direction.Chord(d) < p.Clients[i].Direction.Chord(directions[best]) {
				best = k
			}
		}
		demand[best] += float64(p.Clients[i].Size) / Whole
	}
	return demand
}
