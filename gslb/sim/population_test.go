package sim

import (
	"math"
	"reflect"
	"testing"

	"tidegate.dev/tidegate/gslb"
)

func TestPopulationIsTheTables(t *testing.T) {
	p := NewPopulation(table(), PopulationSpec{Clients: 250, ECSPercent: 50, Resolvers: 20}, 1)
	if len(p.Clients) != 250 {
		t.Fatalf("%d clients", len(p.Clients))
	}
	countries, size, seen := map[string]int{}, int64(0), map[string]bool{}
	for _, c := range p.Clients {
		countries[c.Country]++
		size += c.Size
		id, _ := table().Lookup(c.Network.Addr())
		if place := table().Place(id); place.Location != c.Location || place.Country != c.Country {
			t.Errorf("%v is in %+v, the table says %+v", c.Network, c, place)
		}
		if seen[c.Network.String()] {
			t.Errorf("%v was drawn twice", c.Network)
		}
		seen[c.Network.String()] = true
	}
	if countries["DE"] != 200 || countries["US"] != 50 {
		t.Errorf("%v, want as the table has them: 4 in 5 in DE", countries)
	}
	if math.Abs(float64(size)/Whole-1) > 1e-9 {
		t.Errorf("the sizes are %v of the whole", float64(size)/Whole)
	}
}

// Every client is behind one asker; those that share a resolver are of one country, and it is at home with one of them.
func TestAskers(t *testing.T) {
	p := NewPopulation(table(), PopulationSpec{Clients: 500, ECSPercent: 30, Resolvers: 10}, 1)
	behind, ecs, atHome := make([]int, len(p.Clients)), 0, map[gslb.ClientSubnet]bool{}
	for i, a := range p.Askers {
		size, countries, home := int64(0), map[string]bool{}, false
		for _, m := range p.Members(i) {
			c := &p.Clients[m]
			behind[m]++
			size += c.Size
			countries[c.Country] = true
			home = home || c.Direction == a.Direction
		}
		if size != a.Size || len(countries) != 1 {
			t.Errorf("asker %d: size %d, its clients' %d, of %v", i, a.Size, size, countries)
		}
		if a.Client.FromECS {
			ecs++
			if c := p.Clients[p.Members(i)[0]]; len(p.Members(i)) != 1 || a.Client.Prefix != c.Network || a.Direction != c.Direction || a.Resolver != 0 {
				t.Errorf("asker %d: %+v for %+v", i, a, c)
			}
			continue
		}
		atHome[a.Client] = atHome[a.Client] || home
		if len(p.Members(i)) > membersPerCache || a.Resolver == 0 {
			t.Errorf("asker %d: %d clients, %+v", i, len(p.Members(i)), a)
		}
	}
	for i, n := range behind {
		if n != 1 {
			t.Errorf("client %d is behind %d askers", i, n)
		}
	}
	for resolver, home := range atHome {
		if !home {
			t.Errorf("%v is where none of its clients is", resolver.Prefix)
		}
	}
	if ecs < 100 || ecs > 200 || len(atHome) > 11 || len(atHome) < 4 {
		t.Errorf("%d clients with ECS, %d resolvers", ecs, len(atHome))
	}
}

func TestPopulationBySeed(t *testing.T) {
	spec := PopulationSpec{Clients: 100, ECSPercent: 50, Resolvers: 5}
	one, again, other := NewPopulation(table(), spec, 1), NewPopulation(table(), spec, 1), NewPopulation(table(), spec, 2)
	if !reflect.DeepEqual(one, again) || reflect.DeepEqual(one, other) {
		t.Error("a population is not what its seed makes it")
	}
}

// The largest network of Zipf's law with exponent 1/2 is as large as 1/(2 sqrt(n)) of all.
func TestSizesAreZipfs(t *testing.T) {
	p := NewPopulation(table(), PopulationSpec{Clients: 400, ECSPercent: 100}, 1)
	largest := int64(0)
	for _, c := range p.Clients {
		largest = max(largest, c.Size)
	}
	if got := float64(largest) / Whole; !near(got, 1.0/40, 0.05) {
		t.Errorf("the largest is %v of all, want about 1/40", got)
	}
}

func TestSites(t *testing.T) {
	p := smallPopulation()
	sites := DrawSites(p, SitesSpec{Count: 5, Demand: 500_000, Use: 0.5, Model: DefaultSite}, 1)
	rate := gslb.MilliRPS(0)
	for _, s := range sites {
		rate += s.PerReplica.Times(s.Replicas)
	}
	if len(sites) != 5 || !near(float64(rate), 1_000_000, 0.05) {
		t.Errorf("%d sites that carry %v, want 5 with 1000", len(sites), rate)
	}
}
