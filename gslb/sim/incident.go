package sim

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// Incident is one thing that goes wrong, and what mends it.
type Incident struct {
	Name string
	// At and Until are the seconds in which it begins and ends; the end may be beyond that of the simulation.
	At, Until int64
	Events    []Event
}

func (i Incident) String() string {
	text := fmt.Sprintf("%5d to %5d s: %s", i.At, i.Until, i.Name)
	for _, e := range i.Events {
		text += fmt.Sprintf("; at %d %T %+v", e.At, e.Change, e.Change)
	}
	return text
}

// The rhythm of incidents, in seconds: after the world has settled one begins in every slot. They last so long that two or
// three are under way at most times.
const (
	settles       = 300
	incidentEvery = 200
	shortIncident = 30
	longIncident  = 1500
)

// triesEach is how often a slot draws anew where what it drew is broken already.
const triesEach = 20

// Incidents draws what goes wrong in a world, by seed: all that an Event can do, in any order and at the same time, but no
// two incidents at once that break the same thing.
func Incidents(world Config, seed uint64) (list []Incident) {
	d := newDrawing(world, seed)
	for at := int64(settles); at < int64(world.Length/time.Second); at += incidentEvery {
		for range triesEach {
			d.begin(at + int64(d.random.IntN(incidentEvery)))
			if kind := incidentKinds[d.random.IntN(len(incidentKinds))]; kind.draw(d) {
				d.incident.Name = kind.name
				list = append(list, d.incident)
				break
			}
		}
	}
	return list
}

// eventsOf are the events of incidents, in their order.
func eventsOf(list []Incident) (events []Event) {
	for _, i := range list {
		events = append(events, i.Events...)
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return events
}

// incidentKinds are as likely as each other. A drawing says false where what it would break is broken.
var incidentKinds = []struct {
	name string
	draw func(*drawing) bool
}{
	{"demand around a site", (*drawing).siteDemand},
	{"demand of a country", (*drawing).countryDemand},
	{"demand of all", (*drawing).allDemand},
	{"flash crowd", (*drawing).flashCrowd},
	{"site death", (*drawing).siteDeath},
	{"flapping site", (*drawing).flappingSite},
	{"region loss", (*drawing).regionLoss},
	{"capacity loss", (*drawing).capacityLoss},
	{"slow replicas", (*drawing).slowReplicas},
	{"slow warm-up", (*drawing).slowWarmUp},
	{"liar", func(d *drawing) bool { return d.reports(Liar, 1) }},
	{"stale reports", func(d *drawing) bool { return d.reports(Stale, 1) }},
	{"lost reports", func(d *drawing) bool { return d.reports(Lossy, 1) }},
	{"silent site", func(d *drawing) bool { return d.reports(Silent, 1) }},
	{"half the reports stale", func(d *drawing) bool { return d.reports(Stale, d.half()) }},
	{"most sites silent", func(d *drawing) bool { return d.reports(Silent, d.half()+1) }},
	{"hub away", (*drawing).hubDown},
	{"bus away", (*drawing).busDown},
	{"name server away", func(d *drawing) bool { return d.nameServer(NameServerView{Down: true}) }},
	{"name server cut off", func(d *drawing) bool { return d.nameServer(NameServerView{CutOff: true}) }},
	{"probes of a name server blocked", (*drawing).blockNameServer},
	{"probes of a site blocked", (*drawing).blockSite},
	{"drain", (*drawing).drain},
	{"stretched TTLs", (*drawing).stretched},
}

// drawing is the state of drawing incidents.
type drawing struct {
	world     Config
	random    *Stream
	broken    map[string]int64 // what is broken, and until when
	around    []gslb.SiteID    // the sites around which demand may change: there is room for few kinds of clients
	countries []string
	incident  Incident
}

// Demand changes around that many sites, and in that many countries.
const (
	changingSites     = 10
	changingCountries = 6
)

func newDrawing(world Config, seed uint64) *drawing {
	d := &drawing{world: world, random: NewStream(seed, "incidents"), broken: map[string]int64{}}
	for _, i := range d.random.order(len(world.Sites)) {
		d.around = append(d.around, world.Sites[i].ID)
	}
	d.around = d.around[:min(len(d.around), changingSites)]
	d.countries = largestCountries(world.Population)
	d.countries = d.countries[:min(len(d.countries), changingCountries)]
	return d
}

// largestCountries are those of the clients, those with the most demand first.
func largestCountries(p *Population) []string {
	size := map[string]int64{}
	for i := range p.Clients {
		size[p.Clients[i].Country] += p.Clients[i].Size
	}
	list := sortedKeys(size)
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(size[b], size[a]) })
	return list
}

// begin starts an incident of some length: as many last a minute or two as last ten or twenty.
func (d *drawing) begin(at int64) {
	length := shortIncident * math.Pow(longIncident/shortIncident, d.random.Float())
	d.incident = Incident{At: at, Until: at + int64(length)}
}

// take says whether a thing is whole, and breaks it for the time of the incident.
func (d *drawing) take(thing string) bool {
	if d.broken[thing] >= d.incident.At {
		return false
	}
	d.broken[thing] = d.incident.Until
	return true
}

func (d *drawing) add(at int64, change Change) {
	d.incident.Events = append(d.incident.Events, Event{at, change})
}

// during makes a change at the beginning and another one at the end.
func (d *drawing) during(begin, end Change) bool {
	d.add(d.incident.At, begin)
	d.add(d.incident.Until, end)
	return true
}

// between is a number from low up to high.
func (d *drawing) between(low, high float64) float64 { return low + (high-low)*d.random.Float() }

func (d *drawing) site() *SiteSpec { return &d.world.Sites[d.random.IntN(len(d.world.Sites))] }

// half is half of the sites, rounded up.
func (d *drawing) half() int { return (len(d.world.Sites) + 1) / 2 }
