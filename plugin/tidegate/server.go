package tidegate

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tidegate.dev/tidegate/geodata/files"
	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/node"
	"tidegate.dev/tidegate/gslb/plan"
)

// server is the node behind a handler, with the goroutines that feed it.
type server struct {
	settings settings
	node     *node.Node
	folder   *keep.Folder // nil: nothing is kept on disk
	// world or credentials are what the source was read to be while the Corefile is parsed. Trouble is why it could not be
	// read; what is kept on disk is then served, if there is any.
	world       *plan.Map
	credentials bus.Credentials
	trouble     error
	geoWatch    *files.Watch // of the operator's geo files
	// look is how long to wait between looks at credentials that cannot be read.
	look   time.Duration
	log    *slog.Logger
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// adminRetry is how long to wait for an admin socket that is in use.
const adminRetry = time.Second

// newServer makes what a block says. Prepare is called with every map before it is served; nil is fine.
func newServer(s settings, log *slog.Logger, prepare func(*plan.Compiled, uint64)) (*server, error) {
	out := &server{settings: s, look: credentialsLook, log: log}
	if s.dataFolder != "" {
		folder, err := keep.Open(s.dataFolder)
		if err != nil {
			return nil, err
		}
		out.folder = &folder
	}
	if out.readSource(); out.trouble != nil && out.folder == nil {
		return nil, out.trouble
	}
	out.geoWatch = files.NewWatch(s.geoFiles...)
	geo, err := chooseGeo(s, out.folder, log)
	if err != nil {
		return nil, err
	}
	out.node = node.New(node.Config{Geo: plan.NewGeo(geo.table), GeoFrom: geo.from, GeoKept: geo.kept, GeoTrouble: geo.trouble,
		Folder: out.folder, Log: log, Prepare: prepare})
	return out, nil
}

func (s *server) readSource() {
	if s.settings.world != "" {
		s.world, s.trouble = node.LoadWorld(s.settings.world)
	} else {
		s.credentials, s.trouble = readCredentials(s.settings)
	}
}

// start runs the node and its source. It returns once the world file, or what is kept on disk, is served. After an error
// nothing runs.
func (s *server) start(ctx context.Context) error {
	ctx, s.cancel = context.WithCancel(ctx)
	s.run(func() {
		if err := s.node.Run(ctx); err != nil {
			s.log.Error("the node stopped", "why", err)
		}
	})
	if s.settings.admin != "" {
		s.run(func() { s.serveAdmin(ctx) })
	}
	if len(s.settings.geoFiles) > 0 {
		s.run(func() { s.followGeoFiles(ctx) })
	}
	source := s.startBus
	if s.settings.world != "" {
		source = s.startWorld
	}
	if err := source(ctx); err != nil {
		return errors.Join(err, s.stop())
	}
	observed.node.Store(s.node)
	return nil
}

// startWorld serves the world file, and follows it from then on. While it is broken, the last good world that was kept is
// served.
func (s *server) startWorld(ctx context.Context) error {
	err := s.trouble
	if err == nil {
		err = s.node.ProposeWorld(ctx, s.world)
	}
	if err != nil {
		if failed := s.node.RestoreWorld(ctx); failed != nil || !s.serves() {
			return errors.Join(err, failed)
		}
		s.log.Error("the world file is not served, the last good world that was kept is: mend the file, it is read again", "why", err)
	}
	s.world = nil // the node has it
	s.run(func() { s.node.FollowWorld(ctx, s.settings.world) })
	return nil
}

func (s *server) serves() bool { return s.node.Store().Load().Plan != nil }

// serveAdmin serves the admin API, and tries again where it can't: when CoreDNS reloads, the new instance starts while the
// old one still has the socket.
func (s *server) serveAdmin(ctx context.Context) {
	for ctx.Err() == nil {
		err := admin.Serve(ctx, s.settings.admin, s.node.AdminHandler())
		if err == nil {
			return
		}
		s.log.Warn("no admin API yet", "why", err)
		select {
		case <-ctx.Done():
		case <-time.After(adminRetry):
		}
	}
}

func (s *server) run(f func()) { s.wait.Go(f) }

// stop ends everything that start began.
func (s *server) stop() error {
	if s.cancel != nil {
		s.cancel()
	}
	s.wait.Wait()
	return nil
}
