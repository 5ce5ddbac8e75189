package lb

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tidegate.dev/tidegate/gslb/signal"
)

// Driver is a load balancer that a site can steer. Its methods may be called from several goroutines.
type Driver interface {
	// Apply makes the load balancer serve config and nothing else, without losing a connection. What cannot be served
	// is left out and returned as FrontendErrors; the rest is served all the same.
	Apply(ctx context.Context, config Config) error
	// Sample reads the load of every workload that is served, by workload.
	Sample(ctx context.Context) (map[string]signal.Load, error)
}

// Config is everything that a load balancer serves.
type Config struct {
	Frontends []Frontend `json:"frontends"`
}

// Frontend is one port of one workload.
type Frontend struct {
	// Workload is "namespace/kind/name".
	Workload string `json:"workload"`
	// Addresses and Listen are where clients connect.
	Addresses []netip.Addr `json:"addresses"`
	Listen    uint16       `json:"listen"`
	Protocol  Protocol     `json:"protocol"`
	Check     Check        `json:"check"`
	// Servers may be empty: then HTTP answers 503 and TCP refuses.
	Servers []Server `json:"servers"`
}

// Protocol is how a frontend treats what it carries.
type Protocol string

// The protocols: HTTP balances requests, TCP connections.
const (
	HTTP Protocol = "http"
	TCP  Protocol = "tcp"
)

// Check is how a load balancer checks servers beside what the caller says: by a GET that must answer 200 to 399, or,
// where HTTPPath is empty, by connecting.
type Check struct {
	HTTPPath string `json:"httpPath,omitempty"`
}

// Server is one ready replica.
type Server struct {
	Name string         `json:"name"`
	Addr netip.AddrPort `json:"addr"`
}

// FrontendError says why one workload is not served though the others are.
type FrontendError struct {
	Workload string
	Err      error
}

// Error is the reason with the workload in front.
func (e *FrontendError) Error() string { return e.Workload + ": " + e.Err.Error() }

// Unwrap is the reason.
func (e *FrontendError) Unwrap() error { return e.Err }

// FrontendErrors collects the reasons in an error that Apply returned, by workload. The second result is false where the
// error says something about the load balancer as a whole.
func FrontendErrors(err error) (map[string]error, bool) {
	found := map[string]error{}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		var one *FrontendError
		if errors.As(err, &one) {
			found[one.Workload] = one.Err
		}
		return found, len(found) > 0
	}
	all := true
	for _, each := range joined.Unwrap() {
		below, ok := FrontendErrors(each)
		all = all && ok
		for workload, reason := range below {
			found[workload] = reason
		}
	}
	return found, all
}

// Canonical is a copy in which frontends, addresses and servers are sorted, so that equal configurations are equal.
func (c Config) Canonical() Config {
	frontends := slices.Clone(c.Frontends)
	for i := range frontends {
		frontends[i].Addresses = slices.Clone(frontends[i].Addresses)
		slices.SortFunc(frontends[i].Addresses, netip.Addr.Compare)
		frontends[i].Servers = slices.Clone(frontends[i].Servers)
		slices.SortFunc(frontends[i].Servers, func(a, b Server) int { return strings.Compare(a.Name, b.Name) })
	}
	slices.SortFunc(frontends, func(a, b Frontend) int {
		if order := strings.Compare(a.Workload, b.Workload); order != 0 {
			return order
		}
		return int(a.Listen) - int(b.Listen)
	})
	return Config{Frontends: frontends}
}

// Validate returns the first thing that no load balancer could serve: what a caller got wrong, not what the network
// refuses.
func (c Config) Validate() error {
	taken := map[netip.AddrPort]string{}
	for _, f := range c.Frontends {
		if err := f.validate(); err != nil {
			return &FrontendError{Workload: f.Workload, Err: err}
		}
		for _, addr := range f.Addresses {
			at := netip.AddrPortFrom(addr, f.Listen)
			if holder, ok := taken[at]; ok {
				return &FrontendError{Workload: f.Workload, Err: fmt.Errorf("%s is served by %s already", at, holder)}
			}
			taken[at] = f.Workload
		}
	}
	return nil
}

func (f Frontend) validate() error {
	switch {
	case f.Listen == 0:
		return errors.New("no port to listen on")
	case len(f.Addresses) == 0:
		return errors.New("no address to listen on")
	case f.Protocol != HTTP && f.Protocol != TCP:
		return fmt.Errorf("protocol %q is not known, want http or tcp", f.Protocol)
	}
	for _, addr := range f.Addresses {
		if !addr.IsValid() || addr.Is4In6() || addr.Zone() != "" {
			return fmt.Errorf("%q is no address to listen on", addr)
		}
	}
	names := map[string]bool{}
	for _, s := range f.Servers {
		if !s.Addr.IsValid() || s.Addr.Port() == 0 || names[s.Name] {
			return fmt.Errorf("server %q at %s has no usable address, or its name is there twice", s.Name, s.Addr)
		}
		names[s.Name] = true
	}
	return nil
}
