package cname

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// Bounds on look-ups.
const (
	atOnce   = 4
	deadline = 5 * time.Second
	maxHops  = 8
	look     = time.Second // how often the schedule is asked what is due
)

// Resolver looks up what a name is an alias of; *net.Resolver is one.
type Resolver interface {
	LookupCNAME(ctx context.Context, host string) (string, error)
}

var _ Resolver = (*net.Resolver)(nil)

// Checker looks up where domains lead, each at its pace.
type Checker struct {
	resolver Resolver
	now      func() time.Time
	news     func()
	log      *slog.Logger

	mu       sync.Mutex
	schedule schedule
}

// New makes a Checker that calls news when an answer is another than before. Without a resolver it knows nothing, ever.
func New(resolver Resolver, now func() time.Time, news func(), log *slog.Logger) *Checker {
	return &Checker{resolver: resolver, now: now, news: news, log: log, schedule: schedule{}}
}

// Want says which links matter from now on.
func (c *Checker) Want(links []Link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.schedule.want(links)
}

// LeadsTo maps each domain that was answered to where it led then.
func (c *Checker) LeadsTo() map[gslb.Name]gslb.Name {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.schedule.leadsTo()
}

// Run looks up until ctx ends, and returns when the last look-up has.
func (c *Checker) Run(ctx context.Context) {
	if c.resolver == nil {
		return
	}
	var running sync.WaitGroup
	defer running.Wait()
	slots, freed := atOnce, make(chan struct{}, atOnce)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		for _, name := range c.begin(slots) {
			slots--
			running.Go(func() { c.check(ctx, name); freed <- struct{}{} })
		}
		select {
		case <-ctx.Done():
			return
		case <-freed:
			slots++
		case <-ticker.C:
		}
	}
}

func (c *Checker) begin(n int) []gslb.Name {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.schedule.begin(c.now(), n)
}

// check asks for one domain.
func (c *Checker) check(ctx context.Context, name gslb.Name) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	leadsTo, err := follow(ctx, c.resolver, name, c.canonical(name))
	if err != nil {
		c.log.Debug("a domain cannot be looked up; it counts as before", "domain", name, "error", err)
	}
	c.mu.Lock()
	news := c.schedule.end(name, leadsTo)
	c.mu.Unlock()
	if news {
		c.news()
	}
}

func (c *Checker) canonical(name gslb.Name) []gslb.Name {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.schedule[name]; d != nil {
		return d.canonical
	}
	return nil
}

// follow goes from alias to alias until it is where a domain should lead, or at the chain's end. A resolver may answer with
// the first alias of a chain alone: Go's own does. A name that does not exist ends a chain as one with addresses does.
func follow(ctx context.Context, r Resolver, from gslb.Name, canonical []gslb.Name) (gslb.Name, error) {
	at := from
	for range maxHops {
		text, err := r.LookupCNAME(ctx, string(at))
		var failed *net.DNSError
		if errors.As(err, &failed) && failed.IsNotFound {
			return at, nil
		}
		if err != nil {
			return "", err
		}
		next := fold(text)
		if next == at || slices.Contains(canonical, next) {
			return next, nil
		}
		at = next
	}
	return at, nil
}

// fold writes a name as gslb does. It may be one that ParseName refuses: then it is not ours, which is all that matters.
func fold(name string) gslb.Name {
	return gslb.Name(strings.ToLower(strings.TrimSuffix(name, ".")) + ".")
}
