package sim

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// Config is a world and what happens in it.
type Config struct {
	Seed       uint64
	Population *Population
	Sites      []SiteSpec
	// Demand is that of the whole world, as a mean over the day.
	Demand gslb.MilliRPS
	// Swing is by how much of its mean the demand of a place is above it in the evening, and below it in the morning.
	Swing float64
	// Begin is when the simulation begins, Length how long it is.
	Begin  time.Time
	Length time.Duration
	// ConnectionLife is the mean life of a connection: so slowly load follows the answers.
	ConnectionLife time.Duration
	// ReportDelay is how late reports arrive.
	ReportDelay time.Duration
	NameServers int
	Events      []Event
	// Measure is what the result is about.
	Measure Measure
	// Observe, if not nil, is called at the end of every second. What it gets is valid during the call.
	Observe func(Second)
}

// ErrConfig is the reason for every configuration that New refuses.
var ErrConfig = errors.New("not a world to simulate")

// Sim is a simulation under way. It belongs to one goroutine.
type Sim struct {
	config  Config
	steerer Steerer
	now     int64
	view    View
	sites   []site
	index   map[gslb.SiteID]int
	mail    []mail
	lost    *Stream
	blocked map[pair]bool
	stretch Stretch

	cells    *cells
	changes  []change
	changeOf map[Clients]int
	events   []Event // those to come

	wheel wheel
	at    []int32 // by asker: the site that its entry names, NoSite without one
	// By site and cell, and once more for the askers without a site: the sizes of the clients, and those times kilometres.
	size, sizeKm []int64
	directions   []gslb.Direction
	recorder     recorder
	moved        int64 // size that changed its site in this second
	unanswered   int64 // questions without an answer
}

// maxTTL is the longest that an asker keeps an answer, in seconds.
const maxTTL = 4095

// maxChanges is how many kinds of clients the demand may change for.
const maxChanges = 64

// New sets a world up. Nobody has asked anything yet.
func New(config Config, steerer Steerer) (*Sim, error) {
	s := &Sim{
		config: config, steerer: steerer, index: map[gslb.SiteID]int{}, changeOf: map[Clients]int{}, blocked: map[pair]bool{},
		lost: NewStream(config.Seed, "reports"), events: slices.Clone(config.Events),
	}
	if err := s.addSites(); err != nil {
		return nil, err
	}
	if err := s.checkEvents(); err != nil {
		return nil, err
	}
	if config.NameServers < 1 || config.Length <= 0 || config.Population == nil || config.ConnectionLife < 0 {
		return nil, fmt.Errorf("%w: it needs a population, a length, and a name server", ErrConfig)
	}
	s.view.NameServers = make([]NameServerView, config.NameServers)
	s.view.sim = s
	s.cells = newCells(config.Population.Clients, len(s.changes), s.concerned())
	s.settle()
	s.recorder = newRecorder(config.Measure, len(s.sites))
	return s, nil
}

func (s *Sim) addSites() error {
	delay := int(s.config.ReportDelay / time.Second)
	for i := range s.config.Sites {
		spec := &s.config.Sites[i]
		if _, twice := s.index[spec.ID]; twice || spec.PerReplica <= 0 || !spec.Location.Valid() || spec.Replicas < 0 {
			return fmt.Errorf("%w: site %q: want a name of its own, a location and replicas that carry something", ErrConfig, spec.ID)
		}
		s.index[spec.ID] = i
		s.sites = append(s.sites, newSite(*spec))
		s.mail = append(s.mail, mail{delay: delay})
		s.directions = append(s.directions, spec.Location.Direction())
		s.view.Sites = append(s.view.Sites, SiteView{Spec: spec, Direction: s.directions[i]})
	}
	if len(s.sites) == 0 {
		return fmt.Errorf("%w: no site", ErrConfig)
	}
	return nil
}

// checkEvents sorts the events, finds their changes of demand, and refuses sites that are not there.
func (s *Sim) checkEvents() error {
	slices.SortStableFunc(s.events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	for _, e := range s.events {
		if id, named := siteOf(e.Change); named {
			if _, ok := s.index[id]; !ok {
				return fmt.Errorf("%w: %T at %d s: no site %q", ErrConfig, e.Change, e.At, id)
			}
		}
		d, ok := e.Change.(Demand)
		if _, known := s.changeOf[d.Of]; ok && !known {
			s.changeOf[d.Of] = len(s.changes)
			s.changes = append(s.changes, change{from: 1, to: 1})
		}
	}
	if len(s.changes) > maxChanges {
		return fmt.Errorf("%w: the demand of %d kinds of clients changes, at most %d may", ErrConfig, len(s.changes), maxChanges)
	}
	return nil
}

// siteOf is the site that a change names, if it names one.
func siteOf(c Change) (id gslb.SiteID, named bool) {
	switch c := c.(type) {
	case Demand:
		return c.Of.Nearest, c.Of.Nearest != ""
	case SiteDown:
		return c.Site, true
	case Slower:
		return c.Site, true
	case Replicas:
		return c.Site, true
	case WarmUp:
		return c.Site, true
	case Drain:
		return c.Site, true
	case Reports:
		return c.Site, true
	case Block:
		return c.Site, true
	}
	return "", false
}

// concerned says for which clients a change of demand is.
func (s *Sim) concerned() func(change int, client *Client) bool {
	of := make([]Clients, len(s.changes))
	for clients, change := range s.changeOf {
		of[change] = clients
	}
	return func(change int, client *Client) bool {
		c := of[change]
		return (c.Country == "" || c.Country == client.Country) &&
			(c.Nearest == "" || s.nearest(client.Direction) == s.index[c.Nearest])
	}
}

func (s *Sim) nearest(from gslb.Direction) int {
	best := 0
	for i, d := range s.directions {
		if from.Chord(d) < from.Chord(s.directions[best]) {
			best = i
		}
	}
	return best
}

// settle puts all askers at no site, with entries that have run out.
func (s *Sim) settle() {
	askers := s.config.Population.Askers
	s.at, s.wheel = make([]int32, len(askers)), newWheel(maxTTL+1, len(askers))
	rows := len(s.sites) + 1
	s.size, s.sizeKm = make([]int64, rows*len(s.cells.list)), make([]int64, rows*len(s.cells.list))
	for i := range askers {
		s.at[i] = NoSite
		s.place(i, NoSite, +1)
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// Run simulates the whole length and returns what was measured.
func Run(config Config, steerer Steerer) (Result, error) {
	s, err := New(config, steerer)
	if err != nil {
		return Result{}, err
	}
	for range int64(config.Length / time.Second) {
		s.Step()
	}
	return s.Result(), nil
}

// Step simulates one second.
func (s *Sim) Step() {
	for len(s.events) > 0 && s.events[0].At <= s.now {
		s.events[0].Change.apply(s)
		s.events = s.events[1:]
	}
	s.cells.set(s.now, s.config.Begin.Unix()%86400+s.now, s.config.Swing, s.changes)
	s.load()
	s.look()
	s.steerer.Step(&s.view)
	s.moved = 0
	s.ask()
	s.record()
	s.now++
}

// load moves the sites by a second.
func (s *Sim) load() {
	follow := 1 - math.Exp(-1/s.config.ConnectionLife.Seconds())
	if s.config.ConnectionLife == 0 || s.now <= 1 {
		follow = 1 // the world begins with connections where the first answers say
	}
	for i := range s.sites {
		s.sites[i].target = s.demandAt(i)
		s.sites[i].step(s.now, follow)
	}
}

// demandAt is the demand of the askers at a site, in requests per second.
func (s *Sim) demandAt(row int) float64 {
	n, sum := len(s.cells.list), 0.0
	for c, size := range s.size[row*n : (row+1)*n] {
		sum += float64(size) * s.cells.factor[c]
	}
	return sum / Whole * float64(s.config.Demand) / 1000
}

// look brings the view up to date: reports are made, and older ones arrive.
func (s *Sim) look() {
	s.view.Now, s.view.Time = s.now, s.config.Begin.Add(time.Duration(s.now)*time.Second)
	for i := range s.sites {
		var report *Report
		if !s.sites[i].dead && !s.view.BusDown {
			report = s.sites[i].report(s.view.Time)
		}
		s.mail[i].post(report, s.lost)
		s.view.Sites[i].Report, s.view.Sites[i].Drained = s.mail[i].arrived, s.sites[i].drained
	}
}

func (s *Sim) site(id gslb.SiteID) *site { return &s.sites[s.index[id]] }
