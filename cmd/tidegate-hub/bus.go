package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	bushub "tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/bus/server"
)

// How a bus of one's own is waited for: each attempt may take busPatience, and busPause comes after one that failed. A
// cluster that has no leader yet does not answer at all.
const (
	busPatience = 5 * time.Second
	busPause    = time.Second
)

// busReplicas is how many copies of each stream a cluster keeps.
const busReplicas = 3

// parseBusURLs reads the value of -bus-url.
func parseBusURLs(value string) ([]string, error) {
	var urls []string
	for item := range strings.SplitSeq(value, ",") {
		u, err := url.Parse(strings.TrimSpace(item))
		if err != nil || u.Scheme != "tls" || u.Hostname() == "" || u.Port() == "" || u.String() != "tls://"+u.Host {
			return nil, fmt.Errorf("%q is no address of a bus: want tls://host:4222, several with commas", item)
		}
		urls = append(urls, u.String())
	}
	return urls, nil
}

// memberURLs are the bus' addresses as members dial them.
func (o options) memberURLs() ([]string, error) {
	if len(o.busURLs) > 0 {
		return o.busURLs, nil
	}
	hosts, err := o.hosts()
	if err != nil {
		return nil, err
	}
	return advertised("tls", hosts, o.busListen)
}

// advertised are the addresses that members dial: the hosts with the port of listen.
func advertised(scheme string, hosts []string, listen string) ([]string, error) {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w: want host:port or :port", listen, err)
	}
	var urls []string
	for _, host := range hosts {
		urls = append(urls, scheme+"://"+net.JoinHostPort(host, port))
	}
	return urls, nil
}

// openBus connects to the bus: the one at -bus-url, or one that it starts in this process.
func (p *process) openBus(ctx context.Context, keys keys, connected func(context.Context)) (*bushub.Hub, func(), error) {
	cfg := bushub.Config{Authority: keys.authority, Save: p.secrets.SaveAuthority, Connected: connected, Logger: p.log}
	if len(p.busURLs) == 0 {
		return p.startBus(ctx, cfg)
	}
	cfg.URLs = p.busURLs
	if len(p.busURLs) >= busReplicas {
		cfg.Replicas = busReplicas
	}
	link, err := p.awaitBus(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	return link, link.Close, nil
}

// startBus starts the bus in this process and connects to it.
func (p *process) startBus(ctx context.Context, cfg bushub.Config) (*bushub.Hub, func(), error) {
	hosts, err := p.hosts()
	if err != nil {
		return nil, nil, err
	}
	embedded, err := server.Start(ctx, server.Config{Authority: cfg.Authority, Listen: p.busListen, Hosts: hosts,
		StoreDir: filepath.Join(p.data, "bus"), Logger: p.log})
	if err != nil {
		return nil, nil, err
	}
	cfg.Embedded = embedded
	link, err := bushub.Open(ctx, cfg)
	if err != nil {
		embedded.Close()
		return nil, nil, err
	}
	return link, func() { link.Close(); embedded.Close() }, nil
}

// awaitBus connects to a bus of one's own, as often as it takes: sites and name servers go on without it.
func (p *process) awaitBus(ctx context.Context, cfg bushub.Config) (*bushub.Hub, error) {
	for {
		attempt, cancel := context.WithTimeout(ctx, busPatience)
		link, err := bushub.Open(attempt, cfg)
		cancel()
		if err == nil {
			return link, nil
		}
		p.log.Warn("the bus at -bus-url cannot be used; trying again", "urls", cfg.URLs, "error", err,
			"next", "are its servers up, with the files that -bus-files writes?")
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(busPause):
		}
	}
}
