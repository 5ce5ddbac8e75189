package node

import (
	"errors"
	"maps"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb/plan"
)

// GeoStatus is what a name server says about its geo table.
type GeoStatus struct {
	GeoDigest string `json:"geoDigest"`
	// GeoSource and GeoDate are the table's own words: what it was made of, and how old the oldest of that is.
	GeoSource string    `json:"geoSource,omitempty"`
	GeoDate   time.Time `json:"geoDate,omitzero"`
	GeoFrom   GeoFrom   `json:"geoFrom"`
	// GeoKept says that the table was read back from disk and its source has not confirmed it yet.
	GeoKept bool `json:"geoKept,omitempty"`
	// GeoWanted is the digest of another geo table that the map was planned with; empty if it is the node's own.
	GeoWanted string `json:"geoWanted,omitempty"`
	// GeoUnknownSites is how many sites the table has round-trip times to that the map does not have; Warnings names them.
	GeoUnknownSites int `json:"geoUnknownSites,omitempty"`
	// GeoTrouble is why the table that the operator or the hub offers is not in use; empty if it is.
	GeoTrouble string `json:"geoTrouble,omitempty"`
	// GeoReloads counts the tables that were offered since the start, by what became of them: one of GeoResults.
	GeoReloads map[string]uint64 `json:"geoReloads,omitempty"`
}

// The results of an offered table that are no refusal.
const (
	geoResultTaken     = "taken"
	geoResultUnchanged = "unchanged"
)

var geoReasons = []struct {
	err  error
	name string
}{
	{geodata.ErrOlder, "older"},
	{geodata.ErrRows, "rows"},
	{geodata.ErrCountries, "countries"},
	{geodata.ErrLines, "lines"},
	{geodata.ErrMoved, "moved"},
	{ErrRehearsal, "rehearsal"},
}

// geoResultOf names a refusal for a counter; the set of names is fixed.
func geoResultOf(err error) string {
	for _, r := range geoReasons {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "unreadable"
}

// GeoResults lists the names under which a status counts tables.
func GeoResults() []string {
	names := []string{geoResultTaken, geoResultUnchanged, "unreadable"}
	for _, r := range geoReasons {
		names = append(names, r.name)
	}
	return names
}

// geoState is the part of GeoStatus that the status guards.
type geoState struct {
	trouble string
	reloads map[string]uint64
}

// geoTaken counts a table that is in use now; same: it was before.
func (s *status) geoTaken(same bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.geo.trouble = ""
	if same {
		s.geo.reloads[geoResultUnchanged]++
	} else {
		s.geo.reloads[geoResultTaken]++
	}
}

func (s *status) geoRefused(err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.geo.reloads[geoResultOf(err)]++
	s.geo.trouble = now.UTC().Format(time.RFC3339) + ": " + err.Error()
}

func (s *status) setGeoTrouble(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.geo.trouble = why
}

// servedHead is the head of the map that is served; the zero head without one.
func (s *status) servedHead() plan.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head
}

// geoStatus is called with the status locked.
func (n *Node) geoStatus() GeoStatus {
	g, s := n.geo.Load(), &n.status
	origin := g.Table.Origin()
	out := GeoStatus{GeoDigest: g.digest(), GeoSource: origin.Source, GeoDate: origin.Date, GeoFrom: g.from, GeoKept: g.kept,
		GeoTrouble: s.geo.trouble, GeoReloads: maps.Clone(s.geo.reloads)}
	if s.head.GeoDigest != out.GeoDigest {
		out.GeoWanted = s.head.GeoDigest
	}
	return out
}
