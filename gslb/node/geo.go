package node

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/plan"
)

// GeoFrom says where a geo table came from.
type GeoFrom string

// The sources of geo tables: the default inside the binary, the operator's own files, and the hub.
const (
	GeoEmbedded GeoFrom = "embedded"
	GeoFiles    GeoFrom = "files"
	GeoHub      GeoFrom = "hub"
)

// GeoProposal is a geo table that a source offers.
type GeoProposal struct {
	Geo  *plan.Geo
	From GeoFrom
	// Meant says that a person insists on the table, or chose other files: the guards do not ask.
	Meant bool
	// File is the table as geodata encodes it. Nil: it is encoded before it is kept on disk.
	File []byte
}

// geoInUse is the table that maps are compiled with. The loop replaces it whole.
type geoInUse struct {
	*plan.Geo
	from GeoFrom
	kept bool // it was read back from disk, and nobody has confirmed it yet
}

func (g *geoInUse) digest() string { return g.Table.Digest() }

// compiledGeo is a table on its way into the loop, with the served map compiled for it; plan is nil if there is no map, or
// if the table is the one in use.
type compiledGeo struct {
	use  geoInUse
	plan *plan.Compiled
	done chan struct{}
}

// ProposeGeo holds a geo table against the guards and, if it passes, returns after the served map is served with it. An
// error says why the node goes on with the table that it has; it is counted. Run must be running.
//
// The map is compiled with the new table aside, so that maps that are proposed meanwhile need not wait for it.
func (n *Node) ProposeGeo(ctx context.Context, p GeoProposal) error {
	n.geoProposal.Lock()
	defer n.geoProposal.Unlock()
	same := p.Geo.Table.Digest() == n.geo.Load().digest()
	if err := n.proposeGeo(ctx, p, same); err != nil {
		if ctx.Err() == nil {
			n.GeoRefused(err)
		}
		return err
	}
	n.status.geoTaken(same)
	if !same {
		n.config.Log.Info("the geo table is swapped", "digest", p.Geo.Table.Digest(), "source", p.Geo.Table.Origin().Source, "from", p.From)
		n.keepGeo(p)
	}
	return nil
}

func (n *Node) proposeGeo(ctx context.Context, p GeoProposal, same bool) error {
	if same {
		return n.handGeo(ctx, compiledGeo{use: geoInUse{Geo: n.geo.Load().Geo, from: p.From}})
	}
	if err := n.geo.Load().guard(p); err != nil {
		return err
	}
	return n.swapGeo(ctx, p, compileWith(p.Geo, n.store.Load().Plan, nil))
}

// swapGeo has the map that is served by now, which may be newer than the one that was compiled early, served with another
// table.
func (n *Node) swapGeo(ctx context.Context, p GeoProposal, early *plan.Compiled) error {
	n.proposal.Lock()
	defer n.proposal.Unlock()
	ready := compileWith(p.Geo, n.store.Load().Plan, early)
	if ready != nil {
		if err := rehearse(ready); err != nil {
			return err
		}
		if n.config.Prepare != nil {
			n.config.Prepare(ready, n.store.Load().Generation)
		}
	}
	return n.handGeo(ctx, compiledGeo{use: geoInUse{Geo: p.Geo, from: p.From}, plan: ready})
}

// guard holds a table against the one in use. Whatever the operator or the hub has is better than the embedded table.
func (g *geoInUse) guard(p GeoProposal) error {
	if p.Meant || g.from == GeoEmbedded {
		return nil
	}
	if err := geodata.Accept(g.Table, p.Geo.Table); err != nil {
		return fmt.Errorf("%w If it is meant, %s", err, wayOut[p.From])
	}
	return nil
}

// wayOut is how a person insists on a table that the guards refuse.
var wayOut = map[GeoFrom]string{
	GeoFiles: "restart the name server, which then takes the files as they are",
	GeoHub:   "restart the hub with -geodata-force",
}

// compileWith compiles the map that is served for another table; nil without a map. What was compiled early is used again
// as far as it still fits.
func compileWith(geo *plan.Geo, served, early *plan.Compiled) *plan.Compiled {
	switch {
	case served == nil:
		return nil
	case early != nil && early.Map == served.Map:
		return early
	}
	return plan.Compile(served.Map, served.Digest, geo, early)
}

// handGeo hands a table to the loop, and returns after the loop has it.
func (n *Node) handGeo(ctx context.Context, g compiledGeo) error {
	g.done = make(chan struct{})
	select {
	case n.tables <- g:
		<-g.done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// takeGeo makes a table the one in use, and the map compiled for it the served one. No proposal of a map comes between
// compiling and this.
func (l *loop) takeGeo(g compiledGeo) {
	if g.plan != nil {
		l.setPlan(l.node.store.Load().Generation, g.plan)
		l.swapIfDue(time.Now())
		l.node.warn(warningsOf(l.trusted, g.plan))
	}
	l.node.geo.Store(&g.use)
}

// GeoRefused counts and logs a table that is not taken, such as a file that cannot be read.
func (n *Node) GeoRefused(err error) {
	n.status.geoRefused(err, time.Now())
	n.config.Log.Warn("a geo table was refused, the last one stays", "why", err)
}

// KeepGeo keeps the table that the node started with on disk, if it was made from the operator's files.
func (n *Node) KeepGeo() {
	if g := n.geo.Load(); g.from == GeoFiles && !g.kept {
		n.keepGeo(GeoProposal{Geo: g.Geo, From: g.from})
	}
}

func (n *Node) keepGeo(p GeoProposal) {
	source, keeps := map[GeoFrom]keep.TableSource{GeoFiles: keep.OwnTable, GeoHub: keep.HubTable}[p.From]
	if n.config.Folder == nil || !keeps {
		return
	}
	var err error
	if p.File == nil {
		var file bytes.Buffer
		err = p.Geo.Table.Encode(&file)
		p.File = file.Bytes()
	}
	if err == nil {
		err = n.config.Folder.SaveTable(source, p.File)
	}
	if err != nil {
		n.config.Log.Error("the geo table is in use but could not be kept on disk", "why", err)
	}
}
