package drills

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tidegate.dev/tidegate/deploy/daemons"
)

// sourceOf is an address of a client's network that a query can come from.
func sourceOf(i int) string { return daemons.Clients[i].Subnet.Addr().Next().String() }

// BySource asks both name servers from addresses inside the clients' networks, without a client subnet, with dig. The
// addresses live in the client's namespace only; each name server's namespace gets a route to it, and nothing else on
// the machine does.
func (d *Drills) BySource(ctx context.Context) error {
	undo, err := d.addSources(ctx)
	defer undo()
	if err != nil {
		return err
	}
	for i, client := range daemons.Clients {
		for _, ns := range daemons.NameServers {
			out, err := d.Cluster.Exec(ctx, "client", "dig", "-b", sourceOf(i), "@"+d.Cluster.Plan.Must(ns).Addr.String(),
				"-p", fmt.Sprint(daemons.PortDNS), daemons.SampleName, "A", "+short", "+time=2")
			if err != nil {
				return err
			}
			site := d.Cluster.Plan.Must(client.Site)
			if got, err := netip.ParseAddr(strings.TrimSpace(out)); err != nil || !slices.Contains(site.More, got) {
				return fmt.Errorf("%s answers %s (from %s) with %q, want an address of %s %v", ns, client.Who, sourceOf(i), out, site.Name, site.More)
			}
		}
		d.Say("asked from %s in %s: %s", sourceOf(i), client.Who, client.Site)
	}
	return nil
}

// addSources gives the client's namespace an address of every client's network, and the name servers' namespaces the
// way back. Undo takes all of it away.
func (d *Drills) addSources(ctx context.Context) (undo func(), err error) {
	var made [][]string
	undo = func() {
		for _, command := range made {
			_, _ = d.Cluster.Exec(context.WithoutCancel(ctx), command[0], command[1:]...) // gone with the namespace at the latest
		}
	}
	add := func(host string, object, action string, rest ...string) {
		if err != nil {
			return
		}
		_, err = d.Cluster.Exec(ctx, host, append([]string{"ip", object, action}, rest...)...)
		made = append(made, append([]string{host, "ip", object, "del"}, rest...))
	}
	via := d.Cluster.Plan.Must("client").Addr.String()
	for i := range daemons.Clients {
		add("client", "address", "add", sourceOf(i)+"/32", "dev", "lo")
		for _, ns := range daemons.NameServers {
			add(ns, "route", "add", sourceOf(i)+"/32", "via", via)
		}
	}
	return undo, err
}

// Chat asks, as each client, with dig, and then talks with the address that came with curl: a streamed completion must
// come from a container at the client's site.
func (d *Drills) Chat(ctx context.Context) error {
	for _, client := range daemons.Clients {
		address, err := d.Cluster.Exec(ctx, "client", "dig", "@"+d.Cluster.Plan.Must(daemons.NameServers[0]).Addr.String(),
			"-p", fmt.Sprint(daemons.PortDNS), daemons.SampleName, "A", "+short", "+subnet="+client.Subnet.String())
		if err != nil {
			return err
		}
		url := fmt.Sprintf("http://%s:%d/v1/chat/completions", strings.TrimSpace(address), daemons.SamplePort)
		stream, err := d.Cluster.Exec(ctx, "client", "curl", "-sSN", "--max-time", "20", "-H", "Content-Type: application/json",
			"-H", "Host: "+daemons.SampleName, "-d", `{"model":"tide-1","stream":true,"max_tokens":16,"messages":[{"role":"user","content":"Where are you?"}]}`, url)
		if err != nil {
			return err
		}
		if err := checkStream(stream, client.Site); err != nil {
			return fmt.Errorf("%s, at %s: %w", client.Who, url, err)
		}
		d.Say("%s talked with %s: %d events", client.Who, client.Site, strings.Count(stream, "data: "))
	}
	return nil
}

// checkStream says whether a streamed completion is whole and names a node of the site.
func checkStream(stream, site string) error {
	switch {
	case strings.Count(stream, "data: ") < 3:
		return fmt.Errorf("no stream: %.200q", stream)
	case !strings.Contains(stream, "data: [DONE]"):
		return errors.New("the stream was cut")
	case !strings.Contains(stream, site):
		return fmt.Errorf("the stream does not come from %s: %.200q", site, stream)
	}
	return nil
}
