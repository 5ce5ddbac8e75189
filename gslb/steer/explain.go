package steer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/regions"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// Trace is a decision with the numbers that made it.
type Trace struct {
	Name       gslb.Name    `json:"name"`
	Service    gslb.Name    `json:"service"`
	Client     netip.Prefix `json:"client"`
	FromECS    bool         `json:"fromECS"`
	Unit       netip.Prefix `json:"unit"`
	Generation uint64       `json:"generation"`
	MapDigest  plan.Digest  `json:"mapDigest"`
	GeoDigest  string       `json:"geoDigest"`
	// GeoSource is what the geo table was made of, in its own words.
	GeoSource  string       `json:"geoSource,omitempty"`
	Method     plan.Method  `json:"method"`
	Place      TracePlace   `json:"place"`
	Candidates []TraceRow   `json:"candidates"`
	Steps      []string     `json:"steps"`
	Outcome    string       `json:"outcome"`
	Site       gslb.SiteID  `json:"site,omitempty"`
	Addresses  []netip.Addr `json:"addresses,omitempty"`
	TTLSeconds int          `json:"ttlSeconds"`
	Scope      netip.Prefix `json:"scope"`
	Reason     string       `json:"reason"`
	// Match is nil where no address of the service tells clients apart by line or region.
	Match *TraceMatch `json:"match,omitempty"`
	// Split is nil where the service has no splits.
	Split *TraceSplit `json:"split,omitempty"`
	level eligibility // of the last step
}

// TracePlace is what the geo table says of the client.
type TracePlace struct {
	// Known says that there is a location.
	Known bool `json:"known"`
	// KnownResolver says that the place is that of the clients of a known resolver.
	KnownResolver bool          `json:"knownResolver,omitempty"`
	Location      gslb.Location `json:"location"`
	Country       string        `json:"country,omitempty"`
	Region        string        `json:"region,omitempty"`
	Area          string        `json:"area,omitempty"`
	Line          gslb.Line     `json:"line,omitempty"`
	// From names the source of each field that is known.
	From   TraceFrom    `json:"from"`
	Prefix netip.Prefix `json:"prefix"`
}

// TraceFrom names the database, list or override that gave each field of a place.
type TraceFrom struct {
	Location string `json:"location,omitempty"`
	Country  string `json:"country,omitempty"`
	Region   string `json:"region,omitempty"`
	Line     string `json:"line,omitempty"`
	// RTT is who measured times from there.
	RTT string `json:"rtt,omitempty"`
}

// TraceRow is one endpoint in a decision. Km is -1 where distance had no part in it, or nobody knows the client's place.
type TraceRow struct {
	Site gslb.SiteID `json:"site"`
	Tier int         `json:"tier"`
	Km   int         `json:"km"`
	// RTTMilliseconds is what was measured from the client's network, nil if nothing was or it did not count.
	RTTMilliseconds *int          `json:"rttMilliseconds,omitempty"`
	Up              bool          `json:"up"`
	ForcedUp        bool          `json:"forcedUp,omitempty"`
	Drained         bool          `json:"drained"`
	Capacity        gslb.MilliRPS `json:"capacityMilliRPS"`
	Brief           bool          `json:"brief,omitempty"`
	Calm            bool          `json:"calm,omitempty"`
	Chosen          bool          `json:"chosen"`
}

// Explain decides like Decide and says how.
func Explain(snapshot *world.Snapshot, name gslb.Name, q Query) Trace {
	compiled := &snapshot.Plan.Services[q.Service]
	t := Trace{
		Name: name, Service: compiled.Spec.Name,
		Client: q.Client.Prefix, FromECS: q.Client.FromECS, Unit: q.Client.Unit(),
		Generation: snapshot.Generation, MapDigest: snapshot.Plan.Digest, GeoDigest: snapshot.Plan.Geo.Table.Digest(),
		GeoSource: snapshot.Plan.Geo.Table.Origin().Source,
		Method:    compiled.Spec.Steering.Method,
	}
	times := t.lookup(snapshot.Plan.Geo.Table)
	var out Decision
	decide(snapshot, &q, &t, &out)
	t.finish(snapshot, q, out)
	if t.Method == plan.Proximity {
		t.measure(snapshot.Plan.Map.Sites, times)
		t.fastest()
	}
	return t
}

// lookup finds the client's place, and what was measured there.
func (t *Trace) lookup(table *geodata.Table) []geodata.SiteRTT {
	id, prefix := table.Lookup(t.Unit.Addr())
	known, ok := table.KnownResolver(t.Client.Addr())
	ok = ok && !t.FromECS
	if ok {
		id, prefix = known, t.Client
	}
	t.Place = placeOf(table, id, prefix)
	t.Place.KnownResolver = ok
	return table.RTT(table.Place(id).RTT)
}

func placeOf(table *geodata.Table, id geodata.PlaceID, prefix netip.Prefix) TracePlace {
	place, from := table.Place(id), table.From(id)
	return TracePlace{
		Known: place.HasLocation, Location: place.Location,
		Country: place.Country, Region: place.Region, Area: regions.Area(place.Region), Line: place.Line,
		From: TraceFrom{
			Location: table.Source(from.Location), Country: table.Source(from.Country),
			Region: table.Source(from.Region), Line: table.Source(from.Line),
			RTT: table.Source(from.RTT),
		},
		Prefix: prefix,
	}
}

// begin records the class.
func (t *Trace) begin(d *decider) {
	t.unsplit(d)
	t.residency(d)
	for tier, e := range d.choice.Endpoints {
		row := d.row(int(e))
		if d.compiled.Spec.Steering.Method == plan.Failover {
			row.Tier = tier
		}
		t.Candidates = append(t.Candidates, row)
	}
}

func (d *decider) row(endpoint int) TraceRow {
	live := &d.live.Endpoints[endpoint]
	spec := &d.compiled.Spec.Endpoints[endpoint]
	row := TraceRow{
		Site: d.compiled.Endpoints[endpoint].Site, Km: -1,
		Up: live.Up, ForcedUp: live.ForcedUp, Drained: live.Drained, Capacity: live.Capacity, Brief: spec.Brief, Calm: spec.Calm,
	}
	for _, c := range d.class.Candidates {
		if int(d.choice.BySite[c.Site]) == endpoint {
			row.Tier, row.Km = int(c.Tier), 0 // measure has the distance
		}
	}
	return row
}

// measure puts the client's own distances in place of the class', which are those of whichever place came first, and the
// times that count instead.
func (t *Trace) measure(sites []plan.Site, times []geodata.SiteRTT) {
	from := t.Place.Location.Direction()
	for i := range t.Candidates {
		row := &t.Candidates[i]
		site := slices.IndexFunc(sites, func(s plan.Site) bool { return s.ID == row.Site })
		switch {
		case !t.Place.Known:
			row.Km = -1
		case row.Km >= 0 && site >= 0:
			row.Km = from.DistanceKm(sites[site].Location.Direction())
		}
		if time := slices.IndexFunc(times, func(m geodata.SiteRTT) bool { return m.Site == row.Site }); time >= 0 {
			milliseconds := int(times[time].Milliseconds)
			row.RTTMilliseconds = &milliseconds
		}
	}
}

// fastest says so where a measured time made the chosen site the first: its own, or that of one that is nearer.
func (t *Trace) fastest() {
	at := slices.IndexFunc(t.Candidates, func(row TraceRow) bool { return row.Chosen })
	if at < 0 || t.Reason != Nearest.String() {
		return
	}
	chosen := t.Candidates[at]
	if slices.ContainsFunc(t.Candidates, func(row TraceRow) bool {
		return row.RTTMilliseconds != nil && (row.Chosen || row.Km < chosen.Km)
	}) {
		t.Reason = "fastest"
	}
}

// consider records one candidate's examination.
func (t *Trace) consider(d *decider, endpoint int, level eligibility, ok bool) {
	if level != t.level {
		t.level = level
		t.Steps = append(t.Steps, levelNotes[level])
	}
	site := d.compiled.Endpoints[endpoint].Site
	if ok {
		t.Steps = append(t.Steps, fmt.Sprintf("%s is eligible", site))
		return
	}
	t.Steps = append(t.Steps, fmt.Sprintf("%s is out: %s", site, strings.Join(d.lacks(endpoint, level), ", ")))
}

// levelNotes stand above the steps of a level.
var levelNotes = [...]string{"", "none is eligible; with health ignored:", "none is eligible; with health and capacity ignored:",
	"none is eligible; with drains ignored as well:"}

// recall says whether there is a moment to go back to.
func (t *Trace) recall(known bool) {
	if known {
		t.Steps = append(t.Steps, "none is eligible; as in the last moment when one was:")
		return
	}
	t.Steps = append(t.Steps, "none that was eligible is remembered, or it is drained now")
}

// fallback says whether the fallback answers.
func (t *Trace) fallback(answers bool) {
	if answers {
		t.Steps = append(t.Steps, "none is eligible; the fallback answers")
		return
	}
	t.Steps = append(t.Steps, "the fallback has no address of this family")
}

// lacks is what keeps an endpoint from being eligible at a level.
func (d *decider) lacks(endpoint int, level eligibility) (lacks []string) {
	e := &d.live.Endpoints[endpoint]
	if !d.compiled.Allows(d.class.Residency, endpoint) {
		return []string{"residency keeps these clients elsewhere"}
	}
	if d.recalled {
		return []string{"it was out then, or is drained now"}
	}
	switch {
	case level > healthy:
	case !e.Up && !e.ForcedUp:
		lacks = append(lacks, "its probes fail")
	case !e.Has(d.family):
		lacks = append(lacks, "its addresses of this family are down")
	}
	if e.Drained {
		lacks = append(lacks, "it is drained")
	}
	if e.Capacity <= 0 && level <= anyHealth {
		lacks = append(lacks, "it has no capacity")
	}
	return lacks
}

var outcomeNames = [...]string{"answered", "no data of this family", "unavailable"}

func (t *Trace) finish(snapshot *world.Snapshot, q Query, d Decision) {
	t.Outcome, t.TTLSeconds, t.Reason, t.Addresses = outcomeNames[d.Outcome], int(d.TTL/time.Second), d.Reason.String(), d.Addresses
	if snapshot.Plan.Services[q.Service].Spec.Asleep && d.Reason == AllUnhealthy {
		t.Reason = "asleep" // nothing has capacity, whatever probes say
	}
	around := t.Unit.Addr()
	if !t.FromECS {
		around = t.Client.Addr() // a split may tell the addresses of one unit apart
	}
	t.Scope, _ = around.Prefix(d.ScopeBits)
	if d.Endpoint < 0 {
		return
	}
	t.Site = snapshot.Plan.Services[q.Service].Endpoints[d.Endpoint].Site
	for i := range t.Candidates {
		t.Candidates[i].Chosen = t.Candidates[i].Site == t.Site
	}
}
