package sim

import (
	"cmp"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// Scenario is a world in which something happens.
type Scenario struct {
	Name string
	// About says in a sentence what happens.
	About  string
	Config Config
}

// The times of all scenarios, in seconds: the world settles, then it happens, and where it ends it ends later.
const (
	happens = 900
	ends    = happens + 900
	lasts   = ends + 900
)

// Scenarios are the things that go wrong, one at a time, in copies of a world. DeadTime is the time from a change of load
// until all that the loop did about it has arrived: what is above a high mark later is an overshoot.
func Scenarios(world Config, deadTime time.Duration) []Scenario {
	b := scenarios{world: world, deadTime: deadTime}
	b.demand()
	b.sites()
	b.signals()
	b.control()
	return b.list
}

// scenarios collects them. All happen at the site that most demand is nearest to.
type scenarios struct {
	world    Config
	deadTime time.Duration
	list     []Scenario
}

func (b *scenarios) add(name, about string, events ...Event) *Config {
	c := b.world
	c.Sites, c.Events = slices.Clone(c.Sites), append(slices.Clone(c.Events), events...)
	c.Length = lasts * time.Second
	c.Measure.From, c.Measure.Steady = happens, happens+int64(b.deadTime/time.Second)
	b.list = append(b.list, Scenario{Name: name, About: about, Config: c})
	return &b.list[len(b.list)-1].Config
}

func (b *scenarios) demand() {
	x := b.busiest()
	around := Clients{Nearest: b.world.Sites[x].ID}
	b.add("calm", "nothing happens")
	b.add("step", "the demand around the busiest site grows by 80 %, from one second to the next",
		Event{happens, Demand{Of: around, Factor: 1.8}})
	b.add("region-step", "the demand of the country with the most of it grows by a third",
		Event{happens, Demand{Of: Clients{Country: b.largestCountry()}, Factor: 4.0 / 3}})
	b.add("flash-crowd", "the demand around the busiest site is four times as large after a minute, and falls again",
		Event{happens, Demand{Of: around, Factor: 4, Over: 60}}, Event{ends, Demand{Of: around, Factor: 1, Over: 300}})
	b.add("stretched-ttl", "the demand around the busiest site doubles, and all resolvers without ECS keep answers for five minutes",
		Event{0, Stretch{Percent: 100, Seconds: 300}}, Event{happens, Demand{Of: around, Factor: 2}})
}

func (b *scenarios) sites() {
	x := b.busiest()
	id, replicas := b.world.Sites[x].ID, b.world.Sites[x].Replicas
	b.add("site-death", "the busiest site dies, and comes back", Event{happens, SiteDown{id, true}}, Event{ends, SiteDown{id, false}})
	b.add("region-loss", "the busiest site dies, and all within 1,000 km of it", b.deaths(x, 1000)...)
	b.add("capacity-loss", "the busiest site loses half of its replicas, and says so", Event{happens, Replicas{id, (replicas + 1) / 2}})
	b.add("slow-replicas", "every replica of the busiest site carries 60 % of what is believed", Event{happens, Slower{id, 0.6}})
	b.add("slow-warm-up", "the busiest site loses four fifths of its replicas; new ones take ten minutes",
		Event{0, WarmUp{id, 600}}, Event{happens, Replicas{id, (replicas + 4) / 5}}, Event{happens + 1, Replicas{id, replicas}})
	b.add("drain", "the busiest site is drained, and put back", Event{happens, Drain{id, true}}, Event{ends, Drain{id, false}})
	c := b.add("failback", "the busiest site is put back after its autoscaler has gone down to its floor",
		Event{happens, Drain{id, true}}, Event{ends, Drain{id, false}})
	c.Sites[x].Autoscaler = &Autoscaler{TargetPercent: 70, Floor: max(1, replicas/4), Ceiling: replicas, Delay: 5 * time.Minute}
	c.Measure.Steady = ends + int64(b.deadTime/time.Second)
}

func (b *scenarios) signals() {
	x := b.busiest()
	id := b.world.Sites[x].ID
	around := Clients{Nearest: id}
	c := b.add("liar", "the busiest site claims twice the replicas that it has, and it may", Event{happens, Reports{id, Liar}})
	c.Sites[x].Enrolled = 2 * c.Sites[x].Replicas
	b.add("silent-site", "nothing is heard of the busiest site", Event{happens, Reports{id, Silent}}, Event{ends, Reports{id, NoFault}})
	b.add("silent-most", "nothing is heard of two sites in three", b.faulty(Silent, 3)...)
	b.add("stale-half", "the reports of every other site stop changing, and the demand around the busiest, which tells the truth, doubles",
		append(b.staleBut(x), Event{happens + 60, Demand{Of: around, Factor: 2}})...)
	b.add("lossy", "half of the reports of every other site are lost", b.faulty(Lossy, 2)...)
}

func (b *scenarios) control() {
	id := b.world.Sites[b.busiest()].ID
	death := []Event{{happens + 60, SiteDown{id, true}}, {ends - 60, SiteDown{id, false}}}
	b.add("hub-loss", "the hub is gone for 15 minutes; meanwhile the busiest site dies and comes back",
		append(slices.Clone(death), Event{happens, HubDown(true)}, Event{ends, HubDown(false)})...)
	b.add("bus-loss", "the bus is gone for 15 minutes; meanwhile the busiest site dies and comes back",
		append(slices.Clone(death), Event{happens, BusDown(true)}, Event{ends, BusDown(false)})...)
	b.add("name-server-restart", "one name server is away for a minute, another one cut off for ten",
		Event{happens, NameServer{0, NameServerView{Down: true}}}, Event{happens + 60, NameServer{0, NameServerView{}}},
		Event{happens, NameServer{b.world.NameServers - 1, NameServerView{CutOff: true}}},
		Event{happens + 600, NameServer{b.world.NameServers - 1, NameServerView{}}})
}

// busiest is the site that most demand is nearest to.
func (b *scenarios) busiest() int {
	places := make([]gslb.Location, len(b.world.Sites))
	for i, s := range b.world.Sites {
		places[i] = s.Location
	}
	demand := demandAround(b.world.Population, places)
	best := 0
	for i := range demand {
		if demand[i] > demand[best] {
			best = i
		}
	}
	return best
}

func (b *scenarios) largestCountry() string {
	size := map[string]int64{}
	for _, c := range b.world.Population.Clients {
		size[c.Country] += c.Size
	}
	return slices.MaxFunc(sortedKeys(size), func(a, c string) int { return cmp.Compare(size[a], size[c]) })
}

// deaths kills all sites within a distance of one, and revives them.
func (b *scenarios) deaths(of, km int) (events []Event) {
	centre := b.world.Sites[of].Location.Direction()
	for _, s := range b.world.Sites {
		if centre.DistanceKm(s.Location.Direction()) <= km {
			events = append(events, Event{happens, SiteDown{s.ID, true}}, Event{ends, SiteDown{s.ID, false}})
		}
	}
	return events
}

// staleBut stops the reports of every other site, of which the one is not.
func (b *scenarios) staleBut(site int) (events []Event) {
	for i, s := range b.world.Sites {
		if i%2 != site%2 {
			events = append(events, Event{happens, Reports{s.ID, Stale}}, Event{ends, Reports{s.ID, NoFault}})
		}
	}
	return events
}

// faulty breaks the reports of all sites but one in so many, and mends them.
func (b *scenarios) faulty(f Fault, butOneIn int) (events []Event) {
	for i, s := range b.world.Sites {
		if i%butOneIn < butOneIn-1 {
			events = append(events, Event{happens, Reports{s.ID, f}}, Event{ends, Reports{s.ID, NoFault}})
		}
	}
	return events
}
