package drills

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"tidegate.dev/tidegate/deploy/daemons"
)

// Relief is what a crowd at one site met.
type Relief struct {
	// Shed is how long it took until a quarter of the crowd went elsewhere, Back how long after the crowd had gone all its
	// clients were answered with it again.
	Shed, Back time.Duration
	// Requests were sent in all, Failed of them, and Elsewhere is the part that went to other sites in the end.
	Requests, Failed int
	Elsewhere        float64
}

// The crowd of Overload: so many requests a second, to a site that can carry capacity.
const (
	crowdSize = 160
	crowdRPS  = 20
	capacity  = 12
	// relieved is the part that must go elsewhere. The plan sends half of the crowd away; what comes of it is rough, because
	// the crowd is a few of the units that its classes are cut into.
	relieved   = 0.25
	crowdLimit = 3 * time.Minute
	// crowdWindow is over how long the site's rate is taken.
	crowdWindow = 10 * time.Second
)

// Overload lets a crowd of clients near a site ask for the sample: each resolves its name when its answer has run out, and
// talks to what it was answered. It waits until a part of it goes elsewhere, lets the crowd go, and waits until
// all are answered with the site again.
func (d *Drills) Overload(ctx context.Context, site string) (r Relief, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*crowdLimit)
	defer cancel()
	c, err := d.gather(ctx, site)
	if err != nil {
		return r, err
	}
	start := time.Now()
	if r, err = c.press(ctx); err != nil {
		return r, err
	}
	r.Shed = time.Since(start)
	d.Say("%s: %d requests/s where %d/s are its capacity; after %v %.0f %% went elsewhere, %d of %d requests failed",
		site, crowdRPS, capacity, r.Shed.Round(time.Second), 100*r.Elsewhere, r.Failed, r.Requests)
	start = time.Now()
	err = until(ctx, func() error {
		away, err := c.away(ctx)
		if err == nil && away > 0 {
			err = fmt.Errorf("%d of %d clients near %s are still sent elsewhere", away, len(c.members), site)
		}
		return err
	})
	r.Back = time.Since(start)
	if err == nil {
		d.Say("%s: all of its clients were back %v after the crowd had gone", site, r.Back.Round(time.Second))
	}
	return r, err
}

// crowd is clients near one site.
type crowd struct {
	d       *Drills
	site    string
	members []*member
	client  *http.Client

	mu   sync.Mutex
	sent []sent
	fail int
}

type member struct {
	subnet netip.Prefix
	answer daemons.Answer
	until  time.Time
}

type sent struct {
	at   time.Time
	site string
}

// gather finds clients of different networks that the site is nearest to.
func (d *Drills) gather(ctx context.Context, site string) (*crowd, error) {
	c := &crowd{d: d, site: site, client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	for second := 0; second < 256; second += 16 {
		for first := 1; first < 224 && len(c.members) < crowdSize; first++ {
			m := &member{subnet: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(first), byte(second), 7, 0}), 24)}
			if err := c.resolve(ctx, m); err != nil {
				return nil, err
			}
			if m.answer.Site == site {
				c.members = append(c.members, m)
			}
		}
	}
	if len(c.members) < crowdSize {
		return nil, fmt.Errorf("only %d of %d networks are near %s", len(c.members), crowdSize, site)
	}
	return c, nil
}

func (c *crowd) resolve(ctx context.Context, m *member) (err error) {
	ns := daemons.NameServers[int(m.subnet.Addr().As4()[0])%len(daemons.NameServers)]
	m.answer, err = daemons.Ask(ctx, c.d.Cluster, ns, daemons.SampleName, m.subnet)
	m.until = time.Now().Add(m.answer.TTL)
	return err
}

// press sends requests until a part of the crowd goes elsewhere.
func (c *crowd) press(ctx context.Context) (r Relief, err error) {
	ticker := time.NewTicker(time.Second / crowdRPS)
	defer ticker.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	for i := 0; ; i++ {
		m := c.members[i%len(c.members)]
		if time.Now().After(m.until) {
			if err := c.resolve(ctx, m); err != nil {
				return r, err
			}
		}
		answer := m.answer
		running.Go(func() { c.request(ctx, answer) })
		select {
		case <-ctx.Done():
			return r, errors.Join(fmt.Errorf("%s was never relieved of its crowd", c.site), ctx.Err())
		case <-ticker.C:
		}
		r = c.seen(time.Now())
		if i%(15*crowdRPS) == 0 {
			c.d.Say("%s: %.0f %% of %d requests/s go elsewhere", c.site, 100*r.Elsewhere, crowdRPS)
		}
		if i > crowdRPS*int(crowdWindow/time.Second) && r.Elsewhere >= relieved {
			return r, nil
		}
	}
}

func (c *crowd) request(ctx context.Context, answer daemons.Answer) {
	ok := false
	if len(answer.Addresses) > 0 {
		url := fmt.Sprintf("http://%s/v1/models", netip.AddrPortFrom(answer.Addresses[0], daemons.SamplePort))
		ok = c.get(ctx, url) == nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, sent{time.Now(), answer.Site})
	if !ok && ctx.Err() == nil {
		c.fail++
	}
}

func (c *crowd) get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Host = daemons.SampleName
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// seen is what has been sent, and where to in the last window.
func (c *crowd) seen(now time.Time) Relief {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := Relief{Requests: len(c.sent), Failed: c.fail}
	all, elsewhere := 0, 0
	for _, s := range c.sent {
		if now.Sub(s.at) > crowdWindow {
			continue
		}
		all++
		if s.site != c.site {
			elsewhere++
		}
	}
	r.Elsewhere = float64(elsewhere) / float64(max(all, 1))
	return r
}

// away is how many of the crowd are answered with another site.
func (c *crowd) away(ctx context.Context) (n int, err error) {
	for _, m := range c.members {
		if err := c.resolve(ctx, m); err != nil {
			return n, err
		}
		if m.answer.Site != c.site {
			n++
		}
	}
	return n, nil
}
