package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tidegate.dev/tidegate/gslb/bus/authority"
)

// writeBusFiles writes what the NATS servers of -bus-url need to be this hub's bus, a folder for each.
func (p *process) writeBusFiles(ctx context.Context, out io.Writer) error {
	servers, err := busServers(p.busURLs)
	if err != nil {
		return err
	}
	if err := p.secrets.MakeNamespace(ctx); err != nil {
		return err
	}
	a, err := p.secrets.Authority(ctx)
	if err != nil {
		return err
	}
	for _, s := range servers {
		folder := filepath.Join(p.busFiles, s.Name)
		files, err := a.Files(s, time.Now())
		if err != nil {
			return fmt.Errorf("write the files of %s: %w", s.Name, err)
		}
		if err := writeFolder(folder, files); err != nil {
			return fmt.Errorf("write the files of %s: %w", s.Name, err)
		}
		fmt.Fprintf(out, "%s: copy it to %s and run there, in the folder: nats-server -c nats.conf\n", folder, s.Name)
	}
	return nil
}

// busServers are the servers that the URLs name. More than one are a cluster, and each has the certificate for all,
// since clients learn of the others from the one that they asked.
func busServers(urls []string) ([]authority.External, error) {
	var hosts, listens []string
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("read -bus-url: %w", err)
		}
		if slices.Contains(hosts, u.Hostname()) {
			return nil, fmt.Errorf("-bus-url names %s twice: a server of a cluster has a host of its own", u.Hostname())
		}
		hosts, listens = append(hosts, u.Hostname()), append(listens, listenOn(u))
	}
	switch len(hosts) {
	case 0:
		return nil, errors.New("-bus-files writes the files of the servers that -bus-url names: give it too")
	case 2:
		return nil, errors.New("-bus-url names two servers, and one alone could not go on: give one, or three or more")
	}
	cluster := hosts
	if len(hosts) == 1 {
		cluster = nil
	}
	var servers []authority.External
	for i, host := range hosts {
		servers = append(servers, authority.External{Listen: listens[i], Hosts: hosts, Name: host, Cluster: cluster})
	}
	return servers, nil
}

// listenOn is every address of the host, of IPv6 too if that is how it is dialled.
func listenOn(u *url.URL) string {
	if strings.Contains(u.Hostname(), ":") {
		return net.JoinHostPort("::", u.Port())
	}
	return net.JoinHostPort("0.0.0.0", u.Port())
}

// writeFolder writes files that nobody else may read.
func writeFolder(folder string, files map[string][]byte) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
