package hub

import (
	"cmp"
	"context"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb/plan"
)

// GeoHandout is the geo table that the hub plans with and hands to the name servers.
type GeoHandout struct {
	Table  *geodata.Table
	Digest string
	// Files says what the table was made of, in the operator's words. A table of other files than the one before may be
	// anything, and the name servers' guards do not ask.
	Files string
	// Forced says that the operator insists on the table, against these guards.
	Forced bool
	// File is the table as geodata encodes it. It must not change.
	File []byte
}

// Origin is the table's; zero without a table.
func (g GeoHandout) Origin() geodata.Origin {
	if g.Table == nil {
		return geodata.Origin{}
	}
	return g.Table.Origin()
}

// TableBus is where geo tables go; *hub.Hub of gslb/bus is one.
type TableBus interface {
	PublishTable(ctx context.Context, digest string, data []byte) error
}

// How long one attempt to put a table on the bus may take, and how long to wait after one that failed.
const (
	geoPatience = time.Minute
	geoPause    = 5 * time.Second
)

// geoHand is what the loop has to hand over; Loop.mu guards it.
type geoHand struct {
	GeoHandout
	// filesTrouble is why the newest files are not it, busTrouble why it is not on the bus.
	filesTrouble, busTrouble string
}

// SetGeo hands over another table from now on, and forgets the trouble that there was.
func (l *Loop) SetGeo(g GeoHandout) {
	l.mu.Lock()
	l.geo.GeoHandout, l.geo.filesTrouble = g, ""
	l.mu.Unlock()
	poke(l.geoWake)
	l.Poke()
}

// SetGeoTrouble says in the status why the newest geo files are not handed over; an empty text says that they are.
func (l *Loop) SetGeoTrouble(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.geo.filesTrouble = why
}

func (l *Loop) handout() GeoHandout {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.geo.GeoHandout
}

// handOverGeo puts the table on the bus, whenever it is another one or the bus is there again, until ctx ends. Maps do not
// wait for it: a name server that does not find the table yet serves on with the one that it has.
func (l *Loop) handOverGeo(ctx context.Context) {
	for {
		var again <-chan time.Time
		if err := l.putGeo(ctx); err != nil && ctx.Err() == nil {
			again = time.After(geoPause)
		}
		select {
		case <-ctx.Done():
			return
		case <-l.geoWake:
		case <-again:
		}
	}
}

func (l *Loop) putGeo(ctx context.Context) error {
	table := l.handout()
	if table.Digest == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, geoPatience)
	defer cancel()
	err := l.cfg.Bus.PublishTable(ctx, table.Digest, table.File)
	trouble := ""
	if err != nil {
		trouble = err.Error()
	}
	l.mu.Lock()
	news := trouble != l.geo.busTrouble
	l.geo.busTrouble = trouble
	l.mu.Unlock()
	switch {
	case err != nil && news:
		l.log.Error("the geo table is not on the bus; trying again", "digest", table.Digest, "error", err)
	case err == nil:
		l.log.Info("the geo table is on the bus", "digest", table.Digest, "bytes", len(table.File))
	}
	return err
}

// geoDigest is the table that the next head names: the hub's, or the one of the last head while the hub has none.
func (in Inputs) geoDigest() string { return cmp.Or(in.Handout.Digest, in.Head.GeoDigest) }

// geoNamed says whether the last head says of the table all that there is to say.
func (in Inputs) geoNamed() bool {
	if in.geoDigest() != in.Head.GeoDigest {
		return false
	}
	return !in.Handout.Forced || in.Head.Explains(plan.ReasonGeoChanged, in.Handout.Digest)
}

// geo explains a table of other files than before, or one that the operator insists on.
func (s *stepper) geo() {
	in := s.exports.in
	changed := in.State.GeoFiles != "" && in.State.GeoFiles != in.Handout.Files
	if in.Handout.Digest != "" && (changed || in.Handout.Forced) {
		s.add(plan.ReasonGeoChanged, in.Handout.Digest)
	}
}

// carriedOver is a reason of before as it stands now: that there are other files counts for every table made of them, for
// a name server that missed the first one.
func (s *stepper) carriedOver(r DatedReason) DatedReason {
	if table := s.exports.in.Handout.Digest; r.Kind == plan.ReasonGeoChanged && table != "" {
		r.Subject = table
	}
	return r
}

// poke leaves a signal unless one is waiting.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
