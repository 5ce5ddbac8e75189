package tidegate

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tidegate.dev/tidegate/controlplane/enroll"
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/geodata/mmdb"
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
	world    *plan.Map // read while the Corefile is parsed, so that a broken file is an error at start
	// credentials are for the bus; empty with a world file.
	credentials bus.Credentials
	log         *slog.Logger
	cancel      context.CancelFunc
	wait        sync.WaitGroup
}

// adminRetry is how long to wait for an admin socket that is in use.
const adminRetry = time.Second

// newServer makes what a block says. Prepare is called with every map before it is served; nil is fine.
func newServer(s settings, log *slog.Logger, prepare func(*plan.Compiled, uint64)) (*server, error) {
	out := &server{settings: s, log: log}
	if s.world != "" {
		world, err := node.LoadWorld(s.world)
		if err != nil {
			return nil, err
		}
		out.world = world
	}
	if s.busURL != "" {
		credentials, err := readCredentials(s)
		if err != nil {
			return nil, err
		}
		out.credentials = credentials
	}
	table, trouble, err := openGeo(s, log)
	if err != nil {
		return nil, err
	}
	config := node.Config{Geo: plan.NewGeo(table), GeoTrouble: trouble, Log: log, Prepare: prepare}
	if s.dataFolder != "" {
		folder, err := keep.Open(s.dataFolder)
		if err != nil {
			return nil, err
		}
		config.Folder = &folder
	}
	out.node = node.New(config)
	return out, nil
}

// openGeo opens the operator's databases. One that can't be read must not keep a name server from its names: the embedded
// table then serves, and trouble says why, in the log and in the status.
func openGeo(s settings, log *slog.Logger) (table *geodata.Table, trouble string, err error) {
	if len(s.geoFiles) > 0 {
		if table, err = mmdb.Load(s.geoFiles...); err == nil {
			return table, "", nil
		}
		trouble = err.Error()
		log.Error("the geo databases are not used, the embedded table serves: mend the files and restart", "why", err)
	}
	table, err = embedded.Open()
	return table, trouble, err
}

// start runs the node and its sources. It returns once the world file, if there is one, is served.
func (s *server) start(ctx context.Context) error {
	ctx, s.cancel = context.WithCancel(ctx)
	observed.node.Store(s.node)
	s.run(func() {
		if err := s.node.Run(ctx); err != nil {
			s.log.Error("the node stopped", "why", err)
		}
	})
	if s.settings.admin != "" {
		s.run(func() { s.serveAdmin(ctx) })
	}
	if s.world != nil {
		if err := s.node.ProposeWorld(ctx, s.world); err != nil {
			return err
		}
		s.run(func() { s.node.FollowWorld(ctx, s.settings.world) })
		return nil
	}
	return s.startBus(ctx)
}

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

// startBus serves what is kept on disk at once, and follows the bus from then on. It does not wait for the bus.
func (s *server) startBus(ctx context.Context) error {
	key := ed25519.PublicKey(s.credentials.MapKey)
	err := s.node.Restore(ctx, func(signedHead []byte) (plan.Head, error) { return plan.OpenHead(signedHead, key) })
	if err != nil {
		return err
	}
	member, err := bus.Dial(ctx, s.credentials, bus.Config{
		Logger: s.log,
		Renew:  enroll.Renew,
		Saved:  func(renewed bus.Credentials) error { return renewed.Write(s.settings.busCreds) },
	})
	if err != nil {
		return err
	}
	s.run(func() {
		if err := s.node.FollowBus(ctx, member, key); err != nil {
			s.log.Error("the bus is not followed any more", "why", err)
		}
		member.Close()
	})
	s.run(func() { s.node.ReportTo(ctx, member, s.credentials.Name) })
	return nil
}

// readCredentials reads what the bus needs; the address in the Corefile wins over the one in the file.
func readCredentials(s settings) (bus.Credentials, error) {
	credentials, err := bus.ReadCredentials(s.busCreds)
	if err != nil {
		return bus.Credentials{}, fmt.Errorf("%w: 'tidegate enroll' writes this file from a token of the hub", err)
	}
	if credentials.Role != bus.NameServer || len(credentials.MapKey) != ed25519.PublicKeySize {
		return bus.Credentials{}, fmt.Errorf("%s: these are not a name server's credentials: enrol with a token of role nameserver", s.busCreds)
	}
	credentials.URLs = []string{s.busURL}
	return credentials, nil
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
