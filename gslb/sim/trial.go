package sim

import (
	"fmt"
	"net/netip"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// TrialSize is a size of world that trials are made in.
type TrialSize struct {
	Name  string
	Sites int
	// Cities is how many places clients are at: some have the same sites in the same order, and share a demand class.
	Cities             int
	Clients, Resolvers int
	Demand             gslb.MilliRPS
	Length             time.Duration
	// LookEvery is of how many answers one is looked at closely.
	LookEvery int64
}

// SmallTrial has about 40 demand classes, LargeTrial about 1,000.
var (
	SmallTrial = TrialSize{
		Name: "small", Sites: 8, Cities: 84, Clients: 800, Resolvers: 60, Demand: 1_000_000, Length: 2 * time.Hour, LookEvery: 20,
	}
	LargeTrial = TrialSize{
		Name: "large", Sites: 64, Cities: 1560, Clients: 8000, Resolvers: 800, Demand: 7_000_000, Length: 12 * time.Hour, LookEvery: 400,
	}
)

// Trials makes trials from the places of a table.
type Trials struct{ places []Client }

// manyPlaces is how many are drawn once, for all trials.
const manyPlaces = 8000

// NewTrials draws from a table.
func NewTrials(table *geodata.Table) *Trials {
	return &Trials{places: drawClients(table, manyPlaces, NewStream(0, "places"))}
}

// Trial is a world in which incidents happen, all by one seed.
type Trial struct {
	Geo       *plan.Geo
	Config    Config
	Incidents []Incident
	lookEvery int64
}

// TrialResult is what a trial came to.
type TrialResult struct {
	Rules *Rules
	// Refused is in how many seconds a name server refused the newest map, all together.
	Refused int
	Result  Result
}

// Bounds of what seeds choose.
const (
	trialSwing   = 0.3
	leastUse     = 0.5 // of the capacity, in the mean
	mostUse      = 0.65
	leastECS     = 20 // percent of the clients
	mostECS      = 80
	trialServers = 3
)

// New draws a world, and what happens in it.
func (t *Trials) New(size TrialSize, seed uint64) (*Trial, error) {
	geo, err := t.cities(size.Cities, seed)
	if err != nil {
		return nil, err
	}
	random := NewStream(seed, "trial")
	spec := PopulationSpec{Clients: size.Clients, ECSPercent: leastECS + random.IntN(mostECS-leastECS+1), Resolvers: size.Resolvers}
	population := NewPopulation(geo.Table, spec, seed)
	use := leastUse + (mostUse-leastUse)*random.Float()
	trial := &Trial{Geo: geo, lookEvery: size.LookEvery, Config: Config{
		Seed: seed, Population: population, Demand: size.Demand, Swing: trialSwing,
		Sites: DrawSites(population, SitesSpec{Count: size.Sites, Demand: size.Demand, Use: use, Model: DefaultSite}, seed),
		Begin: time.Unix(1_790_000_000+int64(random.IntN(86_400)), 0).UTC(), Length: size.Length,
		ConnectionLife: 15 * time.Second, ReportDelay: time.Second, NameServers: trialServers,
		Measure: Measure{From: settles, Steady: settles, High: 0.9},
	}}
	for i := range trial.Config.Sites {
		if s := &trial.Config.Sites[i]; random.IntN(3) == 0 {
			s.Enrolled = 2 * s.Replicas // one that may lie
		}
	}
	trial.Incidents = Incidents(trial.Config, seed)
	trial.Config.Events = eventsOf(trial.Incidents)
	return trial, nil
}

// Run lets Production live through it.
func (t *Trial) Run() (r TrialResult, err error) {
	r.Rules = NewRules(t.lookEvery)
	p := NewProduction(ProductionConfig{Geo: t.Geo, Rules: r.Rules})
	r.Result, err = Run(t.Config, p)
	for _, n := range p.servers {
		r.Refused += n.refusals
	}
	return r, err
}

// cities is a table of so many places, no two at one location, with 16 to 256 networks each.
func (t *Trials) cities(count int, seed uint64) (*plan.Geo, error) {
	var b geodata.Builder
	layer, random := b.Source("cities"), NewStream(seed, "cities")
	taken := map[gslb.Location]bool{}
	for _, at := range random.order(len(t.places)) {
		place, n := &t.places[at], len(taken)
		if n == count {
			break
		}
		if taken[place.Location] {
			continue
		}
		taken[place.Location] = true
		network := netip.PrefixFrom(netip.AddrFrom4([4]byte{20 + byte(n>>8), byte(n), 0, 0}), 16+random.IntN(5))
		if err := layer.Add(network, geodata.Place{HasLocation: true, Location: place.Location, Country: place.Country}); err != nil {
			return nil, fmt.Errorf("%w: a city: %w", ErrConfig, err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "cities"})
	if err != nil {
		return nil, err
	}
	return plan.NewGeo(table), nil
}
