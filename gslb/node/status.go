package node

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/gslb/world"
)

// Status is what a name server says about itself.
type Status struct {
	// Daemon says whose status this is: "nameserver".
	Daemon     string      `json:"daemon"`
	Generation uint64      `json:"generation"`
	MapDigest  plan.Digest `json:"mapDigest,omitempty"`
	GeoStatus
	// BusTrouble is why the bus is not followed though it should be: what is kept on disk is served meanwhile.
	BusTrouble string `json:"busTrouble,omitempty"`
	// ServedSince is when the map was swapped in; zero before the first.
	ServedSince time.Time `json:"servedSince,omitzero"`
	// FromDisk says that the map was read back from disk and no source has confirmed it yet.
	FromDisk bool `json:"fromDisk,omitempty"`
	Sites    int  `json:"sites"`
	Services int  `json:"services"`
	// UnknownSplits are those of the map that name no demand class here: it was planned with another geo table. Those
	// classes are decided as if they had no split.
	UnknownSplits int `json:"unknownSplits,omitempty"`
	// Names are the steered names, at most StatusNames of them.
	Names []gslb.Name `json:"names,omitempty"`
	Down  []Down      `json:"down,omitempty"`
	// Refused counts the proposals that the guards refused, by reason.
	Refused     map[string]uint64 `json:"refused,omitempty"`
	LastRefused string            `json:"lastRefused,omitempty"`
	// Warnings are what is served and may be a mistake: lines that a world file declares against the geo data, and times that
	// were measured to unknown sites.
	Warnings []string `json:"warnings,omitempty"`
}

// StatusNames bounds how many names a status lists.
const StatusNames = 10_000

// Down is an address that the node's own probes call down.
type Down struct {
	Service gslb.Name `json:"service"`
	Address string    `json:"address"`
	Since   time.Time `json:"since"`
}

// status is the part of Status that readers of other goroutines see.
type status struct {
	mu          *sync.Mutex
	head        plan.Head
	servedSince time.Time
	fromDisk    bool
	down        map[world.Target]time.Time
	refused     map[string]uint64
	lastRefused string
	busTrouble  string
	geo         geoState
	warnings    []string
}

func newStatus() status {
	return status{mu: new(sync.Mutex), refused: map[string]uint64{}, geo: geoState{reloads: map[string]uint64{}}}
}

func (s *status) served(p Proposal, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head, s.servedSince, s.fromDisk = p.Head, now, p.Kept
}

// confirmed notes that the source still wants what is served.
func (s *status) confirmed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fromDisk, s.lastRefused = false, ""
}

// proposed counts the fate of a proposal.
func (s *status) proposed(err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.lastRefused = ""
		return
	}
	s.refused[reasonOf(err)]++
	s.lastRefused = now.UTC().Format(time.RFC3339) + ": " + err.Error()
}

// SetBusTrouble says in the status why the bus is not followed; an empty text says that it is.
func (n *Node) SetBusTrouble(why string) {
	n.status.mu.Lock()
	defer n.status.mu.Unlock()
	n.status.busTrouble = why
}

func (s *status) setDown(known map[world.Target]health.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = map[world.Target]time.Time{}
	for target, state := range known {
		if state.Down {
			s.down[target] = state.Since
		}
	}
}

var reasons = []struct {
	err  error
	name string
}{
	{plan.ErrOldGeneration, "old_generation"},
	{plan.ErrDigest, "digest"},
	{plan.ErrEncoding, "encoding"},
	{plan.ErrSignature, "signature"},
	{plan.ErrEmptied, "emptied"},
	{plan.ErrVelocity, "velocity"},
	{ErrRehearsal, "rehearsal"},
	{ErrOvertaken, "overtaken"},
}

// reasonOf names an error for a counter; the set of names is fixed.
func reasonOf(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "input"
}

// RefusedReasons lists the names under which Status counts refusals.
func RefusedReasons() []string {
	names := []string{"input"}
	for _, r := range reasons {
		names = append(names, r.name)
	}
	return names
}

// Status returns the node's state as of now.
func (n *Node) Status() Status {
	snapshot := n.store.Load()
	s := &n.status
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Status{
		Daemon: "nameserver", Generation: snapshot.Generation, GeoStatus: n.geoStatus(), BusTrouble: s.busTrouble, ServedSince: s.servedSince, FromDisk: s.fromDisk,
		Refused: maps.Clone(s.refused), LastRefused: s.lastRefused, Warnings: slices.Clone(s.warnings),
	}
	if snapshot.Plan != nil {
		out.MapDigest = snapshot.Plan.Digest
		out.Names = namesOf(snapshot.Plan.Map)
		out.Sites, out.Services = len(snapshot.Plan.Map.Sites), len(snapshot.Plan.Map.Services)
		out.UnknownSplits, out.GeoUnknownSites = snapshot.Plan.UnknownSplits, len(snapshot.Plan.UnknownTimes)
	}
	for target, since := range s.down {
		out.Down = append(out.Down, Down{target.Service, target.Addr.String(), since})
	}
	slices.SortFunc(out.Down, func(a, b Down) int {
		return strings.Compare(string(a.Service)+" "+a.Address, string(b.Service)+" "+b.Address)
	})
	return out
}

// Report is the status as the hub gets it. Answers are counted from one report to the next, so nobody else may ask for it.
func (n *Node) Report(name string, now time.Time) signal.NameServerReport {
	s := n.Status()
	report := signal.NameServerReport{
		Version: signal.Version, Name: name, SampledAt: now,
		Generation: s.Generation, MapDigest: string(s.MapDigest), GeoDigest: s.GeoDigest,
		Refused: s.LastRefused, GeoTrouble: s.GeoTrouble,
	}
	snapshot := n.store.Load()
	if snapshot.Plan == nil {
		return report
	}
	report.Answers = answersOf(snapshot, n.resolvers)
	if !n.counted.IsZero() {
		report.CountedMillis = now.Sub(n.counted).Milliseconds()
	}
	n.counted = now
	for i := range snapshot.Plan.Services {
		for j, e := range snapshot.Service(i).Endpoints {
			if !e.Up {
				compiled := &snapshot.Plan.Services[i]
				report.Dead = append(report.Dead, signal.DeadEndpoint{Service: compiled.Spec.Name, Site: compiled.Endpoints[j].Site})
			}
		}
	}
	return report
}

// loadKnown reads what the probes knew when the last run ended.
func (n *Node) loadKnown() map[world.Target]health.State {
	known := map[world.Target]health.State{}
	if n.config.Folder == nil {
		return known
	}
	var kept []keptHealth
	if err := n.config.Folder.LoadHealth(&kept); err != nil {
		n.config.Log.Warn("the kept health is left aside: everything counts as up until probed", "why", err)
	}
	for _, k := range kept {
		known[k.Target] = k.State
	}
	return known
}

type keptHealth struct {
	world.Target
	health.State
}

func (l *loop) saveKnown() {
	if l.node.config.Folder == nil {
		return
	}
	kept := []keptHealth{}
	for target, state := range l.known {
		kept = append(kept, keptHealth{target, state})
	}
	if err := l.node.config.Folder.SaveHealth(kept); err != nil {
		l.node.config.Log.Error("health could not be kept on disk", "why", err)
	}
}

// namesOf lists the steered names of a map, as many as a status takes.
func namesOf(m *plan.Map) (names []gslb.Name) {
	for i := range m.Services {
		names = append(append(names, m.Services[i].Name), m.Services[i].Aliases...)
		if len(names) >= StatusNames {
			return names[:StatusNames]
		}
	}
	return names
}
