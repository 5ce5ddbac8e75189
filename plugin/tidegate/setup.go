package tidegate

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
)

var log = clog.NewWithPlugin(pluginName)

func init() { plugin.Register(pluginName, setup) }

// settings is what a tidegate block says. Paths are absolute.
type settings struct {
	world      string
	busURL     string
	busCreds   string
	geoFiles   []string
	dataFolder string
	admin      string
}

func setup(c *caddy.Controller) error {
	s, err := parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	handler := &Handler{}
	server, err := newServer(s, slog.New(clogHandler{}), handler.zones.prepare)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	handler.store = server.node.Store()
	c.OnStartup(func() error {
		if err := server.start(context.Background()); err != nil {
			return plugin.Error(pluginName, err)
		}
		return nil
	})
	c.OnShutdown(server.stop)
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		handler.Next = next
		return handler
	})
	return nil
}

func parse(c *caddy.Controller) (settings, error) {
	var s settings
	blocks := 0
	for c.Next() {
		if blocks++; blocks > 1 {
			return s, c.Err("one tidegate block per server block")
		}
		if len(c.RemainingArgs()) > 0 {
			return s, c.ArgErr()
		}
		for c.NextBlock() {
			if err := s.property(c); err != nil {
				return s, err
			}
		}
	}
	switch {
	case s.world == "" && s.busURL == "":
		return s, c.Err("no source of the map: add 'world FILE' or 'bus URL CREDENTIALS'")
	case s.world != "" && s.busURL != "":
		return s, c.Err("two sources of the map: give 'world' or 'bus'")
	}
	return s, nil
}

// property reads one line of the block.
func (s *settings) property(c *caddy.Controller) error {
	root := dnsserver.GetConfig(c).Root
	take := func(into ...*string) error {
		for _, value := range into {
			if !c.NextArg() {
				return c.ArgErr()
			}
			*value = c.Val()
		}
		if c.NextArg() {
			return c.ArgErr()
		}
		return nil
	}
	paths := func(into ...*string) error {
		err := take(into...)
		for _, path := range into {
			if *path != "" && !filepath.IsAbs(*path) {
				*path = filepath.Join(root, *path)
			}
		}
		return err
	}
	switch key := c.Val(); key {
	case "world":
		return paths(&s.world)
	case "bus":
		return take(&s.busURL, &s.busCreds)
	case "geodata":
		return s.geodata(c, root)
	case "data":
		return paths(&s.dataFolder)
	case "admin":
		return paths(&s.admin)
	default:
		return c.Errf("unknown property %q: want world, bus, geodata, data or admin", key)
	}
}

// geodata takes the operator's own files, of every kind that geodata/load reads: databases (.mmdb, .xdb, .csv, .tidegeo),
// of which the first wins field by field, and overrides (.yaml), which stand above them all.
func (s *settings) geodata(c *caddy.Controller, root string) error {
	s.geoFiles = c.RemainingArgs()
	if len(s.geoFiles) == 0 {
		return c.ArgErr()
	}
	for i, path := range s.geoFiles {
		if !filepath.IsAbs(path) {
			s.geoFiles[i] = filepath.Join(root, path)
		}
	}
	return nil
}

// clogHandler writes a node's structured log through CoreDNS' logger.
type clogHandler struct{ attrs []slog.Attr }

func (clogHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h clogHandler) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	add := func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%q", a.Key, a.Value.String())
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	switch {
	case r.Level >= slog.LevelError:
		log.Error(text)
	case r.Level >= slog.LevelWarn:
		log.Warning(text)
	default:
		log.Info(text)
	}
	return nil
}

func (h clogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return clogHandler{append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

func (h clogHandler) WithGroup(string) slog.Handler { return h }
